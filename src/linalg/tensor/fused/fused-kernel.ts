/** Kernels of this library's own, where the backend in use has them. */
import { engine, getBackend, getKernel, type KernelConfig, type NamedAttrMap, type Tensor } from '@tensorflow/tfjs-core';

/**
 * Runs a kernel if the backend in use has it.
 *
 * @returns its outputs, or `undefined`: the caller then composes them of TensorFlow.js's operations.
 */
export function runFusedKernel(
  name: string,
  inputs: Readonly<Record<string, Tensor>>,
  attrs: NamedAttrMap = {},
): readonly Tensor[] | undefined {
  if ((getKernel(name, getBackend()) as KernelConfig | undefined) === undefined) return undefined;
  const outputs: Tensor | Tensor[] = engine().runKernel(name, { ...inputs }, attrs);
  return Array.isArray(outputs) ? outputs : [outputs];
}
