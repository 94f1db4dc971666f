/** Every geometry of rank-r matrices, for problems that are to run on each. */
import {
  type Ambient,
  balancedFactors,
  bures,
  euclideanFactors,
  factored,
  fixedRank,
  type LinearAlgebra,
  type Manifold,
  orthographic,
  quotient,
  quotientFactors,
} from '../../src/index.js';
import type { LowRankPoint, LowRankTangent } from '../../src/problems/index.js';

/** A geometry, its points and tangents of either form. */
export type AnyGeometry<M> = Manifold<M, LowRankPoint<M>, LowRankTangent<M>, unknown, Ambient<M>> & { toMatrix(x: LowRankPoint<M>): M };

/** The names of {@link geometry}. */
export const geometryNames = [
  'embedded',
  'orthographic',
  'bures',
  'quotient',
  'balancedFactors',
  'quotientFactors',
  'euclideanFactors',
] as const;

/** A geometry by its name. */
export function geometry<M>(
  name: (typeof geometryNames)[number],
  algebra: LinearAlgebra<M>,
  shape: { readonly m: number; readonly n: number; readonly rank: number },
): AnyGeometry<M> {
  const options = { ...shape, algebra };
  const made = {
    embedded: () => fixedRank(options),
    orthographic: () => fixedRank({ ...options, retraction: orthographic() }),
    bures: () => fixedRank({ ...options, metric: bures(), retraction: factored() }),
    quotient: () => fixedRank({ ...options, metric: quotient() }),
    balancedFactors: () => balancedFactors(options),
    quotientFactors: () => quotientFactors(options),
    euclideanFactors: () => euclideanFactors(options),
  }[name]();
  // One type for the table: each is given its own points only.
  return made as unknown as AnyGeometry<M>;
}
