/** Result of a balanced projection, and the gauges to choose from. */

/**
 * Choice among the balanced pairs with the same product, which differ by an orthogonal (AQ, QᵀB). `'svd'`:
 * hyper-balanced, AᵀA = BBᵀ = diag(σ), as published; unique up to signs, order and rotations among equal σ.
 * `'nearest'`: the balanced pair closest to (A, B) in Frobenius norm, which varies smoothly. `'none'`: the pair that
 * the algorithm reaches first.
 */
export type BalancedGauge = 'svd' | 'nearest' | 'none';

/** A balanced pair and the change of gauge that leads to it. */
export type BalancedProjection<M> = {
  /** A T⁻¹, m×r. */
  readonly A: M;
  /** T B, r×n. */
  readonly B: M;
  /** The gauge matrix, r×r. */
  readonly T: M;
  /** Its inverse, r×r. */
  readonly inverseT: M;
  /**
   * Vector of length r, in `'svd'` order: 1 for balanced coordinates, 0 for those left over if AB has numerical rank
   * below r.
   */
  readonly balanced: M;
};
