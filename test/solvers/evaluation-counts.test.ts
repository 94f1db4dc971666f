/**
 * What deterministic runs cost, counted: costs, gradients, Hessian products and iterations of each solver. The numbers
 * are those of the engine that moved first and evaluated afterwards; one that evaluates where it stands, and then
 * moves, must cost no more.
 */
import { describe, expect, it } from 'vitest';
import {
  adaptive,
  any,
  balancedFactors,
  barzilaiBorwein,
  constantStep,
  fletcherReeves,
  gradientDescent,
  hagerZhang,
  hestenesStiefel,
  hostAlgebra,
  lbfgs,
  maxIterations,
  minimize,
  momentum,
  polakRibiere,
  polynomialSearch,
  relativeGradientNormBelow,
  type Solver,
  seededRandom,
  svrg,
  trustRegions,
  wolfe,
} from '../../src/index.js';
import { lowRankApproximation } from '../../src/problems/index.js';
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

const solvers: Readonly<Record<string, () => Solver>> = {
  armijo: () => gradientDescent(),
  adaptive: () => gradientDescent({ stepSize: adaptive() }),
  wolfe: () => gradientDescent({ stepSize: wolfe() }),
  'constant, momentum': () => gradientDescent({ direction: momentum(), stepSize: constantStep(0.002) }),
  barzilaiBorwein: () => gradientDescent({ stepSize: barzilaiBorwein() }),
  polynomial: () => gradientDescent({ stepSize: polynomialSearch() }),
  'polynomial, hestenesStiefel': () => gradientDescent({ direction: hestenesStiefel(), stepSize: polynomialSearch() }),
  polakRibiere: () => gradientDescent({ direction: polakRibiere() }),
  'fletcherReeves, wolfe': () => gradientDescent({ direction: fletcherReeves(), stepSize: wolfe() }),
  'hagerZhang, wolfe': () => gradientDescent({ direction: hagerZhang(), stepSize: wolfe() }),
  'lbfgs, armijo': () => gradientDescent({ direction: lbfgs() }),
  'lbfgs, wolfe': () => gradientDescent({ direction: lbfgs(), stepSize: wolfe() }),
  trustRegions: () => trustRegions(),
  svrg: () => svrg({ innerSteps: 5, stepSize: 0.002 }),
};

/**
 * Iterations, costs, gradients, Hessian products and polynomials along a line, by problem and solver: at most 60
 * iterations, to 1e-8 of the first gradient norm.
 */
const before: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  'approximation on balancedFactors': {
    armijo: [60, 113, 61, 0, 0],
    adaptive: [60, 107, 61, 0, 0],
    wolfe: [60, 89, 89, 0, 0],
    'constant, momentum': [60, 61, 61, 0, 0],
    barzilaiBorwein: [50, 56, 56, 0, 0],
    polakRibiere: [60, 144, 61, 0, 0],
    'fletcherReeves, wolfe': [37, 76, 76, 0, 0],
    'hagerZhang, wolfe': [41, 79, 79, 0, 0],
    'lbfgs, armijo': [35, 41, 36, 0, 0],
    'lbfgs, wolfe': [33, 39, 39, 0, 0],
    trustRegions: [10, 14, 11, 81, 0],
    svrg: [60, 61, 541, 0, 0],
  },
  'completion on balancedFactors': {
    armijo: [60, 110, 61, 0, 0],
    adaptive: [60, 107, 61, 0, 0],
    wolfe: [60, 82, 82, 0, 0],
    'constant, momentum': [60, 61, 61, 0, 0],
    barzilaiBorwein: [60, 66, 61, 0, 0],
    polakRibiere: [60, 119, 61, 0, 0],
    'fletcherReeves, wolfe': [60, 99, 99, 0, 0],
    'hagerZhang, wolfe': [60, 97, 97, 0, 0],
    'lbfgs, armijo': [60, 66, 61, 0, 0],
    'lbfgs, wolfe': [60, 86, 86, 0, 0],
    trustRegions: [14, 20, 15, 177, 0],
    svrg: [60, 61, 541, 0, 0],
  },
  'approximation on fixedRank, bures': {
    armijo: [60, 109, 61, 0, 0],
    adaptive: [60, 116, 61, 0, 0],
    wolfe: [60, 86, 86, 0, 0],
    'constant, momentum': [60, 61, 61, 0, 0],
    barzilaiBorwein: [44, 47, 47, 0, 0],
    polakRibiere: [53, 126, 54, 0, 0],
    'fletcherReeves, wolfe': [31, 57, 57, 0, 0],
    'hagerZhang, wolfe': [35, 65, 65, 0, 0],
    'lbfgs, armijo': [31, 35, 32, 0, 0],
    'lbfgs, wolfe': [29, 36, 36, 0, 0],
    trustRegions: [11, 16, 12, 73, 0],
    svrg: [60, 61, 541, 0, 0],
  },
  'quartic bowl on euclidean': {
    armijo: [60, 99, 61, 0, 0],
    adaptive: [60, 109, 61, 0, 0],
    wolfe: [60, 73, 73, 0, 0],
    'constant, momentum': [60, 61, 61, 0, 0],
    barzilaiBorwein: [60, 62, 61, 0, 0],
    polakRibiere: [60, 132, 61, 0, 0],
    'fletcherReeves, wolfe': [40, 73, 73, 0, 0],
    'hagerZhang, wolfe': [60, 98, 98, 0, 0],
    'lbfgs, armijo': [31, 37, 32, 0, 0],
    'lbfgs, wolfe': [16, 25, 25, 0, 0],
    trustRegions: [7, 8, 8, 41, 0],
    svrg: [60, 61, 541, 0, 0],
  },
  lowRankApproximation: {
    armijo: [60, 93, 61, 0, 0],
    adaptive: [60, 107, 61, 0, 0],
    wolfe: [60, 80, 80, 0, 0],
    'constant, momentum': [60, 61, 61, 0, 0],
    barzilaiBorwein: [60, 68, 65, 0, 0],
    polynomial: [60, 61, 61, 0, 60],
    'polynomial, hestenesStiefel': [60, 61, 61, 0, 60],
    polakRibiere: [60, 122, 61, 0, 0],
    'fletcherReeves, wolfe': [55, 100, 100, 0, 0],
    'hagerZhang, wolfe': [60, 105, 105, 0, 0],
    'lbfgs, armijo': [49, 54, 51, 0, 0],
    'lbfgs, wolfe': [49, 66, 66, 0, 0],
    trustRegions: [15, 18, 32, 104, 0],
    svrg: [60, 61, 541, 0, 0],
  },
};

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
