import { eye } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  factorHessianSpectrum,
  type HessianSpectrumOptions,
  hessianSpectrum,
  quadraticHessianVector,
} from '../../src/diagnostics/index.js';
import { type FactorPair, type HostArray, seededRandom } from '../../src/index.js';
import { sizes } from '../support/matrices.js';
import { type FactorCase, factorCase, la, randomGauge, randomPair } from './factor-cases.js';

function spectrumOf({ pair, target }: Pick<FactorCase, 'pair' | 'target'>, options: HessianSpectrumOptions) {
  return hessianSpectrum(la, { at: pair, hessianVector: quadraticHessianVector(la, pair, target) }, options);
}

describe('quadraticHessianVector', () => {
  it('is the derivative of the gradient, at any pair and for every form of target', async () => {
    const [m, n, r] = [6, 5, 3];
    const at = randomPair(1, m, n, r);
    const u = randomPair(11, m, n, r);
    const target = la.randomNormal([m, n], seededRandom(2));
    const gradient = ({ A, B }: FactorPair<HostArray>): FactorPair<HostArray> => {
      const residual = la.subtract(la.matmul(A, B), target);
      return { A: la.matmul(residual, B, { transposeB: true }), B: la.matmul(A, residual, { transposeA: true }) };
    };
    const shifted = (t: number): FactorPair<HostArray> => gradient({ A: la.axpy(t, u.A, at.A), B: la.axpy(t, u.B, at.B) });
    // The gradient is a cubic of t: Richardson's extrapolation of central differences is its derivative exactly.
    const central = (key: 'A' | 'B', t: number): HostArray => la.scale(1 / (2 * t), la.subtract(shifted(t)[key], shifted(-t)[key]));
    const derivative = (key: 'A' | 'B'): HostArray => la.axpy(-1 / 3, central(key, 1), la.scale(4 / 3, central(key, 0.5)));
    const identity = eye(la, n);
    for (const form of [target, { kind: 'factored', left: target, right: identity } as const]) {
      const image = quadraticHessianVector(la, at, form)(u);
      expect(image.A).toBeAllClose(derivative('A'), 1e-12);
      expect(image.B).toBeAllClose(derivative('B'), 1e-12);
    }
    expect(() => quadraticHessianVector(la, at, la.transpose(target))).toThrow(/target of the shape of AB, \[6,5\], got \[5,6\]/);
  });
});

describe('hessianSpectrum', () => {
  it('finds exactly r² zeros and the extremes, densely', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(8), async ({ m, n, r, seed }) => {
        const example = factorCase(
          seed,
          m,
          n,
          Array.from({ length: r }, (_, i) => 2 - i / r),
          [],
          randomGauge(seed, r, 2),
        );
        const { zeros, smallest, largest, conditionNumber, eigenvalues } = await spectrumOf(example, { method: 'dense' });
        const closed = await factorHessianSpectrum(la, example.pair);
        expect(zeros).toBe(r * r);
        expect([smallest, largest]).toBeAllClose([closed[r * r], closed[closed.length - 1]], 1e-11 * largest);
        expect(conditionNumber).toBe(largest / smallest);
        expect(eigenvalues).toHaveLength(r * (m + n));
      }),
      { numRuns: 15 },
    );
  });

  it('agrees with the closed form by Lanczos, within the bounds it states', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(12), fc.constantFrom<readonly number[]>([], [0.3]), async ({ m, n, r, seed }, tail) => {
        const sigmas = Array.from({ length: r }, (_, i) => 2 - i / r);
        const example = factorCase(seed, m, n, sigmas, tail.slice(0, Math.min(m, n) - r), randomGauge(seed, r, 2));
        const found = await spectrumOf(example, { method: 'lanczos' });
        const closed = await factorHessianSpectrum(la, example.pair, { tail: example.tail });
        const largest = closed[closed.length - 1];
        expect(found.converged).toBe(true);
        expect(found.zeros).toBe(r * r);
        expect([found.smallest, found.largest]).toBeAllClose([closed[r * r], largest], 1e-11 * largest);
        const rounding = 1e-13 * largest;
        expect(Math.abs(found.smallest - closed[r * r])).toBeLessThanOrEqual(found.errorBounds.smallest + rounding);
        expect(Math.abs(found.largest - largest)).toBeLessThanOrEqual(found.errorBounds.largest + rounding);
      }),
      { numRuns: 25 },
    );
  });

  it('agrees between dense and Lanczos on a condition number of 2e4', async () => {
    const example = factorCase(3, 31, 23, [1, 0.3, 1e-2, 1e-4], []);
    const dense = await spectrumOf(example, {});
    const krylov = await spectrumOf(example, { method: 'auto', denseLimit: 100, tolerance: 1e-10 });
    expect([dense.method, krylov.method]).toEqual(['dense', 'lanczos']);
    expect(krylov.smallest / dense.smallest).toBeAllClose(1, 1e-9);
    expect(krylov.conditionNumber / 2e4).toBeAllClose(1, 1e-9);
    expect(krylov.iterations).toBeLessThan(dense.iterations);
  });

  it('is bounded, and says when it did not converge', async () => {
    const example = factorCase(
      3,
      31,
      23,
      Array.from({ length: 5 }, (_, i) => 0.2 ** i),
    );
    const cut = await spectrumOf(example, { method: 'lanczos', maxIterations: 5 });
    expect(cut).toMatchObject({ converged: false, iterations: 5 });
    expect(cut.errorBounds.smallest).toBeGreaterThan(1e-6);
  });

  it('takes a batch as one Hessian in all factors', async () => {
    const [first, second] = [factorCase(1, 6, 5, [2, 1]), factorCase(9, 6, 5, [3, 0.5], [0.2])];
    const stack = (x: HostArray, y: HostArray): HostArray => la.reshape(la.concat([x, y], 'rows'), [2, ...la.shape(x)]);
    const pair = { A: stack(first.pair.A, second.pair.A), B: stack(first.pair.B, second.pair.B) };
    const batch = { pair, target: stack(first.target, second.target) };
    const separate = [await factorHessianSpectrum(la, first.pair), await factorHessianSpectrum(la, second.pair, { tail: [0.2] })];
    const all = Float64Array.from(separate.flatMap((values) => [...values])).sort();
    const dense = await spectrumOf(batch, { method: 'dense' });
    expect(dense.eigenvalues).toBeAllClose(all, 1e-11);
    expect(dense.zeros).toBe(8);
    const krylov = await spectrumOf(batch, { method: 'lanczos' });
    expect([krylov.smallest, krylov.largest]).toBeAllClose([dense.smallest, dense.largest], 1e-11);
    expect(krylov.zeros).toBe(8);
  });

  it('finds the negative eigenvalue of a saddle, and zeros beyond the gauge', async () => {
    const saddle = factorCase(4, 7, 5, [2, 1], [1.5]);
    for (const method of ['dense', 'lanczos'] as const) {
      const found = await spectrumOf(saddle, { method });
      expect(found.smallest).toBeAllClose(-0.5, 1e-11);
      expect(found.conditionNumber).toBe(Number.POSITIVE_INFINITY);
    }
    const tie = await spectrumOf(factorCase(4, 7, 5, [2, 1], [1]), { method: 'lanczos' });
    expect(tie.smallest).toBe(0);
  });

  it('refuses what is no Hessian, no critical point, not finite, or no option', async () => {
    const example = factorCase(4, 7, 5, [2, 1]);
    const { pair: at } = example;
    const hessian = quadraticHessianVector(la, at, example.target);
    const lopsided = (u: FactorPair<HostArray>) => ({
      A: la.add(u.A, la.matmul(eye(la, 7), u.A)),
      B: la.add(u.B, la.slice(la.transpose(u.A), { columns: [0, 5] })),
    });
    await expect(hessianSpectrum(la, { at, hessianVector: lopsided })).rejects.toThrow(/expected a symmetric map/);
    const elsewhere = randomPair(3, 7, 5, 2);
    const noCritical = { at: elsewhere, hessianVector: quadraticHessianVector(la, elsewhere, example.target) };
    await expect(hessianSpectrum(la, noCritical, { method: 'lanczos' })).rejects.toThrow(
      /converge to a minimizer first, or pass method: 'dense'/,
    );
    const poisoned = (u: FactorPair<HostArray>) => ({ ...hessian(u), A: la.full([7, 2], Number.NaN) });
    for (const method of ['dense', 'lanczos'] as const) {
      await expect(hessianSpectrum(la, { at, hessianVector: poisoned }, { method })).rejects.toThrow(/check .*hessian/i);
    }
    await expect(hessianSpectrum(la, { at } as never)).rejects.toThrow(/expected hessianVector to be a function.*quadraticHessianVector/);
    await expect(hessianSpectrum(la, { at, hessianVector: hessian }, { method: 'qr' as never })).rejects.toThrow(
      /must be one of 'auto', 'dense', 'lanczos'/,
    );
    await expect(hessianSpectrum(la, { at, hessianVector: hessian }, { maxIterations: 0 })).rejects.toThrow(
      /maxIterations must be a positive integer, got 0/,
    );
    await expect(hessianSpectrum(la, undefined as never)).rejects.toThrow(/expected \{ A, B \}/);
    const aborted = AbortSignal.abort(new Error('enough'));
    for (const method of ['dense', 'lanczos'] as const) {
      await expect(hessianSpectrum(la, { at, hessianVector: hessian }, { method, signal: aborted })).rejects.toThrow('enough');
      const silent = { aborted: true };
      await expect(hessianSpectrum(la, { at, hessianVector: hessian }, { method, signal: silent })).rejects.toThrow(
        'aborted by its signal',
      );
    }
  });
});
