/** Balance other than AᵀA = BBᵀ: its equivalence under Adam, and μ from second moments. */
import { adam, ConfigError, euclideanFactors, type FactorPair, type Memory, momentBalanced, scaledBlocks, seededRandom, sgd } from 'bures';
import { balora } from 'bures/lora';
import { describe, expect, it } from 'vitest';
import { allEngines, withoutLeaks } from '../support/engines.js';

const [members, m, n, rank] = [3, 9, 7, 2];
const MU = 5;
type Pair = FactorPair<unknown>;

describe.each(allEngines)('on %s', (_, la) => {
  const manifold = euclideanFactors({ m, n, rank, batch: [members], algebra: la });

  it('Adam on (cA, B/c) is Adam on (A, B) with steps by 1/c and c', async () => {
    await withoutLeaks(la, async () => {
      const random = seededRandom(1);
      const draw = (...shape: number[]) => la.randomNormal([members, ...shape], random);
      const c = MU ** 0.25;
      const G = draw(m, n);
      const start: Pair = { A: draw(m, rank), B: draw(rank, n) };
      // The gradient of ⟨G, AB⟩, whose signs Adam follows.
      const gradientAt = ({ A, B }: Pair): Pair => ({ A: la.matmul(G, B, { transposeB: true }), B: la.matmul(A, G, { transposeA: true }) });
      const run = async (x: Pair, rule: ReturnType<typeof adam>): Promise<Pair> => {
        let memory: Memory<Pair> = { tangents: {}, numbers: {} };
        let point = x;
        for (const iteration of [0, 1, 2, 3]) {
          const gradient = gradientAt(point);
          const chosen = await rule.direction({ manifold, iteration, x: point, gradient, gradientNorm: 1, stepSize: undefined, memory });
          point = { A: la.axpy(0.1, chosen.direction.A, point.A), B: la.axpy(0.1, chosen.direction.B, point.B) };
          memory = chosen.memory;
        }
        return point;
      };
      const rule = adam({ epsilon: 1e-30 });
      const scaled = await run({ A: la.scale(c, start.A), B: la.scale(1 / c, start.B) }, rule);
      const plain = await run(start, scaledBlocks(rule, { A: balora({ mu: MU }).rates?.A ?? 0, B: balora({ mu: MU }).rates?.B ?? 0 }));
      const [expected, found] = [scaled, plain].map(({ A, B }) => la.matmul(A, B));
      expect(await la.norm(la.subtract(found, expected))).toBeLessThan(100 * la.epsilon * (await la.norm(expected)));
    });
  });

  it('takes μ from the second moments, within bounds, pair by pair', async () => {
    await withoutLeaks(la, async () => {
      const random = seededRandom(2);
      const draw = (...shape: number[]) => la.randomNormal([members, ...shape], random);
      const x: Pair = { A: draw(m, rank), B: draw(rank, n) };
      // The second pair has a gradient of zero by A, the third one that is far smaller by A than by B.
      const gradient: Pair = { A: la.scaleEach(la.fromArray([1, 0, 1e-6], [members]), draw(m, rank)), B: draw(rank, n) };
      const context = { manifold, iteration: 0, x, gradient, gradientNorm: 1, stepSize: undefined, memory: { tangents: {}, numbers: {} } };
      const [plain, balanced] = [await adam().direction(context), await momentBalanced(adam()).direction(context)];
      const meanSquareOfFirst = async (entries: unknown): Promise<number> => {
        const values = Array.from(await la.toArray(entries));
        const first = values.slice(0, values.length / members);
        return first.reduce((sum, value) => sum + value ** 2, 0) / first.length;
      };
      const c = ((await meanSquareOfFirst(gradient.B)) / (await meanSquareOfFirst(gradient.A))) ** 0.25;
      expect(c).toBeGreaterThan(0.5);
      expect(c).toBeLessThan(2);
      for (const [side, factors] of Object.entries({ A: [1 / c, 1, 1 / 4], B: [c, 1, 4] }) as ['A' | 'B', number[]][]) {
        const expected = la.scaleEach(la.fromArray(factors, [members]), plain.direction[side]);
        const off = await la.norm(la.subtract(balanced.direction[side], expected));
        expect(off).toBeLessThan(100 * la.epsilon * (await la.norm(expected)));
      }
    });
  });

  it('refuses rules without second moments', async () => {
    const x: Pair = { A: la.full([members, m, rank], 1), B: la.full([members, rank, n], 1) };
    const context = { manifold, iteration: 0, x, gradient: x, gradientNorm: 1, stepSize: undefined, memory: { tangents: {}, numbers: {} } };
    await expect(momentBalanced(sgd()).direction(context)).rejects.toThrow(/momentBalanced: expected a rule with second moments, got sgd/);
    la.dispose(x.A);
    la.dispose(x.B);
  });
});

it('balora refuses a μ that is none, and matrices with μ from entries', () => {
  for (const mu of [0, -1, Number.NaN, 'moment']) {
    expect(() => balora({ mu: mu as number })).toThrow(/balora: mu must be a positive number or 'moments'/);
  }
  expect(() => balora({ mu: 'moments', secondMoment: 'matrix' })).toThrow(ConfigError);
  expect(balora().rates).toBeUndefined();
});
