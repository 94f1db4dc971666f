/** Several sparse products at once: types only, so that the contract of the engines can name them. */

import type { CsrMatrix } from './csr-matrix.js';
import type { FactoredMatrix } from './linear-algebra-types.js';

/** Result of one pass over the entries of a sampled matrix E. */
export interface SampledProducts<M> {
  /** ‖E‖². */
  readonly squaredNorm: number;
  /** E·right, m×k. */
  readonly product: M;
  /** Eᵀ·left, n×k. */
  readonly transposeProduct: M;
}

/** Inner products of E, S and Q, all sampled at the places of one pattern. */
export interface CurveProducts {
  /** ⟨E, E⟩. */
  readonly ee: number;
  /** ⟨E, S⟩. */
  readonly es: number;
  /** ⟨S, S⟩. */
  readonly ss: number;
  /** ⟨E, Q⟩. */
  readonly eq: number;
  /** ⟨S, Q⟩. */
  readonly sq: number;
  /** ⟨Q, Q⟩. */
  readonly qq: number;
}

/**
 * Passes over the entries of a sparse matrix that write no array of one number per entry: a cost and its gradient read
 * the data once and take no memory besides.
 *
 * @see Rahman, Sujon and Azad, "FusedMM: a unified SDDMM-SpMM kernel for graph embedding and graph neural networks",
 * IPDPS 2021.
 */
export interface SparsePasses<M> {
  /** ‖E‖², E·right and Eᵀ·left of the residual $E = P_\Omega(LR^\top) - Z$ at the places of Z. (2k + 4k')·nnz flops. */
  residual(observed: CsrMatrix<M>, factors: FactoredMatrix<M>, by: FactoredMatrix<M>): SampledProducts<M>;
  /** The same for the sampled matrix $E = P_\Omega(LR^\top)$ itself; the values of the pattern are not read. */
  sampled(pattern: CsrMatrix<M>, factors: FactoredMatrix<M>, by: FactoredMatrix<M>): SampledProducts<M>;
  /**
   * All inner products of the residual E at a point, and S and Q of their own factors, at the places of Z. 2(k + k₁ +
   * k₂)·nnz flops.
   */
  curve(observed: CsrMatrix<M>, point: FactoredMatrix<M>, first: FactoredMatrix<M>, second: FactoredMatrix<M>): CurveProducts;
}
