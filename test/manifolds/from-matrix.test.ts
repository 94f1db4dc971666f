import { describe, expect, it } from 'vitest';
import { type Ambient, csrFromTriplets, fixedRank, type LinearAlgebra, ShapeError, seededRandom } from '../../src/index.js';
import { allEngines, withoutLeaks } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

/** A matrix of quickly decaying singular values, in every form. */
function forms<M>(la: LinearAlgebra<M>, m: number, n: number): Readonly<Record<string, Ambient<M>>> {
  const random = seededRandom(m);
  const spectrum = la.fromArray([8, 4, 1, 1e-3, 1e-4], [5]);
  const left = la.scaleColumns(la.qr(la.randomNormal([m, 5], random)).Q, spectrum);
  const right = la.qr(la.randomNormal([n, 5], random)).Q;
  const dense = la.matmul(left, right, { transposeB: true });
  const places = Array.from({ length: m * n }, (_, place) => place);
  const pattern = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: places.map((place) => Math.floor(place / n)),
    columnIndices: places.map((place) => place % n),
    values: new Float64Array(m * n),
  });
  return {
    dense,
    factored: { kind: 'factored', left, right },
    csr: { ...pattern, values: la.reshape(dense, [m * n]) },
    operator: {
      kind: 'operator',
      shape: [m, n],
      apply: (x) => la.matmul(dense, x),
      applyTranspose: (y) => la.matmul(dense, y, { transposeA: true }),
    },
  };
}

describe.each(allEngines)('fixedRank.fromMatrix on %s', (_name, la) => {
  it.each([
    [12, 9],
    [9, 14],
    [300, 270],
  ])('is the truncated decomposition of a %d×%d matrix in every form', async (m, n) => {
    await withoutLeaks(la, () =>
      la.tidy(async () => {
        const manifold = fixedRank({ m, n, rank: 3, algebra: la });
        for (const [form, z] of Object.entries(forms(la, m, n))) {
          const x = manifold.fromMatrix(z);
          await manifold.checkPoint(x);
          expect(await la.toArray(x.S), form).toBeAllClose([8, 4, 1], tolerance(la, 1e3, 100));
          const error = await la.norm(la.subtract(manifold.toMatrix(x), forms(la, m, n).dense as never));
          expect(error, form).toBeLessThan(1.01e-3 * Math.hypot(1, 0.1) + 1e3 * la.epsilon);
        }
      }),
    );
  });

  it('says which matrices it takes', () => {
    const manifold = fixedRank({ m: 6, n: 5, rank: 3, algebra: la });
    expect(() => manifold.fromMatrix(la.full([5, 6], 1))).toThrow(/fixedRank.fromMatrix: .*6/s);
    const thin = { kind: 'factored', left: la.full([6, 2], 1), right: la.full([5, 2], 1) } as const;
    expect(() => manifold.fromMatrix(thin)).toThrow(ShapeError);
  });
});
