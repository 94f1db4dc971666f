/** Checks of a user's input to `fixedRank`: points, and factors to make them from. */
import { DomainError, ShapeError } from '../core/errors.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FixedRankPoint } from '../metrics/fixed-rank-metric.js';
import { checkFinite, checkOrthonormal, checkShape, checkShapes } from './checks.js';

/**
 * @throws ShapeError unless A B is a product of this manifold's shape, with an inner dimension of at least the rank.
 */
export function checkProduct<M>(la: LinearAlgebra<M>, a: M, b: M, shape: readonly number[], rank: number): void {
  const inner = la.isArray(a) ? (la.shape(a).at(-1) ?? 0) : 0;
  checkShape('fixedRank.fromFactors', la, 'A', a, [...shape.slice(0, -1), inner]);
  checkShape('fixedRank.fromFactors', la, 'B', b, [...shape.slice(0, -2), inner, shape.at(-1) as number]);
  if (inner < rank) {
    throw new ShapeError(
      `fixedRank.fromFactors: A has ${inner} columns, and a matrix of rank ${rank} needs at least as many; widen the factors or lower the rank`,
    );
  }
}

/** Checks that U and V are orthonormal, and S positive and descending. */
export async function checkFixedRankPoint<M>(
  la: LinearAlgebra<M>,
  x: FixedRankPoint<M>,
  shapes: Readonly<Record<'U' | 'S' | 'V', readonly number[]>>,
): Promise<void> {
  checkShapes('fixedRank', la, x, shapes);
  await checkFinite('fixedRank', la, x);
  await checkOrthonormal('fixedRank', la, 'U', x.U);
  await checkOrthonormal('fixedRank', la, 'V', x.V);
  const spectra = await la.toArray(x.S);
  const rank = shapes.S.at(-1) as number;
  spectra.forEach((sigma, index) => {
    const descends = index % rank === 0 || sigma <= (spectra[index - 1] as number);
    if (sigma >= 0 && descends) return;
    throw new DomainError(
      `fixedRank: S must hold singular values, nonnegative and descending, got ${sigma} at ${index}; build the point with fromFactors(A, B) or from an svd`,
    );
  });
  spectra.forEach((sigma, index) => {
    const largest = spectra[index - (index % rank)];
    if (sigma > rank * la.epsilon * largest) return;
    throw new DomainError(
      `fixedRank: S must hold ${rank} singular values above rounding, got ${sigma} at ${index}, with the largest ${largest}; lower the rank, or perturb the point`,
    );
  });
}

/**
 * Returns a point that was made of a matrix.
 *
 * @throws DomainError if its rank is lower to rounding. An engine that is not read at once leaves that to `checkPoint`.
 */
export function ofFullRank<M>(caller: string, la: LinearAlgebra<M>, x: FixedRankPoint<M>): FixedRankPoint<M> {
  const spectra = la.peek(x.S);
  const rank = la.shape(x.S).at(-1) as number;
  spectra?.forEach((sigma, index) => {
    const [largest, place] = [spectra[index - (index % rank)], index % rank];
    if (sigma > rank * la.epsilon * largest) return;
    throw new DomainError(
      `${caller}: expected a matrix of rank ${rank} at least, got one of rank ${largest > 0 ? place : 0} to rounding; lower the rank, or perturb the matrix`,
    );
  });
  return x;
}
