/**
 * Geodesics, distances, transports and means of `spd`, `fixedRankPsd` and `rotations` against SciPy's matrix functions
 * in the textbook formulas (`test/fixtures/matrix-geometry.py`).
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { affineInvariant, barycenter, buresWasserstein, fixedRankPsd, rotations, type SpdMetric, spd } from '../../src/index.js';
import { allEngines, withoutLeaks } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

interface SpdValues {
  readonly inner: number;
  readonly dist: number;
  readonly exp: number[];
  readonly log: number[];
  readonly transport?: number[];
  readonly barycenter: number[];
}

interface Golden {
  readonly n: number;
  readonly x: number[];
  readonly y: number[];
  readonly u: number[];
  readonly points: readonly number[][];
  readonly weights: number[];
  readonly affineInvariant: SpdValues;
  readonly buresWasserstein: SpdValues;
  readonly fixedRankPsd: { readonly n: number; readonly rank: number; readonly a: number[]; readonly b: number[]; readonly dist: number };
  readonly rotations: {
    readonly n: number;
    readonly x: number[];
    readonly u: number[];
    readonly exp: number[];
    readonly log: number[];
    readonly dist: number;
  };
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/matrix-geometry.json', import.meta.url), 'utf8')) as Golden;

const metrics: readonly (readonly ['affineInvariant' | 'buresWasserstein', SpdMetric])[] = [
  ['affineInvariant', affineInvariant()],
  ['buresWasserstein', buresWasserstein()],
];

describe.each(allEngines)('on %s', (_engine, la) => {
  const square = (values: number[], n = golden.n): unknown => la.fromArray(values, [n, n]);

  it.each(metrics)('spd, %s', async (name, metric) => {
    await withoutLeaks(la, async () => {
      const manifold = spd({ n: golden.n, metric, algebra: la });
      const expected = golden[name];
      const [x, y, u] = [square(golden.x), square(golden.y), square(golden.u)];
      // κ(x) = 50: rounding in X⁻¹u is κ·ε.
      const allowed = tolerance(la, 20 * golden.n, 50);
      const close = async (actual: unknown, values: number[]): Promise<void> => {
        expect(await la.toArray(actual)).toBeAllClose(values, allowed * Math.max(...values.map(Math.abs)));
      };
      expect(await manifold.inner(x, u, u)).toBeAllClose(expected.inner, allowed * expected.inner);
      expect(await manifold.dist(x, y)).toBeAllClose(expected.dist, allowed * expected.dist);
      await close(manifold.exp(x, u), expected.exp);
      await close(manifold.log(x, y), expected.log);
      if (expected.transport !== undefined) await close(manifold.transport(x, y, u), expected.transport);
      const { point, converged } = await barycenter(
        manifold,
        golden.points.map((point) => square(point)),
        { weights: golden.weights },
      );
      expect(converged).toBe(true);
      await close(point, expected.barycenter);
    });
  });

  it('fixedRankPsd: the distance is the root of the sum of traces less twice the nuclear norm', async () => {
    await withoutLeaks(la, async () => {
      const { n, rank, a, b, dist } = golden.fixedRankPsd;
      const manifold = fixedRankPsd({ n, rank, algebra: la });
      const [first, second] = [la.fromArray(a, [n, rank]), la.fromArray(b, [n, rank])];
      expect(await manifold.dist(first, second)).toBeAllClose(dist, tolerance(la, 100, dist));
    });
  });

  it('rotations: exponential and logarithm of matrices', async () => {
    await withoutLeaks(la, async () => {
      const { n, x, u, exp, log, dist } = golden.rotations;
      const group = rotations({ n, algebra: la });
      const [at, velocity, end] = [square(x, n), square(u, n), square(exp, n)];
      const allowed = tolerance(la, 100);
      expect(await la.toArray(group.exp(at, velocity))).toBeAllClose(exp, allowed);
      expect(await la.toArray(group.log(at, end))).toBeAllClose(log, allowed);
      expect(await group.dist(at, end)).toBeAllClose(dist, allowed * dist);
    });
  });
});
