/** Exponentials of skew-symmetric matrices, logarithms of rotations, and what mends the orthogonality of a result. */
import { NumericalError } from '../core/errors.js';
import { eye, square } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { fromEigenbasis } from '../linalg/matrix-functions.js';
import { divideOnRange } from './spectrum.js';

/** Largest angle of a turn, times ε: its error, which Newton's iteration still mends. */
const FEWEST_DIGITS = 1e-3;

/** @throws NumericalError for angles, in radians, of which rounding leaves less than three digits. */
export function checkTurn<M>(caller: string, la: LinearAlgebra<M>, angles: M): void {
  const largest = (la.peek(angles) ?? new Float64Array()).reduce((most, angle) => Math.max(most, Math.abs(angle)), 0);
  if (!(largest > FEWEST_DIGITS / la.epsilon)) return;
  throw new NumericalError(
    `${caller}: the tangent turns by ${largest.toExponential(1)} radians, of which rounding leaves less than three digits; take a shorter step`,
  );
}

/** Returns ½(W − Wᵀ). */
export function skewPart<M>(la: LinearAlgebra<M>, w: M): M {
  return la.scale(0.5, la.subtract(w, la.transpose(w)));
}

/**
 * Takes one step of Newton's iteration for the orthogonal polar factor, ½Q(3I − QᵀQ), which removes the drift of
 * rounding without a factorization.
 */
export function polished<M>(la: LinearAlgebra<M>, q: M): M {
  const gram = la.matmul(q, q, { transposeA: true });
  return la.axpy(-0.5, la.matmul(q, gram), la.scale(1.5, q));
}

/**
 * Returns exp(Ω) = cos(Θ) + Ω sin(Θ)/Θ with Θ = (ΩᵀΩ)^½, which commutes with Ω and whose eigenvalues are the singular
 * values of Ω.
 *
 * @param caller - the operation that a message names.
 * @param skew - Ω, skew-symmetric, [.., n, n].
 * @throws NumericalError if Ω turns by so much that rounding leaves less than three digits.
 */
export function skewExponential<M>(la: LinearAlgebra<M>, caller: string, skew: M): M {
  const { S, V } = la.svd(skew);
  checkTurn(caller, la, S);
  // Where θ is zero, so is Ω on that space: any finite quotient will do.
  const sinc = divideOnRange(la, la.sin(S), S, la.full(la.shape(S), 0));
  return la.add(fromEigenbasis(la, V, la.cos(S)), la.matmul(skew, fromEigenbasis(la, V, sinc)));
}

/**
 * Returns log(Q), a skew-symmetric matrix. The singular values of I + Q are 2 cos(θ/2), and in its right singular
 * vectors V the matrix K = ½Vᵀ(Q − Qᵀ)V has a block of each angle θ, sin(θ) times a quarter turn J.
 *
 * Up to a quarter turn the logarithm is K Θ/sin(Θ). Beyond, where the quotient grows and K loses digits, it is Θ times
 * the orthogonal polar factor of K, which is J itself: a plane of half a turn has an orientation to all digits but none
 * of the sine. The quotient is even in θ, so the digits of a small θ that a cosine loses do not affect it.
 *
 * @param caller - the operation that a message names.
 * @param q - a rotation, [.., n, n].
 * @throws NumericalError if it turns a plane by half a turn, or is no rotation.
 */
export function rotationLogarithm<M>(la: LinearAlgebra<M>, caller: string, q: M): M {
  const shape = la.shape(q);
  const n = shape.at(-1) as number;
  const { S, V } = la.svd(la.add(eye(la, n, shape.slice(0, -2)), q));
  const cosines = la.peek(S);
  if (cosines?.some((value) => value <= 4 * n * la.epsilon)) {
    throw new NumericalError(
      `${caller}: the points are half a turn apart in some plane, or have determinants of different sign; no unique geodesic joins them, choose points closer together`,
    );
  }
  const one = la.full(la.shape(S), 1);
  const cosine = la.maximum(la.scale(0.5, S), la.epsilon);
  const sine = la.sqrt(la.maximum(la.subtract(one, square(la, cosine)), 0));
  // With t = tan(θ/2): θ/sin(θ) = atan(t)(1 + t²)/t, and 1 + t² = 1/cos²(θ/2).
  const t = la.divide(sine, cosine);
  const ratio = la.where(la.greater(t, 0), divideOnRange(la, la.atan(t), t, la.full(la.shape(t), 0)), one);
  const quotient = la.divide(ratio, square(la, cosine));
  const k = la.matmul(la.matmul(V, skewPart(la, q), { transposeA: true }), V);
  const near = la.greater(S, Math.SQRT2);
  const upToQuarter = la.scaleColumns(within(la, near, k), quotient);
  const isNear = cosines?.every((value) => value > Math.SQRT2) === true;
  const log = isNear ? upToQuarter : la.add(upToQuarter, beyondQuarter(la, k, near, la.scale(2, la.atan(t))));
  return la.matmul(la.matmul(V, skewPart(la, log)), V, { transposeB: true });
}

/**
 * Returns log(Q) as {@link rotationLogarithm} does. Where a device cannot be read at once, so that no error can be
 * thrown, the entries are NaN unless the exponential leads back to Q.
 */
export function groupLogarithm<M>(la: LinearAlgebra<M>, caller: string, q: M): M {
  const log = rotationLogarithm(la, caller, q);
  if (la.peek(q) !== undefined) return log;
  const wrong = la.normEach(la.subtract(skewExponential(la, caller, log), q));
  return la.scaleEach(oneOrNaN(la, wrong, 1e3 * (la.shape(q).at(-1) as number) * la.epsilon), log);
}

/** Returns 1 where an error, one number a batch member, is below a bound, else NaN. */
export function oneOrNaN<M>(la: LinearAlgebra<M>, error: M, bound: number): M {
  const fine = la.greater(la.full(la.shape(error), bound), error);
  return la.divide(fine, fine);
}

/** Returns J Θ for the angles beyond a quarter turn, and zero on the planes of the others, which `near` marks. */
function beyondQuarter<M>(la: LinearAlgebra<M>, k: M, near: M, angles: M): M {
  const far = la.subtract(la.full(la.shape(near), 1), near);
  // The identity on the other planes keeps the matrix invertible.
  const { U, V } = la.svd(la.add(within(la, far, k), la.diagMatrix(near)));
  return la.scaleColumns(within(la, far, la.matmul(U, V, { transposeB: true })), angles);
}

/** Keeps the rows and columns that a mask of ones and zeros marks. */
function within<M>(la: LinearAlgebra<M>, mask: M, x: M): M {
  return la.scaleRows(mask, la.scaleColumns(x, mask));
}
