/**
 * Hyperbolic functions of each entry of an array, accurate to ε relative to their value also near zero, where
 * exponential and logarithm alone lose it.
 */
import type { LinearAlgebra } from './linear-algebra.js';

/**
 * Returns log(1 + x), for x > −1.
 *
 * @see Goldberg, "What every computer scientist should know about floating-point arithmetic", ACM Comput. Surv. 23(1),
 * 1991, theorem 4: the rounding of 1 + x enters numerator and denominator alike.
 */
export function log1p<M>(la: LinearAlgebra<M>, x: M): M {
  const one = la.full(la.shape(x), 1);
  const shifted = la.add(one, x);
  const step = la.subtract(shifted, one);
  const isLost = isZero(la, step);
  return la.where(isLost, x, la.multiply(x, la.divide(la.log(shifted), la.where(isLost, one, step))));
}

/**
 * Returns exp(x) − 1.
 *
 * @see Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 1.14.1, algorithm 2.
 */
export function expm1<M>(la: LinearAlgebra<M>, x: M): M {
  const one = la.full(la.shape(x), 1);
  const grown = la.exp(x);
  const step = la.subtract(grown, one);
  const logarithm = la.log(grown);
  // Beyond ±1 nothing cancels, and the logarithm may be infinite.
  const isLarge = la.greater(la.multiply(x, x), 1);
  const isLost = isZero(la, logarithm);
  const close = la.multiply(x, la.divide(la.where(isLarge, one, step), la.where(la.maximum(isLost, isLarge), one, logarithm)));
  return la.where(isLarge, step, la.where(isLost, x, close));
}

/** Returns sinh(x). */
export function sinh<M>(la: LinearAlgebra<M>, x: M): M {
  const step = expm1(la, la.multiply(x, la.sign(x)));
  const one = la.full(la.shape(x), 1);
  // ½(e^x − e^−x), of e^x − 1 = s: ½(s + s/(s + 1)), where the quotient of a large s is 1.
  const isLarge = la.greater(step, 1 / la.epsilon);
  const modest = la.where(isLarge, one, step);
  const quotient = la.where(isLarge, one, la.divide(modest, la.add(modest, one)));
  return la.multiply(la.sign(x), la.scale(0.5, la.add(step, quotient)));
}

/** Returns cosh(x). */
export function cosh<M>(la: LinearAlgebra<M>, x: M): M {
  return la.scale(0.5, la.add(la.exp(x), la.exp(la.scale(-1, x))));
}

/** Returns tanh(x). */
export function tanh<M>(la: LinearAlgebra<M>, x: M): M {
  // (1 − e^−2|x|)/(1 + e^−2|x|).
  const shrunk = expm1(la, la.scale(-2, la.multiply(x, la.sign(x))));
  const two = la.full(la.shape(x), 2);
  return la.multiply(la.sign(x), la.divide(la.scale(-1, shrunk), la.add(two, shrunk)));
}

/** Returns arsinh(x). */
export function asinh<M>(la: LinearAlgebra<M>, x: M): M {
  const size = la.multiply(x, la.sign(x));
  const one = la.full(la.shape(x), 1);
  // Squares overflow where log(2|x|) is exact to rounding.
  const isLarge = la.greater(size, 1 / la.epsilon);
  const modest = la.where(isLarge, one, size);
  const square = la.multiply(modest, modest);
  const near = log1p(la, la.add(modest, la.divide(square, la.add(one, la.sqrt(la.add(one, square))))));
  const far = la.add(la.log(la.where(isLarge, size, one)), la.full(la.shape(x), Math.LN2));
  return la.multiply(la.sign(x), la.where(isLarge, far, near));
}

/**
 * Returns d coth(d) for d ≥ 0, the greatest curvature of half a squared distance d in a space of curvature −1; below
 * 1e-4, where it is 1 + d²/3, it counts as 1.
 */
export function timesCoth(d: number): number {
  return d > 1e-4 ? d / Math.tanh(d) : 1;
}

/** Returns 1 where an entry is zero, else 0. */
function isZero<M>(la: LinearAlgebra<M>, x: M): M {
  return la.subtract(la.full(la.shape(x), 1), la.multiply(la.sign(x), la.sign(x)));
}
