/** `fixedRank`: which points it takes, and second moments where singular values change places. */
import { square } from 'bures';
import { describe, expect, it } from 'vitest';
import { DomainError, fixedRank, NumericalError, seededRandom } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const [m, n, rank] = [8, 6, 3];
  const manifold = fixedRank({ m, n, rank, algebra: la });
  const withSpectrum = (...values: number[]) => ({ ...manifold.randomPoint(seededRandom(2)), S: la.fromArray(values, [rank]) });

  it.each([
    [[3, 2, 0], /got 0 at 2/],
    [[3, 2, 1e-16], /got 1e-16 at 2/],
    [[0, 0, 0], /got 0 at 0/],
    [[3, 2, -1], /got -1 at 2/],
    [[2, 3, 1], /got 3 at 1/],
  ])('a point of singular values %o is none of rank 3', async (values, message) => {
    const check = async () => manifold.checkPoint(withSpectrum(...values));
    await expect(check()).rejects.toThrow(DomainError);
    await expect(check()).rejects.toThrow(message);
  });

  it('takes points however ill-conditioned, as long as no singular value vanishes to rounding', async () => {
    await manifold.checkPoint(withSpectrum(3, 2, 1e-14));
  });

  it('no tangent leads to a matrix whose difference is too large to be left out', () => {
    const [x, y] = [withSpectrum(3, 2, 1), manifold.randomPoint(seededRandom(7))];
    const far = { ...y, S: la.fromArray([1, 1e-3, 1e-6], [rank]) };
    expect(() => manifold.inverseRetract?.(x, far)).toThrow(NumericalError);
    expect(() => manifold.inverseRetract?.(x, far)).toThrow(/^fixedRank.inverseRetract: no tangent .* choose points closer together/);
  });

  it('second moments follow singular values that change places: they are the squares of the carried gradient', () => {
    const x = withSpectrum(3, 2, 1);
    // σ becomes (½, 2, 1), which the retraction sorts: every coordinate moves, and signs may flip.
    const u = { M: la.diagMatrix(la.fromArray([-2.5, 0, 0], [rank])), Up: la.full([m, rank], 0), Vp: la.full([n, rank], 0) };
    const { point, covector, secondMoment } = manifold.retractTransport(x, u);
    expect(point.S).toBeAllClose([2, 1, 0.5], 1e-14);
    const random = seededRandom(3);
    const g = manifold.toTangent(x, {
      M: la.randomNormal([rank, rank], random),
      Up: la.randomNormal([m, rank], random),
      Vp: la.randomNormal([n, rank], random),
    });
    const squares = { M: square(la, g.M), Up: square(la, g.Up), Vp: square(la, g.Vp) };
    const [carried, moved] = [covector(g), secondMoment(squares)];
    // The gauge is a signed permutation to a few ε.
    for (const key of ['M', 'Up', 'Vp'] as const) expect(moved[key]).toBeAllClose(square(la, carried[key]), 1e-12);
  });
});
