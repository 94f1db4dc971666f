/** Rules around rules: clipping and factors by block. */

import {
  adamw,
  ConfigError,
  clipped,
  componentwise,
  constantStep,
  type DirectionRule,
  euclidean,
  gradientDescent,
  type HostArray,
  iterate,
  momentum,
  product,
  restarted,
  scaledBlocks,
  seededRandom,
  sgd,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_name, la) => {
  const manifold = product({ A: euclidean({ shape: [5, 3], algebra: la }), B: euclidean({ shape: [3, 4], algebra: la }) });
  const start = manifold.randomPoint(seededRandom(1));
  const gradient = manifold.randomPoint(seededRandom(2));
  const length = Math.hypot(la.norm(gradient.A) as number, la.norm(gradient.B) as number);

  /** The displacement x_k − x_0 of the k-th step on a linear cost. */
  async function displacement(direction: DirectionRule, steps: number, rate = 0.1): Promise<{ A: HostArray; B: HostArray }> {
    const problem = { manifold, cost: () => 0, gradient: { kind: 'riemannian' as const, at: () => gradient } };
    for await (const { iteration, state } of iterate(problem, {
      solver: gradientDescent({ direction, stepSize: constantStep(rate) }),
      initial: start,
    })) {
      if (iteration === steps) return { A: la.subtract(state.x.A, start.A), B: la.subtract(state.x.B, start.B) };
    }
    throw new Error('the loop ended');
  }

  it('clipped shortens a long gradient as PyTorch does, over all components together', async () => {
    const { A, B } = await displacement(clipped(sgd(), 0.5), 1);
    const factor = (-0.1 * 0.5) / (length + 1e-6);
    expect(A).toBeAllClose(la.scale(factor, gradient.A), tolerance(la, 10));
    expect(B).toBeAllClose(la.scale(factor, gradient.B), tolerance(la, 10));
  });

  it('clipped leaves a short gradient to the last bit, and hands on the rule’s memory', async () => {
    const plain = await displacement(adamw(), 3);
    const long = await displacement(clipped(adamw(), 2 * length), 3);
    expect(long.A).toBeAllClose(plain.A, 0);
    expect(long.B).toBeAllClose(plain.B, 0);
  });

  it('scaledBlocks are learning rates by group, weight decay included', async () => {
    const [fast, plain, sixteen] = [
      await displacement(adamw({ weightDecay: 0.2 }), 1, 0.016),
      await displacement(adamw({ weightDecay: 0.2 }), 1, 0.001),
      await displacement(scaledBlocks(adamw({ weightDecay: 0.2 }), { A: 16 }), 1, 0.001),
    ];
    expect(sixteen.A).toBeAllClose(fast.A, tolerance(la, 10));
    expect(sixteen.B).toBeAllClose(plain.B, 0);
  });

  it('componentwise gives each component its own rule, with a memory of its own', async () => {
    const [own, first, second] = [
      await displacement(componentwise({ A: momentum({ decay: 0.5 }) }, adamw()), 4),
      await displacement(momentum({ decay: 0.5 }), 4),
      await displacement(adamw(), 4),
    ];
    expect(own.A).toBeAllClose(first.A, 0);
    expect(own.B).toBeAllClose(second.B, 0);
    await expect(displacement(componentwise({ C: sgd() }, sgd()), 1)).rejects.toThrow(
      /there is a rule for 'C', but the components are A, B/,
    );
  });

  it('restarted forgets moments and counters after every so many steps', async () => {
    // On a linear cost each stretch of three steps is the first stretch again.
    const [three, nine] = [
      await displacement(adamw({ weightDecay: 0 }), 3),
      await displacement(restarted(adamw({ weightDecay: 0 }), 3), 9),
    ];
    expect(nine.A).toBeAllClose(la.scale(3, three.A), tolerance(la, 100));
    const kept = await displacement(momentum(), 9);
    const begun = await displacement(restarted(momentum(), 3), 9);
    expect(begun.B).not.toBeAllClose(kept.B, 0.1);
  });

  it('adamw adds ε before the bias correction where it is told to', async () => {
    const epsilon = 0.3;
    const { A } = await displacement(adamw({ weightDecay: 0, epsilon, epsilonBeforeCorrection: true }), 1);
    // Hugging Face's order, written out for the first step: lr·√(1−β₂)/(1−β₁) · m/(√v + ε).
    const expected = la.toArray(gradient.A).map((g) => (-0.1 * Math.sqrt(1e-3) * g) / (Math.sqrt(1e-3) * Math.abs(g) + epsilon));
    expect(A).toBeAllClose(la.fromArray(expected, [5, 3]), tolerance(la, 10));
  });

  it('refuse what is no length and no factor', async () => {
    expect(() => clipped(sgd(), 0)).toThrow(ConfigError);
    expect(() => scaledBlocks(sgd(), { A: Number.NaN })).toThrow(/scaledBlocks: the factor of 'A'/);
    await expect(displacement(scaledBlocks(sgd(), { C: 2 }), 1)).rejects.toThrow(/no block 'C', it is A, B/);
  });
});
