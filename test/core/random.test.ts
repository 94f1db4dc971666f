/** The seeded generator: reproducible, splittable, resumable, and drawing what it says. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, restoreRandom, seededRandom } from '../../src/index.js';

const draw = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.normal());
const seeds = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });

describe('seededRandom', () => {
  it('gives one stream a seed, and different streams for different seeds', () => {
    fc.assert(
      fc.property(seeds, seeds, (first, second) => {
        expect(draw(seededRandom(first), 5)).toEqual(draw(seededRandom(first), 5));
        if (first !== second) expect(draw(seededRandom(first), 5)).not.toEqual(draw(seededRandom(second), 5));
      }),
    );
  });

  it('neighbouring seeds are uncorrelated from the first draw on', () => {
    const first = Array.from({ length: 4000 }, (_, seed) => seededRandom(seed).uniform() - 0.5);
    const correlation = first.slice(1).reduce((sum, value, i) => sum + value * first[i], 0) / (first.length / 12);
    // Four standard deviations of the correlation of independent draws.
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(first.length));
  });

  it('continues exactly from its state, in the middle of a pair of normals too', () => {
    fc.assert(
      fc.property(seeds, fc.nat({ max: 9 }), (seed, count) => {
        const random = seededRandom(seed);
        draw(random, count);
        const restored = restoreRandom(JSON.parse(JSON.stringify(random.state())) as number[]);
        expect(draw(restored, 7)).toEqual(draw(random, 7));
      }),
    );
  });

  it('splits into streams that differ from each other and from their parent', () => {
    const random = seededRandom(7);
    const [left, right] = [random.split(), random.split()];
    const streams = [left, right, random].map((stream) => draw(stream, 20));
    expect(new Set(streams.flat()).size).toBe(60);
  });

  it('uniform and normal draws have their moments', () => {
    const random = seededRandom(3);
    const count = 40_000;
    const uniform = Array.from({ length: count }, () => random.uniform());
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    const normal = draw(random, count);
    const moment = (power: number) => normal.reduce((sum, value) => sum + value ** power, 0) / count;
    // Four standard errors of each moment's estimate.
    const bound = (variance: number) => 4 * Math.sqrt(variance / count);
    expect(Math.abs(moment(1))).toBeLessThan(bound(1));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(bound(2));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(bound(96));
  });
});
