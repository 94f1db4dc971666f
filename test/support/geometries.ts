/** Every geometry of rank-r matrices, for tests that are to run on each. */
import {
  type Ambient,
  balancedFactors,
  bures,
  euclideanFactors,
  type FixedRankManifold,
  factored,
  fixedRank,
  type LinearAlgebra,
  type Manifold,
  orthographic,
  quotient,
  quotientFactors,
} from 'bures';
import type { LowRankPoint, LowRankTangent } from 'bures/problems';

/** A geometry, its points and tangents of either form. */
export type AnyGeometry<M> = Manifold<M, LowRankPoint<M>, LowRankTangent<M>, unknown, Ambient<M>> & { toMatrix(x: LowRankPoint<M>): M };

/** The size of the matrices and their rank. */
interface Shape {
  readonly m: number;
  readonly n: number;
  readonly rank: number;
}

const fixedRankNames = ['embedded', 'orthographic', 'bures', 'quotient'] as const;

/** The names of {@link geometry}. */
export const geometryNames = [...fixedRankNames, 'balancedFactors', 'quotientFactors', 'euclideanFactors'] as const;

/** The manifold of fixed rank with a metric and a retraction, by a name. */
export function fixedRankGeometry<M>(name: (typeof fixedRankNames)[number], algebra: LinearAlgebra<M>, shape: Shape): FixedRankManifold<M> {
  const options = { ...shape, algebra };
  return {
    embedded: () => fixedRank(options),
    orthographic: () => fixedRank({ ...options, retraction: orthographic() }),
    bures: () => fixedRank({ ...options, metric: bures(), retraction: factored() }),
    quotient: () => fixedRank({ ...options, metric: quotient() }),
  }[name]();
}

/** A geometry by its name. */
export function geometry<M>(name: (typeof geometryNames)[number], algebra: LinearAlgebra<M>, shape: Shape): AnyGeometry<M> {
  const options = { ...shape, algebra };
  // One type for all: each is given its own points only.
  const one = (made: unknown) => made as AnyGeometry<M>;
  if (name === 'balancedFactors') return one(balancedFactors(options));
  if (name === 'quotientFactors') return one(quotientFactors(options));
  if (name === 'euclideanFactors') return one(euclideanFactors(options));
  return one(fixedRankGeometry(name, algebra, shape));
}
