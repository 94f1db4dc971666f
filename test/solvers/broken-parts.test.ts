/**
 * States, derivatives and rules that are none, at the engine: an error by the name of the function that was called, at
 * once.
 */

import {
  adam,
  ConfigError,
  componentwise,
  constantStep,
  type DirectionRule,
  euclidean,
  gradientDescent,
  type HostArray,
  hostAlgebra,
  lbfgs,
  maxIterations,
  minimize,
  type SolverState,
  trustRegions,
} from 'bures';
import { describe, expect, it } from 'vitest';

const la = hostAlgebra({ blas: 'off' });
const x = la.fromArray([1, 2, 3], [3]);
const problem = {
  manifold: euclidean({ shape: [3] }),
  cost: (point: HostArray) => 0.5 * la.inner(point, point),
  gradient: { kind: 'ambient', at: (point: HostArray) => point },
} as const;
const solvers = [
  gradientDescent({ direction: adam(), stepSize: constantStep(0.1) }),
  gradientDescent({ direction: lbfgs() }),
  trustRegions(),
] as const;

describe.each(solvers.map((solver) => [solver.name, solver] as const))('%s', (_, solver) => {
  it.each<[string, unknown]>([
    ['an iteration that is NaN', { x, iteration: Number.NaN, memory: {} }],
    ['an iteration before the first', { x, iteration: -1, memory: {} }],
    ['half an iteration', { x, iteration: 0.5, memory: {} }],
    ['no memory', { x, iteration: 0, memory: null }],
    ['a memory of text', { x, iteration: 0, memory: 'a' }],
    ['a memory without tangents', { x, iteration: 0, memory: { direction: {} } }],
    ['a memory that is a number', { x, iteration: 0, memory: { direction: 5 } }],
    ['nothing', null],
  ])('refuses a state of %s', async (_case, state) => {
    const run = minimize(problem, { solver, state: state as SolverState<HostArray, HostArray>, stop: maxIterations(3) });
    await expect(run).rejects.toThrow(/^minimize: state must be a solver's state/);
  });

  it('refuses a costAndGradient that returns nothing', async () => {
    const run = minimize({ ...problem, costAndGradient: () => undefined as never }, { solver, initial: x, stop: maxIterations(3) });
    await expect(run).rejects.toThrow(/^minimize: problem: costAndGradient must return \{ cost, gradient \}, got nothing/);
  });
});

it.each<[unknown, unknown, RegExp]>([
  [undefined, undefined, /expected rules by the name of the component, got nothing/],
  [null, adam(), /expected rules by the name of the component, got null/],
  [{}, undefined, /the rule of the others must be a direction rule, got nothing/],
  [{ a: 5 }, adam(), /the rule for 'a' must be a direction rule, got 5/],
  [{ a: undefined }, adam(), /the rule for 'a' must be a direction rule, got nothing/],
])('componentwise(%j, …) is refused', (rules, otherwise, message) => {
  const make = () => componentwise(rules as Record<string, DirectionRule>, otherwise as DirectionRule);
  expect(make).toThrow(ConfigError);
  expect(make).toThrow(message);
});
