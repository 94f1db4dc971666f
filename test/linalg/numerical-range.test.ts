/** Functions of matrices that may be singular, and leading singular triples, against their definitions. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/index.js';
import { matrixSign, moorePenroseInverse, pseudoInverse, pseudoInverseRoot } from '../../src/linalg/numerical-range.js';
import { leadingSingularTriples } from '../../src/linalg/subspace-iteration.js';
import { allEngines, withoutLeaks } from '../support/engines.js';
import { geometric, withSingularValues } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

const spectra: readonly (readonly [string, readonly number[]])[] = [
  ['full rank', [3, 1, 0.5, 0.2]],
  ['repeated', [2, 2, 2, 1]],
  ['rank 2', [3, 1, 0, 0]],
  ['zero', [0, 0, 0, 0]],
];

describe.each(allEngines)('on %s', (_name, la) => {
  const [m, n] = [7, 4];

  it.each(spectra)('%s: inverse, roots and sign act on the range and vanish beside it', async (_, sigma) => {
    await withoutLeaks(la, async () => {
      // Two members, so that a batch is among the cases.
      const dense = [1, 2].flatMap((seed) => [...withSingularValues(seed, m, n, sigma).values]);
      const X = la.fromArray(dense, [2, m, n]);
      const S = la.matmul(X, X, { transposeA: true });
      const close = tolerance(la, 3000, 40);
      const inverse = moorePenroseInverse(la, X);
      expect(await la.toArray(la.matmul(la.matmul(X, inverse), X))).toBeAllClose(await la.toArray(X), close);
      expect(await la.toArray(la.matmul(la.matmul(inverse, X), inverse))).toBeAllClose(await la.toArray(inverse), close);
      const ofGram = pseudoInverse(la, S);
      expect(await la.toArray(la.matmul(la.matmul(S, ofGram), S))).toBeAllClose(await la.toArray(S), close);
      const root = pseudoInverseRoot(la, S);
      expect(await la.toArray(la.matmul(root, root))).toBeAllClose(await la.toArray(ofGram), 25 * close);
      const sign = matrixSign(la, X);
      // Singular values 1 and 0, and the same singular vectors: sign(X)ᵀX is (XᵀX)^½.
      expect(await la.toArray(la.matmul(la.matmul(sign, sign, { transposeB: true }), sign))).toBeAllClose(await la.toArray(sign), close);
      const modulus = la.matmul(sign, X, { transposeA: true });
      expect(await la.toArray(la.matmul(modulus, modulus))).toBeAllClose(await la.toArray(S), close);
      const ranks = await la.toArray(la.innerEach(sign, sign));
      const rank = sigma.filter((value) => value > 0).length;
      expect(ranks).toBeAllClose([rank, rank], close);
    });
  });

  it('leading singular triples are those of the SVD', async () => {
    await withoutLeaks(la, async () => {
      const { values } = withSingularValues(3, 30, 20, geometric(20, 1e-3));
      const Z = la.fromArray(values, [30, 20]);
      const { U, S, V } = leadingSingularTriples(
        la,
        { m: 30, n: 20, apply: (x) => la.matmul(Z, x), applyTranspose: (y) => la.matmul(Z, y, { transposeA: true }) },
        { count: 4, passes: 8, oversampling: 6, random: seededRandom(2) },
      );
      expect(await la.toArray(S)).toBeAllClose([...geometric(20, 1e-3)].slice(0, 4), tolerance(la, 300));
      const residual = la.subtract(la.matmul(Z, V), la.scaleColumns(U, S));
      expect(Number(await la.norm(residual))).toBeLessThan(tolerance(la, 1000));
    });
  });
});
