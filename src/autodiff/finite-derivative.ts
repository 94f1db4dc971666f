/** Derivatives that do not exist: found where numbers can be read at once. */
import { NumericalError } from '../core/errors.js';
import { hasFiniteEntries } from '../linalg/finite-entries.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/** A derivative, with what it was made of. */
export interface Made<M> {
  /** The function that the user called. */
  readonly caller: string;
  /** Arrays, or trees of them, by which the derivative is linear. */
  readonly along: readonly unknown[];
  /** Returns the value of the differentiated function. */
  value(): M;
}

/**
 * Returns a derivative. Where the value, or what the derivative is taken along, is not finite either, that is to blame,
 * and the derivative is returned as it is: solvers take such a point for a step that is too long.
 *
 * @throws NumericalError if the derivative alone has entries that are not finite, where they can be read at once.
 */
export function finite<M, P>(la: LinearAlgebra<M>, derivative: P, { caller, along, value }: Made<M>): P {
  if (hasFiniteEntries(la, derivative) || !hasFiniteEntries(la, along) || !hasFiniteEntries(la, value())) return derivative;
  throw new NumericalError(
    `${caller}: the derivative has entries that are not finite at this point, as through eigh and svd where values repeat, or norm and normEach of zeros; ` +
      'write the function by sqrtSpd, inverseSqrtSpd, polar, solveLyapunov or cholesky, and squares of norms by inner, whose derivatives exist there, or state the derivative yourself',
  );
}
