/** What computes matrix products on the wasm heap. */
import type { MatmulPlan } from './matmul-plan.js';
import type { WasmBackend } from './wasm-heap.js';

/** A way to compute a batch of products on the heap. */
export interface HeapGemm {
  /** For reports. */
  readonly name: 'blas' | 'xnnpack';
  /** From how many multiplications a product on a call pays; below, plain loops are quicker. */
  readonly smallest: number;
  /**
   * Computes every product of a plan, none of whose lengths is zero.
   *
   * @param a, b, c - offsets of the operands and the result in bytes.
   */
  multiply(backend: WasmBackend, plan: MatmulPlan, a: number, b: number, c: number): void;
}
