/** Every geometry of rank-r matrices of the library, as the bench of solvers runs them. */
import {
  balancedFactors,
  bures,
  euclideanFactors,
  type FactorManifold,
  type FixedRankOptions,
  type FixedRankPoint,
  factored,
  fixedRank,
  type HostAlgebra,
  type HostArray,
  hyperBalancedFactors,
  orthographic,
  quotient,
  quotientFactors,
  truncatedSvd,
} from 'bures';
import type { LowRankManifold, LowRankPoint, LowRankTangent } from 'bures/problems';
import type { MatrixSize } from './solver-problems.js';

/** What is done with a problem that has been put on a geometry. */
export type Placed<Result> = <P extends LowRankPoint<HostArray>, T extends LowRankTangent<HostArray>, Z>(
  manifold: LowRankManifold<HostArray, P, T, Z>,
  initial: P,
) => Result;

/** A geometry of rank-r matrices. */
export interface Geometry {
  readonly name: string;
  /** The largest eigenvalue of the Hessian of ½‖X − X*‖² at X*, whose largest singular value is `sigma`. */
  curvature(sigma: number): number;
  /** Makes the manifold and the start in its coordinates, whatever their types are. */
  place<Result>(la: HostAlgebra, size: MatrixSize, start: FixedRankPoint<HostArray>, use: Placed<Result>): Result;
}

const flat = (): number => 1;
const spectral = (sigma: number): number => 2 * sigma;

function matrices(
  name: string,
  curvature: Geometry['curvature'],
  parts: Pick<FixedRankOptions<HostArray>, 'metric' | 'retraction'>,
): Geometry {
  return { name, curvature, place: (la, { m, n, rank }, start, use) => use(fixedRank({ m, n, rank, ...parts, algebra: la }), start) };
}

function factors(
  name: string,
  curvature: Geometry['curvature'],
  make: (options: MatrixSize & { readonly algebra: HostAlgebra }) => FactorManifold<HostArray>,
): Geometry {
  return {
    name,
    curvature,
    place: (la, { m, n, rank }, start, use) => use(make({ m, n, rank, algebra: la }), hyperBalancedFactors(la, start)),
  };
}

/** Every geometry of the library. */
export const GEOMETRIES: readonly Geometry[] = [
  matrices('embedded, truncated SVD', flat, { retraction: truncatedSvd() }),
  matrices('embedded, orthographic', flat, { retraction: orthographic() }),
  matrices('quotient, orthographic', flat, { metric: quotient(), retraction: orthographic() }),
  factors('quotient factors', flat, quotientFactors),
  matrices('Bures, factored', spectral, { metric: bures(), retraction: factored() }),
  factors('balanced factors (Bures)', spectral, balancedFactors),
  factors('Euclidean factors', spectral, euclideanFactors),
];
