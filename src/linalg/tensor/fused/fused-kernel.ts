/** Kernels of this library's own, where the backend in use has them. */
import { engine, getBackend, getKernel, type KernelConfig, type NamedAttrMap, type Tensor } from '@tensorflow/tfjs-core';

/** Whether the backend in use has a kernel. */
export function hasFusedKernel(name: string): boolean {
  return (getKernel(name, getBackend()) as KernelConfig | undefined) !== undefined;
}

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
  if (!hasFusedKernel(name)) return undefined;
  const outputs: Tensor | Tensor[] = engine().runKernel(name, { ...inputs }, attrs);
  return Array.isArray(outputs) ? outputs : [outputs];
}
