/** Random arrays from which random points are made. */
import type { Random } from '../core/random.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * Draws matrices with orthonormal columns, uniformly distributed (Haar): the Q of a Gaussian matrix, with the diagonal
 * of R positive.
 *
 * @param shape - [.., m, r], r ≤ m.
 * @see Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 54, 2007.
 */
export function randomOrthonormal<M>(la: LinearAlgebra<M>, shape: readonly number[], random: Random): M {
  return la.qr(la.randomNormal(shape, random)).Q;
}

/**
 * Draws spectra uniform on [½, 1), descending, so that random points are well conditioned and away from the boundary of
 * the manifold.
 *
 * @param shape - [.., r].
 */
export function randomSpectrum<M>(la: LinearAlgebra<M>, shape: readonly number[], random: Random): M {
  const rank = shape.at(-1) as number;
  const count = shape.reduce((product, size) => product * size, 1);
  const values = new Float64Array(count).map(() => 0.5 + 0.5 * random.uniform());
  for (let first = 0; first < count; first += rank)
    values
      .subarray(first, first + rank)
      .sort()
      .reverse();
  return la.fromArray(values, shape);
}
