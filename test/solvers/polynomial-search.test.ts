import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  euclidean,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  type Iteration,
  iterate,
  minimize,
  polynomialSearch,
} from '../../src/index.js';

const la = hostAlgebra();
const solver = gradientDescent({ stepSize: polynomialSearch() });

/** Σ p(x_i) on the line, with its polynomial along a direction; p by its coefficients. */
function polynomialProblem(p: readonly number[]) {
  const derivative = (order: number, x: number): number =>
    p.reduceRight((sum, c, k) => (k < order ? sum : sum * x + c * falling(k, order)), 0);
  const falling = (k: number, order: number): number =>
    Array.from({ length: order }, (_, i) => k - i).reduce((product, f) => product * f, 1);
  const factorial = (k: number): number => falling(k, k);
  const at = (x: HostArray): number => la.toArray(x)[0];
  return {
    manifold: euclidean({ shape: [1] }),
    cost: (x: HostArray) => derivative(0, at(x)),
    gradient: { kind: 'ambient', at: (x: HostArray) => la.full([1], derivative(1, at(x))) },
    costAlong: (x: HostArray, u: HostArray) => p.map((_, k) => (derivative(k, at(x)) * at(u) ** k) / factorial(k)),
  } as const;
}

describe('polynomialSearch', () => {
  it.each<[string, readonly number[], number, number]>([
    ['of a parabola', [1, -4, 2], 7, 1],
    ['of a quartic with one valley', [0, 0, 0.5, 0, 1], 3, 0],
    ['of a double well, from its hill', [0, 0, -1, 0, 0.5], 0.01, 1],
  ])('finds the minimum %s in one step', async (_what, p, start, minimizer) => {
    const steps = iterate(polynomialProblem(p), { solver, initial: la.full([1], start) });
    await steps.next();
    const { value } = await steps.next();
    expect((value as Iteration<HostArray, HostArray>).state.x).toBeAllClose([minimizer], 1e-12);
    await steps.return('seen');
  });

  it('falls back to trial steps where the polynomial falls for ever', async () => {
    const problem = { ...polynomialProblem([0, 0, 1, 0, 1]), costAlong: () => [0, -1, -1] };
    const result = await minimize(problem, { solver, initial: la.full([1], 2), stop: gradientNormBelow(1e-6) });
    expect(result.x).toBeAllClose([0], 1e-6);
  });

  it('refuses a problem without a polynomial, and options out of range', async () => {
    const { costAlong: _costAlong, ...problem } = polynomialProblem([0, 0, 1]);
    await expect(minimize(problem, { solver, initial: la.full([1], 2) })).rejects.toThrow(ConfigError);
    expect(() => polynomialSearch({ contraction: 2 })).toThrow(/polynomialSearch: contraction/);
  });
});
