/** What the programs for the backends compute, each on its own: a descent, and a factorization. */
import { balancedFactors, maxIterations, minimize, seededRandom } from 'bures';
import type { TensorAlgebra } from 'bures/tensor';

/** Writes the costs of a descent to a matrix of rank 3, the engine's name, and singular values. */
export async function approximate(la: TensorAlgebra, iterations: number, log: (...values: unknown[]) => void): Promise<void> {
  const costs = await la.tidy(async () => {
    const manifold = balancedFactors({ m: 60, n: 40, rank: 3, algebra: la });
    const goal = manifold.toMatrix(manifold.randomPoint(seededRandom(4)));
    const gap = (x: ReturnType<typeof manifold.randomPoint>) => la.subtract(manifold.toMatrix(x), goal);
    const problem = {
      manifold,
      cost: async (x: ReturnType<typeof manifold.randomPoint>) => 0.5 * (await la.norm(gap(x))) ** 2,
      gradient: { kind: 'ambient', at: gap },
    } as const;
    const { history } = await minimize(problem, { stop: maxIterations(iterations), seed: 1 });
    return history.map(({ cost }) => cost);
  });
  log(costs);
  const { S } = la.svd(la.fromArray([1, 2, 3, 4, 5, 7], [3, 2]));
  log(la.name, await la.toArray(S));
}
