/** The factorizations of every backend under test, against the definition of each in float64. */
import type { Tensor } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericalError } from '../../../src/core/errors.js';
import { seededRandom } from '../../../src/core/random.js';
import type { TensorAlgebra } from '../../../src/linalg/tensor/index.js';
import { accurateSingularValues } from '../../support/double-double.js';
import { runsOn, tensorEngines, withoutLeaks } from '../../support/engines.js';
import {
  batches,
  definite,
  geometric,
  sizes,
  spectra,
  wellConditioned,
  withEigenvalues,
  withSingularValues,
} from '../../support/matrices.js';
import { type Dense, dense, identity, members, multiply, timesDiagonal, transposed } from '../../support/naive.js';
import { tolerance } from '../../support/tolerance.js';

const LARGEST = 9;

/** Spectra that float32 can tell apart, p values from about one down. */
const float32Spectra: Readonly<Record<string, (p: number, seed: number) => Float64Array>> = {
  random: (p, seed) => spectra.random(p, seededRandom(seed)),
  'rank deficient': (p, seed) => spectra['rank deficient'](p, seededRandom(seed)),
  repeated: (p, seed) => spectra.repeated(p, seededRandom(seed)),
  'all equal': (p, seed) => spectra['all equal'](p, seededRandom(seed)),
  zero: (p) => new Float64Array(p),
  'condition number 1e3': (p) => geometric(p, 1e-3),
  'graded to 1e-7': (p) => geometric(p, 1e-7),
  'graded to 1e-30': (p) => geometric(p, 1e-30),
  'nearly repeated': (p) => Float64Array.from({ length: p }, (_, i) => 1 - i * 1e-7),
};
const spectrumNames = fc.constantFrom(...Object.keys(float32Spectra));
const exponents = fc.constantFrom(0, -30, 30);

/** A matrix of a batch with its entries rounded to float32, so that the reference factors the same matrix. */
const rounded = ({ m, n, values }: Dense): Dense => ({ m, n, values: Float64Array.from(Float32Array.from(values)) });

const countOf = (batch: readonly number[]): number => batch.reduce((product, length) => product * length, 1);

/** As many matrices as the batch has, each by its own seed. */
function listOf(batch: readonly number[], make: (index: number) => Dense): Dense[] {
  return Array.from({ length: countOf(batch) }, (_, index) => rounded(make(index)));
}

function batchOf(la: TensorAlgebra, batch: readonly number[], list: readonly Dense[]): Tensor {
  return la.fromArray(
    list.flatMap((one) => Array.from(one.values)),
    [...batch, list[0].m, list[0].n],
  );
}

async function read(la: TensorAlgebra, x: Tensor, m: number, n: number): Promise<Dense[]> {
  return members(await la.toArray(x), m, n);
}

const over = (x: Dense, scale: number): Dense => ({ ...x, values: x.values.map((value) => value / scale) });

describe.each(tensorEngines)('factorizations of %s', (_name, la) => {
  const check = (runs: number, property: fc.IAsyncPropertyWithHooks<never>) => fc.assert(property, { numRuns: runsOn(la, runs) });
  const scaleOf = (sigma: Float64Array) => Math.max(...sigma) || 1;

  function expectOrthonormal(q: Dense, bound: number): void {
    expect(multiply(transposed(q), q).values).toBeAllClose(identity(q.n).values, bound);
  }

  const problems = fc.record({ size: sizes(LARGEST), spectrum: spectrumNames, exponent: exponents, batch: batches });
  const asked = (action: (drawn: { m: number; n: number; seed: number; batch: readonly number[]; sigma: Float64Array }) => Promise<void>) =>
    fc.asyncProperty(problems, ({ size: { m, n, seed }, spectrum, exponent, batch }) => {
      const sigma = float32Spectra[spectrum](Math.min(m, n), seed).map((value) => value * 2 ** exponent);
      return withoutLeaks(la, () => action({ m, n, seed, batch, sigma }));
    }) as unknown as fc.IAsyncPropertyWithHooks<never>;

  it('qr: A = Q R, Q orthonormal for every rank, R triangular with a nonnegative diagonal', async () => {
    await check(
      80,
      asked(async ({ m, n, seed, batch, sigma }) => {
        const p = Math.min(m, n);
        const list = listOf(batch, (index) => withSingularValues(seed + 3 * index, m, n, sigma));
        const { Q, R } = la.qr(batchOf(la, batch, list));
        expect([la.shape(Q), la.shape(R)]).toEqual([
          [...batch, m, p],
          [...batch, p, n],
        ]);
        const [qs, rs] = [await read(la, Q, m, p), await read(la, R, p, n)];
        const bound = tolerance(la, 20 * Math.max(m, n));
        list.forEach((a, index) => {
          const scale = scaleOf(sigma);
          expect(multiply(qs[index], over(rs[index], scale)).values).toBeAllClose(over(a, scale).values, bound);
          expectOrthonormal(qs[index], bound);
          const { values } = rs[index];
          for (let i = 0; i < p; i++) for (let j = 0; j < i; j++) expect(values[i * n + j] === 0).toBe(true);
          for (let i = 0; i < p; i++) expect(values[i * n + i]).toBeGreaterThanOrEqual(0);
        });
      }),
    );
  });

  it('svd: A = U diag(σ) Vᵀ with the known σ, U and V orthonormal for every rank', async () => {
    await check(
      80,
      asked(async ({ m, n, seed, batch, sigma }) => {
        const p = Math.min(m, n);
        const list = listOf(batch, (index) => withSingularValues(seed + 3 * index, m, n, sigma));
        const { U, S, V } = la.svd(batchOf(la, batch, list));
        const [us, ss, vs] = [await read(la, U, m, p), await read(la, S, 1, p), await read(la, V, n, p)];
        const bound = tolerance(la, 20 * Math.max(m, n));
        const scale = scaleOf(sigma);
        list.forEach((a, index) => {
          const s = ss[index].values;
          expect(over({ m: 1, n: p, values: s }, scale).values).toBeAllClose(over({ m: 1, n: p, values: sigma }, scale).values, bound);
          for (let i = 0; i < p; i++) expect(s[i]).toBeGreaterThanOrEqual(i + 1 < p ? s[i + 1] : 0);
          const product = multiply(
            timesDiagonal(
              us[index],
              s.map((value) => value / scale),
            ),
            transposed(vs[index]),
          );
          expect(product.values).toBeAllClose(over(a, scale).values, bound);
          expectOrthonormal(us[index], bound);
          expectOrthonormal(vs[index], bound);
        });
      }),
    );
  });

  it("svd, accuracy 'relative': every σ of a well-conditioned matrix times a diagonal", async () => {
    await fc.assert(
      fc.asyncProperty(sizes(LARGEST), fc.constantFrom(3, 7, 12), fc.boolean(), ({ m, n, seed }, decades, wide) =>
        withoutLeaks(la, async () => {
          const [long, short] = [Math.max(m, n), Math.min(m, n)];
          const random = seededRandom(seed);
          const powers = Float64Array.from({ length: short }, () => 10 ** (-decades * random.uniform()));
          const tall = timesDiagonal(wellConditioned(seed, long, short), powers);
          const a = rounded(wide ? transposed(tall) : tall);
          const { S } = la.svd(batchOf(la, [], [a]), { accuracy: 'relative' });
          const exact = accurateSingularValues(a);
          const ratios = (await la.toArray(S)).map((value, i) => value / exact[i]);
          expect(ratios).toBeAllClose(new Float64Array(short).fill(1), tolerance(la, 50 * long));
        }),
      ),
      { numRuns: runsOn(la, 60) },
    );
  });

  it('eigh: A = W diag(λ) Wᵀ, λ ascending; only the lower triangle is read', async () => {
    await check(
      80,
      asked(async ({ n, seed, batch, sigma }) => {
        const random = seededRandom(seed);
        const lambda = Float64Array.from({ length: n }, (_, i) => (sigma[i] ?? 0) * (random.uniform() < 0.5 ? -1 : 1));
        const list = listOf(batch, (index) => withEigenvalues(seed + 3 * index, lambda));
        const halves = list.map((a) => dense(n, n, (i, j) => (j > i ? Number.NaN : a.values[i * n + j])));
        const { values, vectors } = la.eigh(batchOf(la, batch, halves));
        expect([la.shape(values), la.shape(vectors)]).toEqual([
          [...batch, n],
          [...batch, n, n],
        ]);
        const [found, ws] = [await read(la, values, 1, n), await read(la, vectors, n, n)];
        const bound = tolerance(la, 30 * n);
        const scale = scaleOf(lambda.map(Math.abs));
        list.forEach((a, index) => {
          const scaled = found[index].values.map((value) => value / scale);
          expect(scaled).toBeAllClose(
            lambda.toSorted((x, y) => x - y).map((value) => value / scale),
            bound,
          );
          expect(scaled).toEqual(scaled.toSorted((x, y) => x - y));
          expect(multiply(timesDiagonal(ws[index], scaled), transposed(ws[index])).values).toBeAllClose(over(a, scale).values, bound);
          expectOrthonormal(ws[index], bound);
        });
      }),
    );
  });

  it('cholesky: A = L Lᵀ, L lower triangular with a positive diagonal; only the lower triangle is read', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(LARGEST), fc.constantFrom(1, 10, 1e4), batches, ({ n, seed }, kappa, batch) =>
        withoutLeaks(la, async () => {
          const list = listOf(batch, (index) => definite(seed + 3 * index, n, kappa));
          const halves = list.map((a) => dense(n, n, (i, j) => (j > i ? Number.NaN : a.values[i * n + j])));
          const factors = await read(la, la.cholesky(batchOf(la, batch, halves)), n, n);
          list.forEach((a, index) => {
            const l = factors[index];
            expect(multiply(l, transposed(l)).values).toBeAllClose(a.values, tolerance(la, 10 * n));
            for (let i = 0; i < n; i++) {
              expect(l.values[i * n + i]).toBeGreaterThan(0);
              for (let j = i + 1; j < n; j++) expect(l.values[i * n + j] === 0).toBe(true);
            }
          });
        }),
      ),
      { numRuns: runsOn(la, 60) },
    );
  });

  it('solveTriangular: T X = B or X T = B, either triangle, transposed or not; the other triangle is not read', async () => {
    const options = fc.record({ lower: fc.boolean(), transpose: fc.boolean(), side: fc.constantFrom('left' as const, 'right' as const) });
    await fc.assert(
      fc.asyncProperty(sizes(LARGEST), options, batches, ({ m: k, n, seed }, { lower, transpose, side }, batch) =>
        withoutLeaks(la, async () => {
          const random = seededRandom(seed);
          const inside = (i: number, j: number) => (lower ? j <= i : j >= i);
          const triangles = listOf(batch, () =>
            dense(n, n, (i, j) => (inside(i, j) ? (i === j ? 2 + random.uniform() : random.normal() / n) : Number.NaN)),
          );
          const known = listOf(batch, () => dense(...((side === 'left' ? [n, k] : [k, n]) as [number, number]), () => random.normal()));
          const solution = la.solveTriangular(batchOf(la, batch, triangles), batchOf(la, batch, known), { lower, transpose, side });
          expect(la.shape(solution)).toEqual([...batch, known[0].m, known[0].n]);
          const xs = await read(la, solution, known[0].m, known[0].n);
          xs.forEach((x, index) => {
            const clean = dense(n, n, (i, j) => (inside(i, j) ? triangles[index].values[i * n + j] : 0));
            const t = transpose ? transposed(clean) : clean;
            const product = side === 'left' ? multiply(t, x) : multiply(x, t);
            expect(product.values).toBeAllClose(known[index].values, tolerance(la, 50 * n));
          });
        }),
      ),
      { numRuns: runsOn(la, 80) },
    );
  });

  it('what cannot be factored, or is not finite, is an error where it is seen at once, and NaN elsewhere', async () => {
    const bad = { 'not finite': [1, 0, Number.NaN, 1], 'not definite': [1, 2, 2, 1], singular: [0, 0, 1, 1] } as const;
    const cases: readonly (readonly [string, readonly number[], (x: Tensor) => Tensor])[] = [
      ['qr', bad['not finite'], (x) => la.qr(x).R],
      ['svd', bad['not finite'], (x) => la.svd(x).S],
      ['eigh', bad['not finite'], (x) => la.eigh(x).values],
      ['cholesky', bad['not finite'], la.cholesky],
      ['cholesky', bad['not definite'], la.cholesky],
      ['solveTriangular', bad.singular, (x) => la.solveTriangular(x, la.full([2, 1], 1))],
    ];
    await withoutLeaks(la, async () => {
      for (const [name, values, compute] of cases) {
        const x = la.fromArray(values, [2, 2]);
        if (la.name === 'tensor:webgpu' || la.report.cuda) {
          const result = await la.toArray(compute(x));
          expect(result.every(Number.isFinite), name).toBe(false);
        } else {
          expect(() => compute(x), name).toThrow(NumericalError);
          expect(() => compute(x)).toThrow(new RegExp(`^${name}: .*; `));
        }
      }
    });
  });
});
