/** The warm-up of a run: a number of steps, or a fraction of them. */
import { describe, expect, it } from 'vitest';
import { type FinetuneConfig, finetuneSchema } from '../../src/cli/config/finetune-config.js';
import { keysWithoutEffect, scheduleOf, warmupSteps } from '../../src/cli/training/training-plan.js';

const config = (keys: object): FinetuneConfig => finetuneSchema.parse({ model: 'm', data: 'd', ...keys });

describe('warmup', () => {
  it.each([
    [0, 100, 0],
    [1, 100, 1],
    [40, 100, 40],
    [0.03, 100, 3],
    [0.07, 100, 7],
    [0.031, 100, 4],
    [0.1, 3, 1],
    [0.99, 10, 9],
    [0.5, 1, 0],
  ])('%f of %i steps are %i steps', (warmup, steps, expected) => {
    expect(warmupSteps(warmup, steps)).toBe(expected);
  });

  it.each(['constant', 'linear', 'cosine'])('as a fraction is the schedule %s of that many steps', (schedule) => {
    const [part, whole] = [0.2, 10].map((warmup) => scheduleOf(config({ schedule, warmup, learningRate: 3 }), 50));
    for (let step = 0; step < 50; step++) expect(part(step)).toBe(whole(step));
  });

  it('as a number of steps must leave steps of the run', () => {
    expect(() => keysWithoutEffect('finetune', config({ warmup: 10 }), { steps: 10, rows: 1 })).toThrow(
      /a warm-up shorter than the run of 10 steps, got warmup 10/,
    );
    expect(keysWithoutEffect('finetune', config({ warmup: 0.99 }), { steps: 10, rows: 1 })).toEqual([]);
  });
});
