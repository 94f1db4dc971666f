/** What a balanced projection gives, and which one is asked for. */

/**
 * Which of the balanced pairs with one product to take; they differ by an orthogonal (AQ, QᵀB).
 * `'svd'`: hyper-balanced, AᵀA = BBᵀ = diag(σ), as published; unique up to signs, order and rotations among equal σ.
 * `'nearest'`: the balanced pair closest to (A, B) in Frobenius norm, which varies smoothly.
 * `'none'`: whichever the algorithm arrives at first.
 */
export type BalancedGauge = 'svd' | 'nearest' | 'none';

/** A balanced pair and how it came about. */
export type BalancedProjection<M> = {
  /** A T⁻¹, m×r. */
  readonly A: M;
  /** T B, r×n. */
  readonly B: M;
  /** The gauge matrix, r×r. */
  readonly T: M;
  /** Its inverse, r×r. */
  readonly inverseT: M;
  /** 1 for the coordinates that are balanced, 0 for those left over where AB has numerical rank below r: a vector of length r, in `'svd'` order. */
  readonly balanced: M;
};
