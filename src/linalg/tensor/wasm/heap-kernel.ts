/** What the kernels share that call this library's functions in WebAssembly. */
import type { KernelConfig, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';
import { offsetOf } from '../tensorflow-internals.js';
import { type HeapKernels, startedKernels } from './heap-kernels.js';
import { makeTensor, type WasmBackend } from './wasm-heap.js';

/** What a kernel works with. */
export interface HeapCall {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly attrs: NamedAttrMap;
  readonly backend: WasmBackend;
  readonly kernels: HeapKernels;
  /** Makes float32 tensors of arbitrary contents. They are released if the kernel fails. */
  make(...shapes: readonly (readonly number[])[]): TensorInfo[];
  /** Returns where float32 tensors lie, in bytes from the heap's beginning. */
  offsets(...tensors: readonly TensorInfo[]): number[];
}

/**
 * Declares a kernel.
 *
 * @param operation - the name that its errors begin with.
 * @param compute - computes the outputs.
 */
export function heapKernel(kernelName: string, operation: string, compute: (call: HeapCall) => TensorInfo | TensorInfo[]): KernelConfig {
  return {
    kernelName,
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend: opaque, attrs = {} }) => {
      const kernels = startedKernels();
      if (kernels === undefined)
        throw new BackendError(`${operation}: expected this library's kernels in WebAssembly, got none; compose it`);
      const backend = opaque as WasmBackend;
      const made: TensorInfo[] = [];
      try {
        return compute({
          ...{ inputs: inputs as Readonly<Record<string, TensorInfo>>, attrs, backend, kernels },
          make: (...shapes) =>
            shapes.map((shape) => {
              const tensor = makeTensor(backend, shape, 'float32');
              made.push(tensor);
              return tensor;
            }),
          offsets: (...tensors) =>
            tensors.map((tensor) => {
              if (tensor.dtype !== 'float32')
                throw new BackendError(`${operation}: expected float32 tensors, got ${tensor.dtype}; cast them first`);
              return offsetOf(backend, tensor);
            }),
        });
      } catch (error) {
        for (const { dataId } of made) backend.disposeData(dataId);
        throw error;
      }
    },
  };
}

/** Returns the product of the lengths of a shape's axes. */
export function lengthOf(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}
