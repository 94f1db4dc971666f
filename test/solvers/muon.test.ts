/** Muon on factor pairs against its formula, and how often it factors Grams. */
import { describe, expect, it } from 'vitest';
import { balancedFactors, euclideanFactors, type FactorPair, type LinearAlgebra, muon, seededRandom } from '../../src/index.js';
import { matrixSign, pseudoInverseRoot } from '../../src/linalg/numerical-range.js';
import { allEngines, withoutLeaks } from '../support/engines.js';

const [members, m, n, rank] = [2, 9, 7, 3];

/** The engine, with a count of its eigendecompositions. */
function counting(la: LinearAlgebra<unknown>): { readonly counted: LinearAlgebra<unknown>; readonly calls: () => number } {
  let count = 0;
  const eigh: LinearAlgebra<unknown>['eigh'] = (x) => {
    count++;
    return la.eigh(x);
  };
  // Engines are frozen.
  const counted = Object.create(la, { eigh: { value: eigh } }) as LinearAlgebra<unknown>;
  return { counted, calls: () => count };
}

describe.each(allEngines)('muon on %s', (_, la) => {
  const random = seededRandom(4);
  const draw = (...shape: number[]) => la.randomNormal([members, ...shape], random);
  /** A pair whose product has condition number 1e3, far from balanced. */
  const pairs = (): { readonly x: FactorPair<unknown>; readonly gradient: FactorPair<unknown> } => ({
    x: { A: la.scaleColumns(draw(m, rank), la.fromArray([1, 0.1, 1e-3, 1, 0.1, 1e-3], [members, rank])), B: la.scale(3, draw(rank, n)) },
    gradient: { A: draw(m, rank), B: draw(rank, n) },
  });
  const formula = ({ A, B }: FactorPair<unknown>, g: FactorPair<unknown>): FactorPair<unknown> => {
    const rootA = pseudoInverseRoot(la, la.matmul(A, A, { transposeA: true }));
    const rootB = pseudoInverseRoot(la, la.matmul(B, B, { transposeB: true }));
    return {
      A: la.scale(-1, la.matmul(matrixSign(la, la.matmul(g.A, rootB)), rootB)),
      B: la.scale(-1, la.matmul(rootA, matrixSign(la, la.matmul(rootA, g.B)))),
    };
  };

  it.each([
    ['unbalanced', 2],
    ['balanced', 1],
  ] as const)('%s factors: the formula, with %i eigendecompositions', async (kind, decompositions) => {
    await withoutLeaks(la, async () => {
      const { counted, calls } = counting(la);
      const options = { m, n, rank, batch: [members], algebra: counted };
      const { x: plain, gradient } = pairs();
      const { A, B } = kind === 'balanced' ? balancedFactors({ ...options, algebra: la }).balance(plain) : plain;
      const x = { A, B };
      const context = { manifold: euclideanFactors(options), iteration: 0, x, gradient, gradientNorm: 1, stepSize: undefined };
      const { direction } = await muon().direction({ ...context, memory: { tangents: {}, numbers: {} } });
      expect(calls()).toBe(decompositions);
      const expected = formula(x, gradient);
      for (const key of ['A', 'B'] as const) {
        const [off, size] = [await la.norm(la.subtract(direction[key], expected[key])), await la.norm(expected[key])];
        // The smallest singular value, 1e-3 of the largest, loses as many digits in its Gram twice over.
        expect(off / size).toBeLessThan(1e6 * 16 * la.epsilon);
      }
    });
  });
});
