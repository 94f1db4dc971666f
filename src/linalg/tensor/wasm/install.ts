/** Replaces the wasm backend's slow, wrong and missing kernels. */

import type { KernelConfig } from '@tensorflow/tfjs-core';
import { blasStatus, loadSgemm } from '#platform/linalg/host/blas/native';
import { BackendError } from '../../../core/errors.js';
import type { BlasStatus } from '../../host/blas/blas-library.js';
import type { Sgemm } from '../../host/blas/sgemm.js';
import { kernelOf, placeKernel } from '../tensorflow-internals.js';
import { blasHeapGemm } from './blas-heap-gemm.js';
import type { HeapGemm } from './heap-gemm.js';
import { wantHeapKernels } from './heap-kernels.js';
import { identityKernel } from './identity-kernel.js';
import { batchMatMulKernel, fusedMatMulKernel } from './matmul-kernels.js';
import { contiguousSlices } from './slice-kernels.js';
import { unsortedSegmentSumKernel } from './unsorted-segment-sum.js';
import { xnnpackHeapGemm } from './xnnpack-heap-gemm.js';

/** Options of {@link installWasmKernels}. */
export interface WasmKernelOptions {
  /**
   * `'auto'` (default) multiplies over the machine's BLAS library if one is found; `'off'` never does. BURES_BLAS=off
   * in the environment overrides it.
   */
  readonly blas?: 'auto' | 'off';
  /**
   * `'auto'` (default) uses this library's kernels in WebAssembly SIMD where they run; `'off'` composes the backend's
   * operations.
   */
  readonly simd?: 'auto' | 'off';
}

/** Defaults of {@link installWasmKernels}. */
export const defaultWasmKernelOptions: Required<WasmKernelOptions> = { blas: 'auto', simd: 'auto' };

/** Report of {@link installWasmKernels}. */
export interface WasmKernelReport {
  /** Library that computes matrix products: the machine's BLAS, or the backend's XNNPACK. */
  readonly matmul: 'blas' | 'xnnpack';
  /** The BLAS library, or the reason why none is used. */
  readonly blas: BlasStatus;
  /** The kernels that were replaced or added. */
  readonly kernels: readonly string[];
}

/** Products in use, which kernels ask for at each call. */
let gemm: HeapGemm = xnnpackHeapGemm;
let sgemmInUse: Sgemm | undefined;

/** Returns BLAS's product on the heap's own memory; `undefined` if none is found or wanted. */
export function heapSgemm(): Sgemm | undefined {
  return sgemmInUse;
}

const kernels: readonly KernelConfig[] = [
  batchMatMulKernel(() => gemm),
  fusedMatMulKernel(() => gemm),
  identityKernel,
  unsortedSegmentSumKernel,
];

/**
 * Puts kernels of this library in place of the wasm backend's own, for the whole process: matrix products with
 * transposes and batches at full speed, `tf.fused.matMul` with its bias, slices in one piece, and the gradient of
 * `tf.gather`. A second call with other options changes only what computes the products.
 *
 * The gradient that TensorFlow.js has for a product whose batch axes were broadcast has the result's batch axes on
 * every backend, not the operand's: see `installMatMulGradient`.
 *
 * @throws BackendError if the wasm backend is not loaded.
 */
export function installWasmKernels(options: WasmKernelOptions = {}): WasmKernelReport {
  const { blas, simd } = { ...defaultWasmKernelOptions, ...options };
  if (kernelOf('BatchMatMul', 'wasm') === undefined) {
    throw new BackendError(
      "installWasmKernels: expected the wasm backend, which is not loaded; import '@tensorflow/tfjs-backend-wasm' first",
    );
  }
  const placed = [...kernels, ...contiguousSlices()];
  for (const kernel of placed) placeKernel(kernel);
  wantHeapKernels(simd !== 'off');
  sgemmInUse = blas === 'off' ? undefined : loadSgemm();
  gemm = sgemmInUse === undefined ? xnnpackHeapGemm : blasHeapGemm(sgemmInUse);
  return { matmul: gemm.name, blas: status(blas, sgemmInUse !== undefined), kernels: placed.map(({ kernelName }) => kernelName) };
}

function status(blas: 'auto' | 'off', used: boolean): BlasStatus {
  if (blas === 'off') return { available: false, reason: "the option blas: 'off'; leave it out to use a BLAS library" };
  const found = blasStatus();
  if (used || !found.available) return found;
  return { available: false, reason: `${found.library} has no cblas_sgemm; set BURES_BLAS to the path of a library that has` };
}
