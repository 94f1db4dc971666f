import { getBackend, type KernelConfig, type NamedAttrMap, type Tensor } from '@tensorflow/tfjs-core';
import { placeKernel, runKernel } from './tensorflow-internals.js';
import { heapKernels } from './wasm/heap-kernels.js';

/**
 * Runs one of this library's own kernels if it belongs to the backend in use; the first call registers it there.
 *
 * @returns its outputs, or `undefined`: the caller then composes TensorFlow.js operations.
 */
export function runFusedKernel(
  kernel: KernelConfig,
  inputs: Readonly<Record<string, Tensor>>,
  attrs: NamedAttrMap = {},
): readonly Tensor[] | undefined {
  if (kernel.backendName !== getBackend()) return undefined;
  placeKernel(kernel);
  return runKernel(kernel.kernelName, inputs, attrs);
}

/** The same as {@link runFusedKernel} for a kernel that calls this library's functions in WebAssembly. */
export function runHeapKernel(...[kernel, inputs, attrs]: Parameters<typeof runFusedKernel>): readonly Tensor[] | undefined {
  return heapKernels() === undefined ? undefined : runFusedKernel(kernel, inputs, attrs);
}
