/** Arithmetic on spectra that is safe if singular values are zero to rounding. */
import { outerSum } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * Returns the first entry of each vector: σ₁ of a descending spectrum.
 *
 * @param s - vectors [.., r].
 * @returns batch scalars [..].
 */
export function leadingEntry<M>(la: LinearAlgebra<M>, s: M): M {
  const shape = la.shape(s);
  const batch = shape.slice(0, -1);
  const row = la.reshape(s, [...batch, 1, shape.at(-1) as number]);
  return la.reshape(la.slice(row, { columns: [0, 1] }), batch);
}

/**
 * Returns x / d entrywise, and 0 where d does not exceed its threshold: division on the numerical range.
 *
 * @param x - any array.
 * @param d - nonnegative, of x's shape.
 * @param threshold - of d's shape.
 */
export function divideOnRange<M>(la: LinearAlgebra<M>, x: M, d: M, threshold: M): M {
  const inRange = la.greater(d, threshold);
  const zero = la.full(la.shape(x), 0);
  const one = la.full(la.shape(d), 1);
  return la.where(inRange, la.divide(x, la.where(inRange, d, one)), zero);
}

/**
 * Returns 1/σ, and 0 for singular values that are zero to rounding (σ ≤ r·ε·σ₁): their singular vectors are noise,
 * which dividing would amplify.
 *
 * @param s - descending spectra [.., r].
 */
export function inverseSpectrum<M>(la: LinearAlgebra<M>, s: M): M {
  const shape = la.shape(s);
  const ones = la.full(shape, 1);
  const threshold = la.scaleEach(la.scale((shape.at(-1) as number) * la.epsilon, leadingEntry(la, s)), ones);
  return divideOnRange(la, ones, s, threshold);
}

/**
 * Returns the matrix M_ij / (σ_i + σ_j), 0 where both vanish: the solution N of ΣN + NΣ = M.
 *
 * @param m - [.., r, r].
 * @param s - nonnegative vectors [.., r].
 */
export function divideByPairSums<M>(la: LinearAlgebra<M>, m: M, s: M): M {
  const sums = outerSum(la, s, s);
  return divideOnRange(la, m, sums, la.full(la.shape(sums), 0));
}
