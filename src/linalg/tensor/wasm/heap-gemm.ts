import type { MatmulPlan } from './matmul-plan.js';
import type { WasmBackend } from './wasm-heap.js';

/** A way to compute a batch of products on the wasm heap. */
export interface HeapGemm {
  /** Name for reports. */
  readonly name: 'blas' | 'xnnpack';
  /** Smallest number of multiplications for which a call pays; below it, plain loops are quicker. */
  readonly smallest: number;
  /**
   * Computes every product of a plan, none of whose lengths is zero.
   *
   * @param a, b, c - offsets of the operands and the result in bytes.
   */
  multiply(backend: WasmBackend, plan: MatmulPlan, a: number, b: number, c: number): void;
}
