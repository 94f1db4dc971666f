import { describe, expect, it } from 'vitest';
import {
  type Ambient,
  csrFromTriplets,
  fixedRank,
  type HostArray,
  hostAlgebra,
  type LinearAlgebra,
  NumericalError,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
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

  it('is the truncated decomposition where singular values fall slowly', async () => {
    const [m, n, rank] = [300, 270, 5];
    const random = seededRandom(1);
    const spectrum = Array.from({ length: n }, (_, i) => 1 - (0.5 * i) / n);
    const left = la.scaleColumns(la.qr(la.randomNormal([m, n], random)).Q, la.fromArray(spectrum, [n]));
    const dense = la.matmul(left, la.qr(la.randomNormal([n, n], random)).Q, { transposeB: true });
    const operator = {
      kind: 'operator',
      shape: [m, n],
      apply: (x: typeof dense) => la.matmul(dense, x),
      applyTranspose: (y: typeof dense) => la.matmul(dense, y, { transposeA: true }),
    } as const;
    const manifold = fixedRank({ m, n, rank, algebra: la });
    const [x, exact] = [manifold.fromMatrix(operator), manifold.fromMatrix(dense)];
    // Elsewhere nothing tells whether the products have converged.
    if (!la.readsSynchronously) return;
    expect(await la.toArray(x.S)).toBeAllClose(spectrum.slice(0, rank), tolerance(la, 1e3, 100));
    const apart = la.subtract(manifold.toMatrix(x), manifold.toMatrix(exact));
    // The gap of σ₅ and σ₆ is 2e-3, by which the residuals of the triples are magnified.
    expect(await la.norm(apart)).toBeLessThan((10 * Math.sqrt(la.epsilon)) / 2e-3);
  });

  it('says which matrices it takes', () => {
    const manifold = fixedRank({ m: 6, n: 5, rank: 3, algebra: la });
    expect(() => manifold.fromMatrix(la.full([5, 6], 1))).toThrow(/fixedRank.fromMatrix: .*6/s);
    const thin = { kind: 'factored', left: la.full([6, 2], 1), right: la.full([5, 2], 1) } as const;
    expect(() => manifold.fromMatrix(thin)).toThrow(ShapeError);
  });
});

it('singular triples that do not converge are an error that says so', () => {
  const la = hostAlgebra();
  const manifold = fixedRank({ m: 300, n: 300, rank: 4 });
  const wrong = {
    kind: 'operator',
    shape: [300, 300],
    apply: (x: HostArray) => x,
    applyTranspose: (y: HostArray) => la.scale(2, y),
  } as const;
  expect(() => manifold.fromMatrix(wrong)).toThrow(/^fixedRank.fromMatrix: the 4 leading singular triples have not converged/);
  expect(() => manifold.fromMatrix({ ...wrong, apply: (x) => la.scale(Number.NaN, x) })).toThrow(NumericalError);
  // A batch.
  const pair = { kind: 'operator', shape: [2, 300, 300], apply: half, applyTranspose: half } as const;
  const weights = la.fromArray([0.5, 1], [2, 1, 1]);
  function half(x: HostArray): HostArray {
    return la.scaleEach(la.reshape(weights, [2]), x);
  }
  const batch = fixedRank({ m: 300, n: 300, rank: 4, batch: [2] });
  expect(la.toArray(batch.fromMatrix(pair).S)).toBeAllClose([0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1], 1e-12);
});
