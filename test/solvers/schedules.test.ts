/** Step-size schedules: their values, against PyTorch's where it has the same, and what they refuse. */
import { describe, expect, it } from 'vitest';
import { ConfigError, cosineDecay, linearDecay, type Schedule, ShapeError, warmUp } from '../../src/index.js';

const values = (schedule: Schedule, count: number): number[] => Array.from({ length: count }, (_, k) => schedule(k));

describe('schedules', () => {
  it('linearDecay falls along a line and stays', () => {
    expect(values(linearDecay({ from: 0.4, steps: 4 }), 7)).toBeAllClose([0.4, 0.3, 0.2, 0.1, 0, 0, 0], 1e-16);
    expect(values(linearDecay({ from: 1, to: 0.5, steps: 2 }), 4)).toEqual([1, 0.75, 0.5, 0.5]);
  });

  it('cosineDecay takes the values of PyTorch’s CosineAnnealingLR', () => {
    // torch.optim.lr_scheduler.CosineAnnealingLR(T_max=5, eta_min=0.01) on lr 0.1.
    const torch = [0.1, 0.09140576474687263, 0.06890576474687264, 0.04109423525312738, 0.01859423525312738, 0.01];
    expect(values(cosineDecay({ from: 0.1, to: 0.01, steps: 5 }), 6)).toBeAllClose(torch, 1e-15);
  });

  it('warmUp grows to the schedule’s first step and then follows it', () => {
    expect(values(warmUp(linearDecay({ from: 1, steps: 2 }), 4), 8)).toEqual([0.25, 0.5, 0.75, 1, 1, 0.5, 0, 0]);
    expect(values(warmUp(0.2, 2), 4)).toEqual([0.1, 0.2, 0.2, 0.2]);
    expect(values(warmUp(0.2, 0), 2)).toEqual([0.2, 0.2]);
  });

  it('refuse what is no schedule', () => {
    expect(() => linearDecay({ from: 0, steps: 3 })).toThrow(ConfigError);
    expect(() => linearDecay({ from: 1, to: -1, steps: 3 })).toThrow(/'?to'? must be .* at least 0/);
    expect(() => cosineDecay({ from: 1, steps: 0 })).toThrow(ShapeError);
    expect(() => warmUp(0.1, 1.5)).toThrow(/warmUp: steps must be an integer/);
    expect(() => warmUp(-0.1, 2)).toThrow(ConfigError);
  });
});
