/** Adam with matrix second moments against its formula, step by step, with a change of gauge between the steps. */
import { balancedFactors, ConfigError, euclidean, eye, type FactorPair, type Memory, matrixAdam, seededRandom, sqrtSpd } from 'bures';
import { describe, expect, it } from 'vitest';
import { allEngines, withoutLeaks } from '../support/engines.js';

const [members, m, n, rank] = [2, 9, 7, 3];
const [beta1, beta2, epsilon, weightDecay] = [0.8, 0.9, 1e-2, 0.1];
type Pair = FactorPair<unknown>;

describe.each(allEngines)('matrixAdam on %s', (_, la) => {
  const transposedA = { transposeA: true } as const;
  const transposedB = { transposeB: true } as const;

  /** Requires −M/(1 − β₁ᵏ) = (d + λx)·(V̂^½ + ε), which says what the direction d is without an inverse. */
  async function expectDirection(step: number, d: Pair, x: Pair, M: Pair, V: Pair): Promise<void> {
    const root = (v: unknown) => la.axpy(epsilon, eye(la, rank, [members]), sqrtSpd(la, la.scale(1 / (1 - beta2 ** step), v)));
    const adaptive = { A: la.axpy(weightDecay, x.A, d.A), B: la.axpy(weightDecay, x.B, d.B) };
    const back = { A: la.matmul(adaptive.A, root(V.A)), B: la.matmul(root(V.B), adaptive.B) };
    for (const side of ['A', 'B'] as const) {
      const expected = la.scale(-1 / (1 - beta1 ** step), M[side]);
      const [off, size] = [await la.norm(la.subtract(back[side], expected)), await la.norm(expected)];
      expect(off / size).toBeLessThan(2e3 * la.epsilon);
    }
  }

  it('takes the steps of its formula, and moves its moments with the gauge', async () => {
    await withoutLeaks(la, async () => {
      const random = seededRandom(7);
      const draw = (...shape: number[]) => la.randomNormal([members, ...shape], random);
      const manifold = balancedFactors({ m, n, rank, batch: [members], algebra: la });
      const rule = matrixAdam({ beta1, beta2, epsilon, weightDecay });
      // Columns of sizes 1, 0.1 and 0.01, far from balanced.
      const sizes = la.fromArray([1, 0.1, 0.01, 1, 0.1, 0.01], [members, rank]);
      let x: Pair = { A: la.scaleColumns(draw(m, rank), sizes), B: la.scale(3, draw(rank, n)) };
      let memory: Memory<Pair> = { tangents: {}, numbers: {} };
      const nothing = (rows: number, columns: number) => la.full([members, rows, columns], 0);
      let [M, V]: Pair[] = [
        { A: nothing(m, rank), B: nothing(rank, n) },
        { A: nothing(rank, rank), B: nothing(rank, rank) },
      ];
      for (const step of [1, 2, 3]) {
        const gradient: Pair = { A: draw(m, rank), B: draw(rank, n) };
        const grams = { A: la.matmul(gradient.A, gradient.A, transposedA), B: la.matmul(gradient.B, gradient.B, transposedB) };
        M = { A: la.axpy(beta1, M.A, la.scale(1 - beta1, gradient.A)), B: la.axpy(beta1, M.B, la.scale(1 - beta1, gradient.B)) };
        V = { A: la.axpy(beta2, V.A, la.scale((1 - beta2) / m, grams.A)), B: la.axpy(beta2, V.B, la.scale((1 - beta2) / n, grams.B)) };
        const context = { manifold, iteration: step - 1, x, gradient, gradientNorm: 1, stepSize: undefined, memory };
        const chosen = await rule.direction(context);
        await expectDirection(step, chosen.direction, x, M, V);
        const transport = manifold.retractTransport(x, chosen.direction, 0.1);
        memory = rule.move(chosen.memory, transport);
        const { gauge: T, inverseGauge: inverse } = transport;
        M = { A: la.matmul(M.A, T, transposedB), B: la.matmul(inverse, M.B, transposedA) };
        V = {
          A: la.matmul(la.matmul(T, V.A), T, transposedB),
          B: la.matmul(la.matmul(inverse, V.B, transposedA), inverse),
        };
        x = transport.point;
      }
      expect(memory.numbers).toEqual({ step: 3 });
      expect(la.shape(memory.tangents.second.A)).toEqual([members, rank, rank]);
    });
  });

  it('stays where a factor is zero, as at the start of LoRA', async () => {
    await withoutLeaks(la, async () => {
      const random = seededRandom(2);
      const manifold = balancedFactors({ m, n, rank, algebra: la });
      const x: Pair = { A: la.full([m, rank], 0), B: la.randomNormal([rank, n], random) };
      const gradient: Pair = { A: la.randomNormal([m, rank], random), B: la.full([rank, n], 0) };
      const context = { manifold, iteration: 0, x, gradient, gradientNorm: 1, stepSize: undefined };
      const { direction } = await matrixAdam({ epsilon: 1e-15 }).direction({ ...context, memory: { tangents: {}, numbers: {} } });
      expect(await la.norm((direction as Pair).B)).toBe(0);
      // dA = −g(gᵀg/m)^-½ has m as the square of each singular value.
      const gram = la.matmul((direction as Pair).A, (direction as Pair).A, transposedA);
      expect(await la.norm(la.axpy(-m, eye(la, rank), gram))).toBeLessThan(1e3 * m * la.epsilon);
    });
  });

  it('refuses points that are not factor pairs, and rates that are none', async () => {
    const manifold = euclidean({ shape: [4], algebra: la });
    const x = la.full([4], 1);
    const context = { manifold, iteration: 0, x, gradient: x, gradientNorm: 1, stepSize: undefined, memory: { tangents: {}, numbers: {} } };
    expect(() => matrixAdam().direction(context)).toThrow(/^matrixAdam: expected points \{ A, B \}/);
    expect(() => matrixAdam({ beta2: 1 })).toThrow(ConfigError);
  });
});
