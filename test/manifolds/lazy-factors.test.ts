/** LORO's geometry: what its exact step is, against dense matrices. */
import { describe, expect, it } from 'vitest';
import { ConfigError, hostAlgebra, lazyFactors, ShapeError, seededRandom } from '../../src/index.js';
import { tolerance } from '../support/tolerance.js';

describe('lazyFactors', () => {
  const la = hostAlgebra();
  const [m, n, rank] = [9, 7, 3];
  const random = seededRandom(4);
  const draw = (rows: number, columns: number, scale = 1) => la.scale(scale, la.randomNormal([rows, columns], random));

  it.each([1, 1e-4])('the exact step is the best approximation of rank r along the tangent, also with σ_r = %s σ_1', (last) => {
    const manifold = lazyFactors({ m, n, rank, every: 3 });
    const A = la.scaleColumns(draw(m, rank), la.fromArray([1, 0.3, last], [rank]));
    const x = { A, B: draw(rank, n, 2) };
    const u = { A: draw(m, rank), B: draw(rank, n) };
    const t = 0.05 * last;
    const moved = manifold.atStep?.(3).retract(x, u, t);
    if (moved === undefined) throw new Error('there is no exact step');
    // ξ = U K + (I − U Uᵀ) dA R_B⁻¹ Vᵀ, from dense matrices.
    const { Q: U, R } = la.qr(x.A);
    const { Q: V, R: RB } = la.qr(la.transpose(x.B));
    const K = la.solveTriangular(R, u.B, { lower: false, transpose: true });
    const slope = la.solveTriangular(RB, u.A, { lower: false, side: 'right' });
    const above = la.subtract(slope, la.matmul(U, la.matmul(U, slope, { transposeA: true })));
    const xi = la.add(la.matmul(U, K), la.matmul(above, V, { transposeB: true }));
    const { U: P, S, V: W } = la.svd(la.axpy(t, xi, la.matmul(x.A, x.B)));
    const head = { columns: [0, rank] } as const;
    const best = la.matmul(
      la.scaleColumns(la.slice(P, head), la.reshape(la.slice(la.reshape(S, [1, n]), head), [rank])),
      la.slice(W, head),
      {
        transposeB: true,
      },
    );
    expect(manifold.toMatrix(moved)).toBeAllClose(best, tolerance(la, 1000, la.norm(best)) / last);
    const [left, right] = [la.matmul(moved.A, moved.A, { transposeA: true }), la.matmul(moved.B, moved.B, { transposeB: true })];
    expect(left).toBeAllClose(right, tolerance(la, 100, la.norm(left)));
  });

  it('a factor that is zero stays finite, and the other moves', () => {
    const manifold = lazyFactors({ m, n, rank, every: 1 });
    const x = { A: la.full([m, rank], 0), B: draw(rank, n) };
    const moved = manifold.atStep?.(1).retract(x, { A: draw(m, rank), B: la.full([rank, n], 0) }, 0.1);
    if (moved === undefined) throw new Error('there is no exact step');
    for (const factor of [moved.A, moved.B]) expect(la.toArray(factor).every(Number.isFinite)).toBe(true);
    expect(la.norm(manifold.toMatrix(moved))).toBeGreaterThan(0.01);
  });

  it('the other steps are straight, and shorter by rank where they are to be', () => {
    const x = { A: draw(m, rank), B: draw(rank, n) };
    const u = { A: draw(m, rank), B: draw(rank, n) };
    const same = lazyFactors({ m, n, rank, every: 3 }).atStep?.(2).retract(x, u, 0.5);
    expect(same?.A).toBeAllClose(la.axpy(0.5, u.A, x.A), 0);
    const short = lazyFactors({ m, n, rank, every: 3, lazyRate: 'by-rank' }).atStep?.(4).retract(x, u, 0.5);
    expect(short?.A).toBeAllClose(la.axpy((0.5 * rank) / m, u.A, x.A), tolerance(la, 2, 5));
    expect(short?.B).toBeAllClose(la.axpy((0.5 * rank) / n, u.B, x.B), tolerance(la, 2, 5));
  });

  it('refuses what it does not know', () => {
    expect(() => lazyFactors({ m, n, rank, every: 0 })).toThrow(ShapeError);
    expect(() => lazyFactors({ m, n, rank, lazyRate: 'slow' as 'same' })).toThrow(ConfigError);
  });
});
