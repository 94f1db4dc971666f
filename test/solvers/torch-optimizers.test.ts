/** Direction rules against PyTorch's optimizers, in flat space, to rounding. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { adam, adamw, constantStep, type DirectionRule, euclideanFactors, gradientDescent, iterate, momentum } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

interface Recorded {
  readonly m: number;
  readonly n: number;
  readonly r: number;
  readonly A: number[];
  readonly B: number[];
  readonly Z: number[];
  readonly runs: readonly { readonly optimizer: string; readonly losses: number[]; readonly A: number[]; readonly B: number[] }[];
}

const recorded = JSON.parse(readFileSync(new URL('../fixtures/torch-optimizers.json', import.meta.url), 'utf8')) as Recorded;

/** The settings that the recording was made with. */
const settings: Readonly<Record<string, { readonly rule: DirectionRule; readonly rate: number }>> = {
  adamw: { rule: adamw({ weightDecay: 0.1 }), rate: 0.05 },
  adam: { rule: adam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-4 }), rate: 0.03 },
  momentum: { rule: momentum(), rate: 0.02 },
};

describe.each(hostEngines)('on %s', (_engine, la) => {
  it.each(recorded.runs)('$optimizer takes the steps that PyTorch takes', async ({ optimizer, losses, A, B }) => {
    const { m, n, r } = recorded;
    const target = la.fromArray(recorded.Z, [m, n]);
    const manifold = euclideanFactors({ m, n, rank: r, algebra: la });
    const residual = (x: Parameters<typeof manifold.toMatrix>[0]) => la.subtract(manifold.toMatrix(x), target);
    const { rule, rate } = settings[optimizer];
    const steps = iterate(
      { manifold, cost: (x) => 0.5 * (la.norm(residual(x)) as number) ** 2, gradient: { kind: 'ambient', at: residual } },
      {
        solver: gradientDescent({ direction: rule, stepSize: constantStep(rate) }),
        initial: { A: la.fromArray(recorded.A, [m, r]), B: la.fromArray(recorded.B, [r, n]) },
      },
    );
    const visited: number[] = [];
    for await (const { cost, state } of steps) {
      if (visited.length === losses.length) {
        expect(state.x.A).toBeAllClose(A, tolerance(la, 100 * losses.length));
        expect(state.x.B).toBeAllClose(B, tolerance(la, 100 * losses.length));
        break;
      }
      visited.push(cost);
    }
    expect(visited).toBeAllClose(losses, tolerance(la, 100 * losses.length, losses[0]));
  });
});
