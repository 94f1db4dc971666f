/** Replaces the wasm backend's slow, wrong and missing kernels. */
import { getKernel, type KernelConfig, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';
import { type BlasStatus, blasStatus } from '../../host/blas/blas-library.js';
import { loadSgemm } from '../../host/blas/sgemm.js';
import { attentionKernels } from './attention-kernel.js';
import { blasHeapGemm } from './blas-heap-gemm.js';
import { crossEntropyKernel } from './cross-entropy-kernel.js';
import type { HeapGemm } from './heap-gemm.js';
import { identityKernel } from './identity-kernel.js';
import { batchMatMulKernel, fusedMatMulKernel } from './matmul-kernels.js';
import { ropeKernel } from './rope-kernel.js';
import { unsortedSegmentSumKernel } from './unsorted-segment-sum.js';
import { xnnpackHeapGemm } from './xnnpack-heap-gemm.js';

/** Options of {@link installWasmKernels}. */
export interface WasmKernelOptions {
  /** `'auto'` multiplies over the machine's BLAS library where one is found; `'off'` never does. The environment's BURES_BLAS=off is stronger. */
  readonly blas?: 'auto' | 'off';
}

/** The options that are used where none are given. */
export const defaultWasmKernelOptions: Required<WasmKernelOptions> = { blas: 'auto' };

/** What {@link installWasmKernels} put in place. */
export interface WasmKernelReport {
  /** What computes matrix products: the machine's BLAS, or the backend's XNNPACK. */
  readonly matmul: 'blas' | 'xnnpack';
  /** The BLAS library, or the reason why none is used. */
  readonly blas: BlasStatus;
  /** The kernels that were replaced or added. */
  readonly kernels: readonly string[];
}

/** Kernels ask for it at each call. */
let gemm: HeapGemm = xnnpackHeapGemm;

const kernels: readonly KernelConfig[] = [
  batchMatMulKernel(() => gemm),
  fusedMatMulKernel(() => gemm),
  identityKernel,
  unsortedSegmentSumKernel,
  ropeKernel,
  crossEntropyKernel,
];

/**
 * Puts kernels of this library in place of the wasm backend's own, for the whole process: matrix products with transposes and batches
 * at full speed, `tf.fused.matMul` with its bias, and the gradient of `tf.gather`. A second call changes nothing but what computes
 * the products, if its options differ.
 *
 * The gradient that TensorFlow.js has for a product whose batch axes were broadcast has the result's batch axes on every backend,
 * not the operand's: see `installMatMulGradient`.
 *
 * @throws BackendError if the wasm backend is not loaded.
 */
export function installWasmKernels(options: WasmKernelOptions = {}): WasmKernelReport {
  const { blas } = { ...defaultWasmKernelOptions, ...options };
  if ((getKernel('BatchMatMul', 'wasm') as KernelConfig | undefined) === undefined) {
    throw new BackendError(
      "installWasmKernels: expected the wasm backend, which is not loaded; import '@tensorflow/tfjs-backend-wasm' first",
    );
  }
  for (const kernel of kernels) {
    const present = getKernel(kernel.kernelName, 'wasm') as KernelConfig | undefined;
    if (present?.kernelFunc === kernel.kernelFunc) continue;
    if (present !== undefined) unregisterKernel(kernel.kernelName, 'wasm');
    registerKernel(kernel);
  }
  const sgemm = blas === 'off' ? undefined : loadSgemm();
  // Without BLAS their composition of products is as quick.
  for (const kernel of attentionKernels(() => sgemm)) {
    if ((getKernel(kernel.kernelName, 'wasm') as KernelConfig | undefined) !== undefined) unregisterKernel(kernel.kernelName, 'wasm');
    if (sgemm !== undefined) registerKernel(kernel);
  }
  gemm = sgemm === undefined ? xnnpackHeapGemm : blasHeapGemm(sgemm);
  return { matmul: gemm.name, blas: status(blas, sgemm !== undefined), kernels: kernels.map(({ kernelName }) => kernelName) };
}

function status(blas: 'auto' | 'off', used: boolean): BlasStatus {
  if (blas === 'off') return { available: false, reason: "the option blas: 'off'; leave it out to use a BLAS library" };
  const found = blasStatus();
  if (used || !found.available) return found;
  return { available: false, reason: `${found.library} has no cblas_sgemm; set BURES_BLAS to the path of a library that has` };
}
