/** `{ manifold, ...autodiff(la, cost) }` has a Riemannian Hessian, on every manifold that can convert it. */
import {
  affineInvariant,
  balancedFactors,
  buresWasserstein,
  dampedFactors,
  euclidean,
  euclideanFactors,
  type FactorPair,
  fixedRank,
  fixedRankPsd,
  gradientNormBelow,
  grassmann,
  type HostArray,
  hostAlgebra,
  type Manifold,
  minimize,
  objective,
  oblique,
  orthogonalGroup,
  type Problem,
  product,
  quotientFactors,
  rotations,
  seededRandom,
  spd,
  sphere,
  square,
  stiefel,
  trustRegions,
} from 'bures';
import { autodiff, type DifferentiableAlgebra } from 'bures/autodiff';
import { checkHessian } from 'bures/diagnostics';
import { describe, expect, it } from 'vitest';

const la = hostAlgebra({ blas: 'off' });
type Ops = DifferentiableAlgebra<HostArray>;

const weights = (...shape: number[]): HostArray => la.randomNormal(shape, seededRandom(shape.length + shape[0]));
/** Σ log(1 + (z − w)²), which has no symmetry. */
const robust = (ops: Ops, z: HostArray): HostArray => {
  const gap = ops.subtract(z, weights(...ops.shape(z)));
  return ops.total(ops.log(ops.add(square(ops, gap), ops.full(ops.shape(z), 1))));
};
const outer = (ops: Ops, x: HostArray): HostArray => ops.matmul(x, x, { transposeB: true });
const pair = (ops: Ops, { A, B }: FactorPair<HostArray>): HostArray => robust(ops, ops.matmul(A, B));

type Case = readonly [string, Problem<HostArray, never>];
const problemOf = <P>(manifold: Manifold<HostArray, P, P, never, never>, cost: (ops: Ops, x: P) => HostArray): Case =>
  [manifold.name, { manifold, ...autodiff<HostArray, P>(la, cost) } as unknown as Problem<HostArray, never>] as const;

const converting: readonly Case[] = [
  problemOf(euclidean({ shape: [4, 3] }) as never, robust),
  problemOf(sphere({ shape: [4, 3] }) as never, robust),
  problemOf(oblique({ m: 4, n: 3, batch: [2] }) as never, robust),
  problemOf(stiefel({ m: 5, rank: 2 }) as never, robust),
  problemOf(orthogonalGroup({ n: 4 }) as never, robust),
  problemOf(rotations({ n: 3, batch: [2] }) as never, robust),
  problemOf(grassmann({ m: 5, rank: 2 }) as never, (ops, x: HostArray) => robust(ops, outer(ops, x))),
  problemOf(spd({ n: 3, metric: affineInvariant() }) as never, robust),
  problemOf(spd({ n: 3, metric: buresWasserstein() }) as never, robust),
  problemOf(fixedRankPsd({ n: 5, rank: 2 }) as never, (ops, y: HostArray) => robust(ops, outer(ops, y))),
  problemOf(euclideanFactors({ m: 5, n: 4, rank: 2 }) as never, pair),
  problemOf(balancedFactors({ m: 5, n: 4, rank: 2 }) as never, pair),
  problemOf(
    product({ q: stiefel({ m: 5, rank: 2 }), v: euclidean({ shape: [2, 3] }) }) as never,
    (ops, { q, v }: { readonly q: HostArray; readonly v: HostArray }) => robust(ops, ops.matmul(q, v)),
  ),
];

const others: readonly Case[] = [
  problemOf(quotientFactors({ m: 5, n: 4, rank: 2 }) as never, pair),
  problemOf(dampedFactors({ m: 5, n: 4, rank: 2, damping: 0.1 }) as never, pair),
  problemOf(fixedRank({ m: 5, n: 4, rank: 2 }) as never, (ops, { U, S, V }: { U: HostArray; S: HostArray; V: HostArray }) =>
    robust(ops, ops.matmul(ops.scaleColumns(U, S), V, { transposeB: true })),
  ),
];

describe.each(converting)('%s', (_name, problem) => {
  it('has the Hessian of its cost', async () => {
    expect(objective(problem).hasHessian).toBe(true);
    for (const seed of [1, 2]) {
      const check = await checkHessian(problem, { seed });
      expect(check.ok, check.verdict).toBe(true);
    }
  });
});

it.each(others)('%s goes by differences of gradients', async (_name, problem) => {
  expect(objective(problem).hasHessian).toBe(false);
  const { converged } = await minimize(problem, { solver: trustRegions(), stop: gradientNormBelow(1e-5), seed: 3 });
  expect(converged).toBe(true);
});

it('trust regions converge quadratically by exact products', async () => {
  const [, problem] = converting[3];
  const { history, converged } = await minimize(problem, { solver: trustRegions(), stop: gradientNormBelow(1e-11), seed: 5 });
  expect(converged).toBe(true);
  const norms = history.map(({ gradientNorm }) => gradientNorm);
  expect(norms.at(-1)).toBeLessThan(1e-11);
  // The last steps square the error, as differences, whose error is ε^½, would not.
  expect(norms.at(-2) as number).toBeGreaterThan(1e-9);
});
