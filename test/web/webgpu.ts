/** The tensor engine on WebGPU, of which SwiftShader is one. */
import { balancedFactors, type LinearAlgebra, maxIterations, minimize, seededRandom } from 'bures';
import { tensorAlgebra } from 'bures/tensor';
import { webgpu } from 'bures/tensor/webgpu';
import { consoleOf } from './console.js';

const console = consoleOf('webgpu');
const device = await tensorAlgebra({ backend: webgpu() });

async function approximate<M>(la: LinearAlgebra<M>) {
  const manifold = balancedFactors({ m: 60, n: 40, rank: 3, algebra: la });
  const goal = manifold.toMatrix(manifold.randomPoint(seededRandom(4)));
  const gap = (x: ReturnType<typeof manifold.randomPoint>) => la.subtract(manifold.toMatrix(x), goal);
  const problem = {
    manifold,
    cost: async (x: ReturnType<typeof manifold.randomPoint>) => 0.5 * (await la.norm(gap(x))) ** 2,
    gradient: { kind: 'ambient', at: gap },
  } as const;
  const { history } = await minimize(problem, { stop: maxIterations(3), seed: 1 });
  return history.map(({ cost }) => cost);
}

console.log(await device.tidy(() => approximate(device)));
const { S } = device.svd(device.fromArray([1, 2, 3, 4, 5, 7], [3, 2]));
console.log(device.name, await device.toArray(S));
