import type { Tensor } from '@tensorflow/tfjs-core';
import { currentBackend, offsetOf, tensorOf } from '../tensorflow-internals.js';
import { floatsAt, makeTensor, type WasmBackend } from './wasm-heap.js';

/** A tensor on the wasm heap that is filled in place. */
export interface HeapTensor {
  readonly tensor: Tensor;
  /** Returns its numbers where they are now: the heap moves when it grows. Valid until the tensor is disposed of. */
  values(): Float32Array;
}

/**
 * Makes a float32 tensor of arbitrary contents, to be written before it is read. The wasm backend must be
 * TensorFlow.js's current one.
 *
 * @throws BackendError if the heap is full.
 */
export function heapTensor(shape: readonly number[]): HeapTensor {
  const backend = currentBackend<WasmBackend>();
  const tensor = tensorOf(makeTensor(backend, shape, 'float32'));
  return { tensor, values: () => floatsAt(backend, offsetOf(backend, tensor), tensor.size) };
}
