/** Problems with exact Hessian–vector products, on any engine: what second-order solvers are tried on. */
import {
  type Ambient,
  balancedFactors,
  type CsrMatrix,
  csrFromTriplets,
  euclidean,
  euclideanFactors,
  type FactorManifold,
  type FactorPair,
  type FixedRankManifold,
  type FixedRankPoint,
  type FixedRankTangent,
  grassmann,
  type LinearAlgebra,
  type Manifold,
  type Problem,
  perPoint,
  quotientFactors,
  type Random,
  seededRandom,
  square,
  stiefel,
} from 'bures';
import { fixedRankGeometry } from '../support/geometries.js';
import { geometric, withSingularValues } from '../support/matrices.js';

/** A problem whose structure the test does not look into. */
export type AnyProblem<M> = Problem<M, unknown, unknown, unknown, unknown>;

export const sizes = { m: 14, n: 9, rank: 3 } as const;

/** Z, of full rank: singular values from 1 down to 0.01. */
function graded<M>(la: LinearAlgebra<M>): M {
  const { m, n } = sizes;
  return la.fromArray(withSingularValues(3, m, n, geometric(n, 0.01)).values, [m, n]);
}

const alongFactors = <M>(la: LinearAlgebra<M>, x: FactorPair<M>, u: FactorPair<M>): M => la.add(la.matmul(u.A, x.B), la.matmul(x.A, u.B));

/** ½‖AB − Z‖²: the Euclidean Hessian is the identity. */
export function approximation<M>(
  la: LinearAlgebra<M>,
  manifold: FactorManifold<M>,
  target: M = graded(la),
): Problem<M, FactorPair<M>, FactorPair<M>, FactorPair<M>, M> {
  const residual = perPoint((x: FactorPair<M>) => la.subtract(manifold.toMatrix(x), target));
  return {
    manifold: manifold as Manifold<M, FactorPair<M>, FactorPair<M>, FactorPair<M>, M>,
    cost: async (x) => 0.5 * (await la.norm(residual(x))) ** 2,
    gradient: { kind: 'ambient', at: (x) => residual(x) },
    hessian: { kind: 'ambient', at: (x, u) => alongFactors(la, x, u) },
  };
}

/** ½‖P_Ω(AB) − P_Ω(Z)‖² for a Z of rank r, two thirds of its entries observed; sparse throughout. */
export function completion<M>(
  la: LinearAlgebra<M>,
  manifold: FactorManifold<M>,
): Problem<M, FactorPair<M>, FactorPair<M>, FactorPair<M>, CsrMatrix<M>> {
  const { m, n, rank } = sizes;
  const random = seededRandom(8);
  const { values } = withSingularValues(5, m, n, geometric(rank, 0.3));
  const rows: number[] = [];
  const columns: number[] = [];
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) if (random.uniform() < 0.67) [rows.push(i), columns.push(j)];
  const observed = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: rows,
    columnIndices: columns,
    values: rows.map((i, e) => values[i * n + columns[e]]),
  });
  const residual = perPoint((x: FactorPair<M>) => la.subtract(la.sampledMatmul(observed, x.A, x.B), observed.values));
  return {
    manifold: manifold as Manifold<M, FactorPair<M>, FactorPair<M>, FactorPair<M>, CsrMatrix<M>>,
    cost: async (x) => 0.5 * (await la.norm(residual(x))) ** 2,
    gradient: { kind: 'ambient', at: (x) => ({ ...observed, values: residual(x) }) },
    hessian: {
      kind: 'ambient',
      at: (x, u) => ({ ...observed, values: la.add(la.sampledMatmul(observed, u.A, x.B), la.sampledMatmul(observed, x.A, u.B)) }),
    },
  };
}

/** ½‖X − Z‖² over fixed rank; the Euclidean Hessian of a tangent is the tangent itself, embedded. */
function fixedRankApproximation<M>(
  la: LinearAlgebra<M>,
  manifold: FixedRankManifold<M>,
): Problem<M, FixedRankPoint<M>, FixedRankTangent<M>, Ambient<M>, Ambient<M>> {
  const target = graded(la);
  const residual = perPoint((x: FixedRankPoint<M>) => la.subtract(manifold.toMatrix(x), target));
  return {
    manifold,
    cost: async (x) => 0.5 * (await la.norm(residual(x))) ** 2,
    gradient: { kind: 'ambient', at: (x) => residual(x) },
    hessian: { kind: 'ambient', at: (x, u) => manifold.embed(x, u) },
  };
}

/**
 * −½⟨X, DX⟩ with D = diag(m, m − 1, …), plus ¼‖X∘X‖² where `quartic`: without it every X spans eigenvectors' subspaces,
 * with it the columns matter.
 */
function eigenvectors<M>(la: LinearAlgebra<M>, manifold: Manifold<M, M>, quartic: boolean): Problem<M, M> {
  const { m } = sizes;
  const lambda = la.fromArray(
    Array.from({ length: m }, (_, i) => m - i),
    [m],
  );
  const image = (x: M): M => la.scaleRows(lambda, x);
  const cube = (x: M): M => la.multiply(square(la, x), x);
  const weight = quartic ? 1 : 0;
  return {
    manifold,
    cost: async (x) => -0.5 * (await la.inner(x, image(x))) + 0.25 * weight * (await la.norm(square(la, x))) ** 2,
    gradient: { kind: 'ambient', at: (x) => la.axpy(-1, image(x), la.scale(weight, cube(x))) },
    hessian: { kind: 'ambient', at: (x, u) => la.axpy(-1, image(u), la.scale(3 * weight, la.multiply(square(la, x), u))) },
  };
}

/** Σ ¼x⁴ + ½λx² − bx in flat space, its Hessian stated as the Riemannian one. */
export function quarticBowl<M>(la: LinearAlgebra<M>): Problem<M, M> {
  const shape = [7];
  const b = la.randomNormal(shape, seededRandom(4));
  const lambda = la.fromArray([1, 2, 5, 10, 20, 50, 100], shape);
  return {
    manifold: euclidean({ shape, algebra: la }),
    cost: async (x) =>
      0.25 * (await la.norm(square(la, x))) ** 2 + 0.5 * (await la.inner(x, la.multiply(lambda, x))) - (await la.inner(b, x)),
    gradient: { kind: 'riemannian', at: (x) => la.subtract(la.add(la.multiply(square(la, x), x), la.multiply(lambda, x)), b) },
    hessian: { kind: 'riemannian', at: (x, u) => la.multiply(la.axpy(3, square(la, x), lambda), u) },
  };
}

/** Every problem, with a start. */
export function secondOrderProblems<M>(
  la: LinearAlgebra<M>,
): readonly { name: string; isolated: boolean; make: () => { problem: AnyProblem<M>; initial: unknown } }[] {
  const { m, rank } = sizes;
  const shape = { ...sizes, algebra: la };
  const entry = <P, T, Z, G>(name: string, problem: () => Problem<M, P, T, Z, G>, start?: (random: Random) => P) => ({
    name,
    // Minimizers of g(AB) over all pairs are not: the Hessian is singular along the gauges.
    isolated: !name.includes('euclideanFactors'),
    make: () => {
      const stated = problem();
      return { problem: stated as unknown as AnyProblem<M>, initial: (start ?? stated.manifold.randomPoint)(seededRandom(21)) };
    },
  });
  return [
    entry('approximation on balancedFactors', () => approximation(la, balancedFactors(shape))),
    entry('approximation on balancedFactors, gauge nearest', () => approximation(la, balancedFactors({ ...shape, gauge: 'nearest' }))),
    entry('approximation on euclideanFactors', () => approximation(la, euclideanFactors(shape))),
    entry('completion on balancedFactors', () => completion(la, balancedFactors(shape))),
    entry('completion on quotientFactors', () => completion(la, quotientFactors(shape))),
    entry('approximation on fixedRank, embedded', () => fixedRankApproximation(la, fixedRankGeometry('embedded', la, sizes))),
    entry('approximation on fixedRank, bures', () => fixedRankApproximation(la, fixedRankGeometry('bures', la, sizes))),
    entry('approximation on fixedRank, quotient', () => fixedRankApproximation(la, fixedRankGeometry('quotient', la, sizes))),
    entry('eigenvectors on stiefel', () => eigenvectors(la, stiefel({ m, rank, algebra: la }), true)),
    entry('eigenvectors on grassmann', () => eigenvectors(la, grassmann({ m, rank, algebra: la }) as Manifold<M, M>, false)),
    entry(
      'quartic bowl on euclidean',
      () => quarticBowl(la),
      () => la.fromArray([3, -2, 1, 2, -1, 1, 1], [7]),
    ),
  ];
}
