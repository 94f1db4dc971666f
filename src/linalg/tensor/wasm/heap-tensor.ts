/** Tensors on the wasm heap that are filled in place. */
import { engine, type Tensor } from '@tensorflow/tfjs-core';
import { floatsAt, makeTensor, offsetOf, type WasmBackend } from './wasm-heap.js';

/** A tensor of any contents, and where it lies. */
export interface HeapTensor {
  readonly tensor: Tensor;
  /** Its numbers, at their place as it is now: the heap moves when it grows. Good until the tensor is disposed of. */
  values(): Float32Array;
}

/**
 * A float32 tensor whose contents are whatever the memory held, to be written before it is read. The wasm backend must be TensorFlow.js's current one.
 *
 * @throws BackendError if the heap is full.
 */
export function heapTensor(shape: readonly number[]): HeapTensor {
  const backend = engine().backend as unknown as WasmBackend;
  const tensor = engine().makeTensorFromTensorInfo(makeTensor(backend, shape, 'float32'));
  return { tensor, values: () => floatsAt(backend, offsetOf(backend, tensor), tensor.size) };
}
