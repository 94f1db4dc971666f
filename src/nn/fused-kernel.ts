import { getBackend, type KernelConfig, type NamedAttrMap, type Tensor } from '@tensorflow/tfjs-core';
import { placeKernel, runKernel } from '../linalg/tensor/tensorflow-internals.js';

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
