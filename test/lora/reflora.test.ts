/**
 * RefLoRA's scalar form against its update written out in plain numbers (METHODS.md; Zhang et al. 2025), in float64.
 */
import { describe, expect, it } from 'vitest';
import {
  constantStep,
  gradientDescent,
  type HostArray,
  hostAlgebra,
  iterate,
  type Manifold,
  type Problem,
  seededRandom,
} from '../../src/index.js';
import { reflora } from '../../src/lora/index.js';

const la = hostAlgebra({ blas: 'off' });
const [members, m, n, rank] = [2, 6, 5, 3];
const [learningRate, weightDecay, epsilon] = [0.05, 0.1, 1e-8];
const STEPS = 7;

interface Pair {
  readonly A: HostArray;
  readonly B: HostArray;
}

/** A cost with the gradients of a matrix that changes with the step, so that moments matter. */
const random = seededRandom(5);
const targets = Array.from({ length: STEPS }, () => la.randomNormal([members, m, n], random));
const derivative = ({ A, B }: Pair, step: number): Pair => {
  const G = la.subtract(la.matmul(A, B), targets[step]);
  return { A: la.matmul(G, B, { transposeB: true }), B: la.matmul(A, G, { transposeA: true }) };
};

/** The published loop, entry by entry. */
function published(start: Pair): Readonly<Record<'A' | 'B', Float64Array>> {
  const numbers = (x: HostArray): Float64Array => (la.toArray(x) as Float64Array).slice();
  const shapes = { A: [members, m, rank], B: [members, rank, n] } as const;
  const keys = ['A', 'B'] as const;
  const x = { A: numbers(start.A), B: numbers(start.B) };
  const first = { A: x.A.map(() => 0), B: x.B.map(() => 0) };
  const second = { A: x.A.map(() => 0), B: x.B.map(() => 0) };
  for (let step = 1; step <= STEPS; step++) {
    const g = derivative({ A: la.fromArray(x.A, shapes.A), B: la.fromArray(x.B, shapes.B) }, step - 1);
    for (const key of keys) {
      for (const [i, slope] of numbers(g[key]).entries()) {
        first[key][i] = 0.9 * first[key][i] + 0.1 * slope;
        second[key][i] = 0.999 * second[key][i] + 0.001 * slope ** 2;
        const root = Math.sqrt(second[key][i] / (1 - 0.999 ** step)) + epsilon;
        x[key][i] -= learningRate * (weightDecay * x[key][i] + first[key][i] / (1 - 0.9 ** step) / root);
      }
    }
    for (let member = 0; member < members; member++) {
      const size = { A: m * rank, B: rank * n };
      const norm = (key: 'A' | 'B') => Math.hypot(...x[key].subarray(member * size[key], (member + 1) * size[key]));
      const P = Math.sqrt(norm('B') / norm('A'));
      for (const key of keys) {
        const scale = key === 'A' ? P : 1 / P;
        for (let i = member * size[key]; i < (member + 1) * size[key]; i++) {
          x[key][i] *= scale;
          first[key][i] /= scale;
          second[key][i] /= scale ** 2;
        }
      }
    }
  }
  return x;
}

describe("reflora({ form: 'scalar' })", () => {
  const method = reflora({ form: 'scalar' });
  const layout = { hiddenSize: 8, stacks: [], weights: [] };
  const manifold = method.geometry.manifold({ m, n, rank, batch: [members], algebra: la as never }, layout) as unknown as Manifold<
    HostArray,
    Pair
  >;

  it('rescales factors and moments as the published loop does', async () => {
    const start: Pair = { A: la.randomNormal([members, m, rank], random), B: la.scale(0.2, la.randomNormal([members, rank, n], random)) };
    const problem: Problem<HostArray, Pair, Pair, Pair, Pair, number> = {
      manifold,
      cost: () => 0,
      gradient: { kind: 'coordinates', at: derivative },
      nextBatch: (step) => (step < STEPS ? step : undefined),
    };
    const solver = gradientDescent({
      direction: method.direction.rule({ weightDecay, epsilon }, layout),
      stepSize: constantStep(learningRate),
    });
    let x = start;
    for await (const { state } of iterate(problem, { solver, initial: start })) x = state.x;
    const expected = published(start);
    for (const key of ['A', 'B'] as const) {
      const values = la.toArray(x[key]) as Float64Array;
      expect(Math.max(...values.map((value, i) => Math.abs(value - expected[key][i])))).toBeLessThan(1e-12);
    }
  });

  it('leaves a pair alone where a factor is zero', () => {
    const pair: Pair = { A: la.full([members, m, rank], 0), B: la.full([members, rank, n], 0.5) };
    const stay: Pair = { A: la.full([members, m, rank], 0), B: la.full([members, rank, n], 0) };
    const { A, B } = manifold.retract(pair, stay);
    expect([la.toArray(A), la.toArray(B)]).toEqual([la.toArray(pair.A), la.toArray(pair.B)]);
  });

  it('refuses a warm-up, and a form that is none', () => {
    expect(() => reflora({ form: 'scalar', warmup: 3 })).toThrow(/scalar form has no preconditioner/);
    expect(() => reflora({ form: 'vector' as never })).toThrow(/form must be one of/);
  });
});
