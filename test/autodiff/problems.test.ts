/**
 * Costs written once, differentiated on every engine: against the problems' own gradients, checkGradient, and
 * TensorFlow.js.
 */

import { grads, matMul, sqrt, sub, sum, type Tensor, square as tfSquare } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { autodiff, type DifferentiableAlgebra } from '../../src/autodiff/index.js';
import { checkGradient } from '../../src/diagnostics/index.js';
import {
  bures,
  constantStep,
  csrFromTriplets,
  embedded,
  euclidean,
  euclideanFactors,
  type FactorPair,
  type FixedRankPoint,
  fixedRank,
  gradientDescent,
  type HostArray,
  type LinearAlgebra,
  maxIterations,
  minimize,
  objective,
  quotient,
  seededRandom,
  square,
} from '../../src/index.js';
import { installGradients } from '../../src/nn/gradients.js';
import {
  type LowRankProblem,
  lowRankApproximation,
  matrixCompletion,
  matrixSensing,
  rankOneMeasurements,
  reducedRankRegression,
  robustPca,
} from '../../src/problems/index.js';
import { allEngines, hostEngines, tensorEngines, withoutLeaks } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

const [m, n, rank, count] = [9, 7, 2, 30];
type ProblemName = 'matrixCompletion' | 'lowRankApproximation' | 'matrixSensing' | 'reducedRankRegression' | 'robustPca';
type Cost = <M>(ops: DifferentiableAlgebra<M>, x: FactorPair<M>, data: Data<M>) => M;

/** Data for every problem. */
function dataOn<M>(la: LinearAlgebra<M>) {
  const normal = (seed: number, ...shape: number[]): M => la.randomNormal(shape, seededRandom(seed));
  const places = Array.from({ length: m * n }, (_, place) => place).filter((place) => place % 3 !== 1);
  const observed = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: places.map((place) => Math.floor(place / n)),
    columnIndices: places.map((place) => place % n),
    values: places.map((place) => Math.sin(place)),
  });
  return {
    observed,
    dense: normal(1, m, n),
    left: normal(2, count, m),
    right: normal(3, count, n),
    measured: normal(4, count),
    features: normal(5, 12, m),
    targets: normal(6, 12, n),
  };
}
type Data<M> = ReturnType<typeof dataOn<M>>;

const half = <M>(ops: DifferentiableAlgebra<M>, residual: M): M => ops.scale(0.5, ops.inner(residual, residual));
const smoothing = 0.5;

/** Each problem as its definition has it. */
const costs: Readonly<Record<ProblemName, Cost>> = {
  matrixCompletion: (ops, { A, B }, { observed }) => half(ops, ops.subtract(ops.sampledMatmul(observed as never, A, B), observed.values)),
  lowRankApproximation: (ops, { A, B }, { dense }) => half(ops, ops.subtract(ops.matmul(A, B), dense)),
  matrixSensing: (ops, { A, B }, { left, right, measured }) =>
    half(ops, ops.subtract(ops.sum(ops.multiply(ops.matmul(left, A), ops.matmul(right, B, { transposeB: true })), 'rows'), measured)),
  reducedRankRegression: (ops, { A, B }, { features, targets }) => half(ops, ops.subtract(ops.matmul(ops.matmul(features, A), B), targets)),
  robustPca: (ops, { A, B }, { dense }) => {
    const residual = ops.subtract(ops.matmul(A, B), dense);
    const constant = (value: number) => ops.full([m, n], value);
    return ops.total(ops.subtract(ops.sqrt(ops.add(square(ops, residual), constant(smoothing ** 2))), constant(smoothing)));
  },
};

/** A problem as a solver sees it, on pairs of any engine. */
const pairObjective = (problem: LowRankProblem<unknown, FactorPair<unknown>, FactorPair<unknown>, FactorPair<unknown>>) =>
  objective(problem);

describe.each(allEngines)('on %s', (_engine, la) => {
  it.each(Object.keys(costs) as ProblemName[])('%s: as the problem’s own cost, gradient and Hessian', async (name) => {
    await withoutLeaks(la, async () => {
      const data = dataOn(la);
      const manifold = euclideanFactors({ m, n, rank, algebra: la });
      const own = {
        matrixCompletion: () => matrixCompletion({ manifold, observed: data.observed }),
        lowRankApproximation: () => lowRankApproximation({ manifold, data: data.dense }),
        matrixSensing: () =>
          matrixSensing({ manifold, measurements: rankOneMeasurements(la, data.left, data.right), measured: data.measured }),
        reducedRankRegression: () => reducedRankRegression({ manifold, features: data.features, targets: data.targets }),
        robustPca: () => robustPca({ manifold, data: data.dense, smoothing }),
      }[name]();
      const differentiated = autodiff<unknown, FactorPair<unknown>>(la, (ops, x) => costs[name](ops, x, data));
      const problem = { manifold, ...differentiated };
      const x = manifold.randomPoint(seededRandom(7));
      const u = await manifold.randomTangent(x, seededRandom(8));
      const [expected, found] = [await pairObjective(own).evaluate(x, 0), await pairObjective(problem).evaluate(x, 0)];
      const close = async (a: unknown, b: unknown): Promise<void> => {
        expect(await la.toArray(a)).toBeAllClose(await la.toArray(b), tolerance(la, 200, 100));
      };
      expect(found.cost).toBeAllClose([expected.cost], tolerance(la, 200, 100));
      const [hessian, ownHessian] = [differentiated.hessianProduct(x, u), await pairObjective(own).hessian(x, u, 0)];
      for (const part of ['A', 'B'] as const) {
        await close(found.gradient[part], expected.gradient[part]);
        await close(hessian[part], ownHessian[part]);
      }
    });
  });
});

it.each(Object.entries(costs))('%s passes checkGradient', async (_name, cost) => {
  const [, la] = hostEngines[0];
  const data = dataOn(la);
  const problem = {
    manifold: euclideanFactors({ m, n, rank }),
    ...autodiff(la, (ops, x: FactorPair<ReturnType<typeof la.full>>) => cost(ops, x, data)),
  };
  expect((await checkGradient(problem)).verdict).toMatch(/: correct/);
});

describe.each(tensorEngines)('on %s', (_engine, la) => {
  it('gives the gradients of TensorFlow.js', async () => {
    await withoutLeaks(la, async () => {
      const [A, B, target] = [1, 2, 3].map((seed) =>
        la.randomNormal(seed === 1 ? [m, rank] : seed === 2 ? [rank, n] : [m, n], seededRandom(seed)),
      );
      installGradients();
      const expected = grads((a: Tensor, b: Tensor) => sqrt(sum(tfSquare(sub(matMul(a, b), target)))))([A, B]);
      const { gradient } = await autodiff(la, (ops, x: FactorPair<Tensor>) =>
        ops.norm(ops.subtract(ops.matmul(x.A, x.B), target)),
      ).costAndGradient({ A, B });
      expect(await la.toArray(gradient.A)).toBeAllClose(await la.toArray(expected[0]), tolerance(la, 50));
      expect(await la.toArray(gradient.B)).toBeAllClose(await la.toArray(expected[1]), tolerance(la, 50));
    });
  });
});

describe('a stochastic cost', () => {
  const [[, la]] = hostEngines;
  const rows = la.randomNormal([30, 4], seededRandom(1));
  const manifold = euclidean({ shape: [4, 1], algebra: la });
  const truth = la.fromArray([1, -2, 0.5, 3], [4, 1]);

  it('takes its batch, in cost, gradient and Hessian', async () => {
    const loss = autodiff(la, (ops, x: HostArray, batch: HostArray) => {
      const residual = ops.matmul(batch, ops.subtract(x, truth));
      return ops.scale(0.5, ops.inner(residual, residual));
    });
    const nextBatch = (k: number) => la.slice(rows, { rows: [(3 * k) % 30, ((3 * k) % 30) + 3] });
    const x = la.full([4, 1], 0);
    const batch = nextBatch(2);
    const expected = la.matmul(batch, la.matmul(batch, la.subtract(x, truth)), { transposeA: true });
    expect(loss.gradient.at(x, batch)).toBeAllClose(expected, 1e-12);
    expect((await loss.costAndGradient(x, batch)).cost).toBeCloseTo(await loss.cost(x, batch), 12);
    expect(loss.hessian.at(x, truth, batch)).toBeAllClose(la.scale(-1, expected), 1e-12);
    const { x: found } = await minimize(
      { manifold, nextBatch, ...loss },
      { initial: x, solver: gradientDescent({ stepSize: constantStep(0.05) }), stop: maxIterations(400) },
    );
    expect(la.norm(la.subtract(found, truth))).toBeLessThan(1e-3);
  });

  it('says which operations a followed value takes', () => {
    const own = autodiff(la, (_ops, x: HostArray) => la.matmul(x, x, { transposeA: true }));
    expect(() => own.gradient.at(truth)).toThrow(
      /a value that autodiff follows \(compute with the operations that the cost is given, as ops\.matmul/,
    );
    const scaled = autodiff(la, (ops, x: HostArray) => ops.total(ops.scale(ops.norm(x) as never, x)));
    expect(() => scaled.gradient.at(truth)).toThrow(/multiply by a followed number with ops\.scaleEach/);
  });
});

describe.each([embedded(), bures(), quotient()])('costs of singular values beside the product, in the metric $name', (metric) => {
  const [[, la]] = hostEngines;
  const target = la.randomNormal([6, 5], seededRandom(8));
  const product = (ops: DifferentiableAlgebra<HostArray>, { U, S, V }: FixedRankPoint<HostArray>): HostArray => {
    const gap = ops.subtract(ops.matmul(ops.scaleColumns(U, S), V, { transposeB: true }), target);
    return ops.scale(0.5, ops.inner(gap, gap));
  };

  it.each<[string, (ops: DifferentiableAlgebra<HostArray>, x: FixedRankPoint<HostArray>) => HostArray]>([
    ['a function of the product', product],
    ['the sum of the singular values', (ops, { S }) => ops.total(S)],
    ['the sum of their logarithms', (ops, { S }) => ops.total(ops.log(S))],
    ['both', (ops, x) => ops.add(product(ops, x), ops.total(x.S))],
  ])('%s has its gradient', async (_name, cost) => {
    const manifold = fixedRank({ m: 6, n: 5, rank: 3, metric, algebra: la });
    const { ok, verdict } = await checkGradient({ manifold, ...autodiff(la, cost) }, { seed: 3, scale: 0.1 });
    expect(ok, verdict).toBe(true);
  });
});
