/** The synthetic experiment's network: gradients of ragged layers, the least loss, and starts that are not balanced. */
import { balancedProjection, hostAlgebra, objective, seededRandom } from 'bures';
import { checkGradient, checkHessian } from 'bures/diagnostics';
import { describe, expect, it } from 'vitest';
import { networkProblem, optimalLoss } from '../../examples/synthetic/network.js';
import { type Adapters, byLayer, layerName, type Network } from '../../examples/synthetic/passes.js';
import { layerProducts, runExperiment } from '../../examples/synthetic/run.js';

const la = hostAlgebra();

/** A network whose layer i maps widths[i] to widths[i + 1], and factors for it that are not balanced. */
function raggedNetwork(widths: readonly number[], rank: number): { network: Network; start: Adapters } {
  const random = seededRandom(11);
  const draw = (m: number, n: number) => la.randomNormal([m, n], random);
  const sizes = widths.slice(1).map((m, i) => [m, widths[i]] as const);
  return {
    network: { algebra: la, target: draw(widths[widths.length - 1], widths[0]), frozen: sizes.map(([m, n]) => draw(m, n)) },
    start: byLayer(sizes.map(([m, n]) => ({ A: la.scale(0.3, draw(m, rank)), B: draw(rank, n) }))),
  };
}

const cases: readonly (readonly [readonly number[], number])[] = [
  [[5, 7], 2],
  [[6, 3, 8], 3],
  [[4, 9, 5, 7], 2],
];

describe.each(cases)('layers of widths %j at rank %i', (widths, rank) => {
  const { network, start } = raggedNetwork(widths, rank);
  const balanced = Object.fromEntries(
    Object.entries(start).map(([name, pair]) => {
      const { A, B } = balancedProjection(la, pair);
      return [name, { A, B }];
    }),
  );

  it.each(['lora', 'balora'] as const)('%s: the gradient is the central difference of the loss', async (method) => {
    const problem = networkProblem(method, network, rank);
    const { manifold } = problem;
    const seen = objective(problem);
    const { gradient } = await seen.evaluate(balanced, 0);
    const direction = await manifold.randomTangent(balanced, seededRandom(5));
    const slope = await manifold.inner(balanced, gradient, direction);
    const h = 1e-5;
    const ahead = await problem.cost(manifold.retract(balanced, direction, h), undefined);
    const behind = await problem.cost(manifold.retract(balanced, direction, -h), undefined);
    // Truncation h²·f''' and rounding ε·f/h are both near 1e-10 of f here.
    const scale = await problem.cost(balanced, undefined);
    expect(Math.abs((ahead - behind) / (2 * h) - slope)).toBeLessThan(1e-8 * scale);
  });

  it.each(['lora', 'balora'] as const)('%s: gradient and Hessian pass the checks of bures/diagnostics', async (method) => {
    const problem = networkProblem(method, network, rank);
    for (const check of [checkGradient, checkHessian]) {
      const { ok, verdict } = await check(problem, { x: balanced });
      expect(ok, verdict).toBe(true);
    }
  });

  it("BaLoRA's first step leaves from the factors as they are, and projects afterwards", async () => {
    const options = { optimizer: 'gd', learningRate: 1e-3, steps: 1 } as const;
    const lora = await runExperiment(network, start, { ...options, method: 'lora' });
    const balora = await runExperiment(network, start, { ...options, method: 'balora' });
    expect(Math.abs(balora.finalLoss - lora.finalLoss)).toBeLessThan(1e-12 * lora.finalLoss);
    const products = layerProducts(network, lora.adapters as Adapters);
    for (const [i, product] of layerProducts(network, balora.adapters as Adapters).entries()) {
      expect(await la.norm(la.subtract(product, products[i]))).toBeLessThan(1e-13 * (await la.norm(products[i])));
      const { A, B } = (balora.adapters as Adapters)[layerName(i)];
      const gap = la.subtract(la.matmul(A, A, { transposeA: true }), la.matmul(B, B, { transposeB: true }));
      expect(await la.norm(gap)).toBeLessThan(1e-13 * (await la.norm(la.matmul(A, A, { transposeA: true }))));
    }
  });
});

it('the least loss is what one layer reaches', async () => {
  const { network, start } = raggedNetwork([6, 9], 2);
  const { finalLoss } = await runExperiment(network, start, { method: 'balora', optimizer: 'gd', learningRate: 0.05, steps: 3000 });
  const least = await optimalLoss(network, 2);
  expect(Math.abs(finalLoss - least)).toBeLessThan(1e-10 * least);
});

it('a run that blows up reports NaN, not an error', async () => {
  const { network, start } = raggedNetwork([4, 6, 5], 2);
  for (const method of ['lora', 'balora'] as const) {
    const { losses, finalLoss, adapters } = await runExperiment(network, start, { method, optimizer: 'gd', learningRate: 10, steps: 50 });
    expect(losses).toHaveLength(50);
    expect(Number.isFinite(losses[0])).toBe(true);
    expect([losses[49], finalLoss, adapters]).toEqual([Number.NaN, Number.NaN, undefined]);
  }
});
