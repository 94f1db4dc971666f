/**
 * Started at saddles and at points of deficient rank, a solver leaves or says why it stopped: every solver, every such
 * start.
 */

import {
  adam,
  any,
  balancedFactors,
  constantStep,
  euclidean,
  euclideanFactors,
  type FactorPair,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  maxIterations,
  minimize,
  momentum,
  type Problem,
  quotientFactors,
  type Solver,
  seededRandom,
  simplex,
  svrg,
  trustRegions,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { lineSearchSolvers } from './line-search-solvers.js';
import { type AnyProblem, approximation, sizes } from './second-order-problems.js';

const la = hostAlgebra();
const { m, n, rank } = sizes;
const sigma = [1, 0.7, 0.5, 0.35, 0.2, 0.1, 0.05, 0.02, 0.01];
const random = seededRandom(31);
const [left, right] = [la.qr(la.randomNormal([m, n], random)).Q, la.qr(la.randomNormal([n, n], random)).Q];
const target = la.matmul(la.scaleColumns(left, la.fromArray(sigma, [n])), right, { transposeB: true });
/** ½‖Z − X‖² of the best X of rank r, and of the best of rank r − 1. */
const tail = (from: number) => 0.5 * sigma.slice(from).reduce((sum, s) => sum + s * s, 0);

type Pair = FactorPair<HostArray>;
const column = (x: HostArray, k: number): HostArray => la.slice(x, { columns: [k, k + 1] });
/** The balanced pair of Z's singular triplets with these numbers. */
function triplets(...which: readonly number[]): Pair {
  const root = la.fromArray(
    which.map((k) => Math.sqrt(sigma[k])),
    [which.length],
  );
  const pick = (x: HostArray): HostArray =>
    la.concat(
      which.map((k) => column(x, k)),
      'columns',
    );
  return { A: la.scaleColumns(pick(left), root), B: la.transpose(la.scaleColumns(pick(right), root)) };
}

const manifold = balancedFactors({ ...sizes, algebra: la });
const problem = approximation(la, manifold, target);
const generic = manifold.randomPoint(seededRandom(7));
const firstTwo = la.fromArray([1, 1, 0], [rank]);
const starts = {
  // Every other choice of three singular triplets is a saddle.
  saddle: triplets(0, 1, 3),
  'rank-deficient pair': { A: la.scaleColumns(generic.A, firstTwo), B: la.scaleRows(firstTwo, generic.B) },
  'zero factor': { A: generic.A, B: la.scale(0, generic.B) },
} satisfies Record<string, Pair>;

const firstOrder: readonly (readonly [string, Solver])[] = [
  ...Object.entries(lineSearchSolvers).map(([name, make]) => [name, make()] as const),
  ['momentum, constant', gradientDescent({ direction: momentum({ decay: 0.5 }), stepSize: constantStep(0.1) })],
  ['adam, schedule', gradientDescent({ direction: adam(), stepSize: constantStep((k) => 0.05 * 0.99 ** k) })],
  ['R-SVRG', svrg({ innerSteps: 5, stepSize: 0.2 })],
];
/** The cost as a sum of one term, for the solver of sums. */
const asSum = <P>(stated: Problem<HostArray, P, P, P, HostArray>, { name }: Solver) =>
  (name.startsWith('svrg') ? { ...stated, nextBatch: () => null, wholeBatch: () => null } : stated) as unknown as typeof stated;

/** `'leaves'` for the global minimum; otherwise the reason for stopping. */
async function outcome(tried: typeof problem, solver: Solver, initial: Pair): Promise<string> {
  const stop = any(gradientNormBelow(1e-7), maxIterations(3000));
  const { cost, stopReason, history, x } = await minimize(asSum(tried, solver), { solver, initial, stop });
  expect(Number.isFinite(cost)).toBe(true);
  expect(cost).toBeLessThanOrEqual(history[0].cost + 1e-12);
  await manifold.checkPoint(x);
  return cost < tail(rank) + 1e-6 ? 'leaves' : stopReason;
}

describe('first-order solvers', () => {
  it.each(firstOrder)(
    '%s: at a saddle says that the gradient vanishes, from deficient rank leaves or says why it stopped, leaves a zero factor',
    async (_name, solver) => {
      expect(await outcome(problem, solver, starts.saddle)).toMatch(/^gradient norm \S+ ≤ 1e-7; a critical point: .* trustRegions/);
      expect(await outcome(problem, solver, starts['rank-deficient pair'])).toMatch(
        /^leaves$|^gradient norm \S+ ≤ 1e-7$|^3000 iterations reached the limit/,
      );
      expect(await outcome(problem, solver, starts['zero factor'])).toBe('leaves');
    },
  );

  it.each(firstOrder)(
    '%s: where the gradient is exactly zero and no rule ends the run, says so or reaches its limit',
    async (_name, solver) => {
      const flat = euclidean({ shape: [2], algebra: la });
      const signs = la.fromArray([1, -1], [2]);
      const hyperbola: Problem<HostArray, HostArray> = {
        manifold: flat,
        cost: (x) => 0.5 * (la.inner(x, la.multiply(signs, x)) as number),
        gradient: { kind: 'ambient', at: (x) => la.multiply(signs, x) },
      };
      const { stopReason } = await minimize(asSum(hyperbola, solver), {
        solver,
        initial: la.fromArray([0, 0], [2]),
        stop: maxIterations(5),
      });
      expect(stopReason).toMatch(
        /^(.*gradient is zero: the point is stationary|5 iterations reached the limit.*); a critical point: first-order solvers cannot tell/,
      );
    },
  );
});

describe('trust regions leave', () => {
  const { hessian: _exact, ...differences } = problem;
  describe.each([
    ['exact products', problem],
    ['differences of gradients', differences as typeof problem],
  ])('with %s:', (_kind, tried) => {
    it.each(Object.entries(starts))('%s', async (_start, initial) => {
      expect(await outcome(tried, trustRegions(), initial)).toBe('leaves');
    });

    it('both factors zero, on euclideanFactors, which other than by curvature cannot be left', async () => {
      const flat = {
        ...approximation(la, euclideanFactors({ ...sizes, algebra: la }), target),
        ...(tried === problem ? {} : { hessian: undefined }),
      };
      const almost = { A: la.scale(1e-300, generic.A), B: la.scale(1e-300, generic.B) };
      const result = await minimize(flat as unknown as AnyProblem<HostArray>, {
        solver: trustRegions(),
        initial: almost,
        stop: any(gradientNormBelow(1e-7), maxIterations(300)),
      });
      expect(result.cost).toBeCloseTo(tail(rank), 6);
    });
  });

  it('every saddle of the problem, one after the other', async () => {
    for (const which of [
      [0, 1, 3],
      [0, 2, 4],
      [5, 6, 7],
    ]) {
      expect(await outcome(problem, trustRegions(), triplets(...which))).toBe('leaves');
    }
  });
});

it('a metric that needs full rank says so at the start', async () => {
  const tried = approximation(la, quotientFactors({ ...sizes, algebra: la }), target);
  for (const initial of [starts['rank-deficient pair'], starts['zero factor']]) {
    await expect(minimize(tried, { solver: trustRegions(), initial })).rejects.toThrow(/factor [AB] has lost rank.*balancedFactors/);
  }
});

it('a search for a way down that breaks down is a remark, not the end of the call', async () => {
  const tiny = 1e-40;
  const { x, converged, stopReason } = await minimize(
    {
      manifold: simplex({ n: 3 }),
      cost: (p) => -la.toArray(p)[0],
      gradient: { kind: 'ambient', at: () => la.fromArray([-1, 0, 0], [3]) },
    },
    { solver: trustRegions(), initial: la.fromArray([1 - 2 * tiny, tiny, tiny], [3]) },
  );
  expect([...la.toArray(x)]).toEqual([1, tiny, tiny]);
  expect(converged).toBe(true);
  expect(stopReason).toMatch(/^gradient norm .*; whether a way leads down from there could not be computed: simplex\.retract/);
  expect(stopReason).not.toMatch(/no way to leave/);
});
