/**
 * What deterministic runs cost, counted: costs, gradients, Hessian products and iterations of each solver. The numbers
 * are those of the engine that moved first and evaluated afterwards; one that evaluates where it stands, and then
 * moves, must cost no more.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  any,
  balancedFactors,
  constantStep,
  gradientDescent,
  hestenesStiefel,
  hostAlgebra,
  lbfgs,
  maxIterations,
  minimize,
  momentum,
  polynomialSearch,
  relativeGradientNormBelow,
  seededRandom,
  svrg,
  trustRegions,
  wolfe,
} from 'bures';
import { lowRankApproximation } from 'bures/problems';
import { describe, expect, it } from 'vitest';
import { lineSearchSolvers, type SolverTable } from './line-search-solvers.js';
import { type AnyProblem, secondOrderProblems, sizes } from './second-order-problems.js';

const la = hostAlgebra();

/** Evaluations by kind. A call of `costAndGradient` counts as both. */
interface Counts {
  cost: number;
  gradient: number;
  hessian: number;
  costAlong: number;
}

/** The same problem, its evaluations counted. */
function counted(problem: AnyProblem<unknown>): { readonly problem: AnyProblem<unknown>; readonly counts: Counts } {
  const counts: Counts = { cost: 0, gradient: 0, hessian: 0, costAlong: 0 };
  const { gradient, hessian, costAndGradient, costAlong } = problem;
  const watched = {
    ...problem,
    cost(x: unknown, batch: undefined) {
      counts.cost++;
      return problem.cost(x, batch);
    },
    gradient: {
      ...gradient,
      at(x: unknown, batch: undefined) {
        counts.gradient++;
        return gradient.at(x, batch);
      },
    },
    ...(hessian && {
      hessian: {
        ...hessian,
        at(x: unknown, u: unknown, batch: undefined) {
          counts.hessian++;
          return hessian.at(x, u, batch);
        },
      },
    }),
    ...(costAndGradient && {
      costAndGradient(x: unknown, batch: undefined) {
        counts.cost++;
        counts.gradient++;
        return costAndGradient.call(problem, x, batch);
      },
    }),
    ...(costAlong && {
      costAlong(x: unknown, u: unknown, batch: undefined) {
        counts.costAlong++;
        return costAlong.call(problem, x, u, batch);
      },
    }),
  };
  return { problem: watched as AnyProblem<unknown>, counts };
}

const problems = [
  ...secondOrderProblems(la).filter(({ name }) =>
    [
      'approximation on balancedFactors',
      'completion on balancedFactors',
      'approximation on fixedRank, bures',
      'quartic bowl on euclidean',
    ].includes(name),
  ),
  {
    name: 'lowRankApproximation',
    make: () => {
      const manifold = balancedFactors({ ...sizes, algebra: la });
      const data = la.randomNormal([sizes.m, sizes.n], seededRandom(3));
      return {
        problem: lowRankApproximation({ manifold, data }) as unknown as AnyProblem<unknown>,
        initial: manifold.randomPoint(seededRandom(21)),
      };
    },
  },
];

const solvers: SolverTable = {
  ...lineSearchSolvers,
  wolfe: () => gradientDescent({ stepSize: wolfe() }),
  'constant, momentum': () => gradientDescent({ direction: momentum(), stepSize: constantStep(0.002) }),
  polynomial: () => gradientDescent({ stepSize: polynomialSearch() }),
  'polynomial, hestenesStiefel': () => gradientDescent({ direction: hestenesStiefel(), stepSize: polynomialSearch() }),
  'lbfgs, armijo': lineSearchSolvers.lbfgs,
  'lbfgs, wolfe': () => gradientDescent({ direction: lbfgs(), stepSize: wolfe() }),
  trustRegions: () => trustRegions(),
  svrg: () => svrg({ innerSteps: 5, stepSize: 0.002 }),
};

/**
 * Iterations, costs, gradients, Hessian products and polynomials along a line, by problem and solver: at most 60
 * iterations, to 1e-8 of the first gradient norm.
 */
const before = JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures/evaluation-counts.json'), 'utf8')) as Readonly<
  Record<string, Readonly<Record<string, readonly number[]>>>
>;

describe.each(problems)('$name', ({ name, make }) => {
  it.each(Object.entries(before[name]))('%s evaluates as often as before, and no more', async (solverName, expected) => {
    const { problem: stated, initial } = make();
    const { problem, counts } = counted(stated);
    const sum = { ...problem, nextBatch: () => 0, wholeBatch: () => 0 } as unknown as AnyProblem<unknown>;
    const { iterations } = await minimize(solverName === 'svrg' ? sum : problem, {
      solver: solvers[solverName](),
      initial,
      stop: any(relativeGradientNormBelow(1e-8), maxIterations(60)),
    });
    expect([iterations, counts.cost, counts.gradient, counts.hessian, counts.costAlong]).toEqual(expected);
  });
});
