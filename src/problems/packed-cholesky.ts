/**
 * Cholesky factorization of small symmetric matrices as packed lower triangles: entry (p, q), q ≤ p, lies at p(p +
 * 1)/2 + q. A completion solves a small system for each row, for which calls of a matrix library would take longer than
 * the arithmetic.
 *
 * @see Golub and Van Loan, Matrix Computations, 4th edition, section 4.2.
 */

/**
 * Computes the factor L of G + diag(ridge) = L Lᵀ in k³/3 flops. A few roundings are added to each diagonal entry: they
 * are negligible in any units, and enough if the matrix is singular.
 *
 * @param gram - G, k×k and positive semidefinite.
 * @param factor - L, written to.
 */
export function factorize(gram: Float64Array, ridge: Float64Array, factor: Float64Array): void {
  const k = ridge.length;
  for (let p = 0; p < k; p++) {
    const atP = (p * (p + 1)) / 2;
    const rounding = 1e-14 * gram[atP + p] + Number.MIN_VALUE;
    for (let q = 0; q <= p; q++) {
      const atQ = (q * (q + 1)) / 2;
      let sum = gram[atP + q];
      if (p === q) sum += ridge[p] + rounding;
      for (let l = 0; l < q; l++) sum -= factor[atP + l] * factor[atQ + l];
      factor[atP + q] = p === q ? Math.sqrt(Math.max(sum, rounding)) : sum / factor[atQ + q];
    }
  }
}

/**
 * Solves L Lᵀ x = b in 2k² flops.
 *
 * @param solution - x, written to.
 */
export function solveFactored(factor: Float64Array, right: Float64Array, solution: Float64Array): void {
  const k = right.length;
  for (let p = 0; p < k; p++) {
    const atP = (p * (p + 1)) / 2;
    let sum = right[p];
    for (let q = 0; q < p; q++) sum -= factor[atP + q] * solution[q];
    solution[p] = sum / factor[atP + p];
  }
  for (let p = k - 1; p >= 0; p--) {
    let sum = solution[p];
    for (let q = p + 1; q < k; q++) sum -= factor[(q * (q + 1)) / 2 + p] * solution[q];
    solution[p] = sum / factor[(p * (p + 3)) / 2];
  }
}

/**
 * Computes (L Lᵀ)⁻¹ = L⁻ᵀ L⁻¹ in 2k³/3 flops.
 *
 * @param factor - L, replaced by L⁻¹.
 * @param inverse - written to.
 */
export function invertFactored(factor: Float64Array, inverse: Float64Array, k: number): void {
  for (let q = 0; q < k; q++) {
    const atQQ = (q * (q + 3)) / 2;
    factor[atQQ] = 1 / factor[atQQ];
  }
  for (let p = 1; p < k; p++) {
    const atP = (p * (p + 1)) / 2;
    const diagonal = factor[atP + p];
    for (let q = 0; q < p; q++) {
      let sum = 0;
      for (let l = q; l < p; l++) sum -= factor[atP + l] * factor[(l * (l + 1)) / 2 + q];
      factor[atP + q] = sum * diagonal;
    }
  }
  for (let p = 0; p < k; p++) {
    for (let q = 0; q <= p; q++) {
      let sum = 0;
      for (let l = p; l < k; l++) sum += factor[(l * (l + 1)) / 2 + p] * factor[(l * (l + 1)) / 2 + q];
      inverse[(p * (p + 1)) / 2 + q] = sum;
    }
  }
}
