/** What tools/test-runtimes.ts runs under every runtime: all entries, a descent, a balanced training step on wasm. */
import { balancedFactors, hostAlgebra, minimize, rotations, seededRandom, sphere, trustRegions } from 'bures';
import { autodiff } from 'bures/autodiff';
import { checkGradient } from 'bures/diagnostics';
import 'bures/distributed';
import 'bures/io';
import { balora, createAdapter, trainer } from 'bures/lora';
import { loadCausalLM } from 'bures/models';
import { lowRankApproximation } from 'bures/problems';
import { tensorAlgebra } from 'bures/tensor';

function expect(what, found, right, tolerance) {
  if (!(Math.abs(found - right) <= tolerance)) throw new Error(`${what}: expected ${right}, got ${found}`);
}

// The largest eigenvalue, with derivatives of its own.
const la = hostAlgebra();
const spectrum = la.fromArray([4, 3, 2, 1], [4]);
const largest = { manifold: sphere({ shape: [4] }), ...autodiff(la, (ops, x) => ops.scale(-1, ops.inner(x, ops.multiply(spectrum, x)))) };
const { ok, verdict } = await checkGradient(largest);
if (!ok) throw new Error(verdict);
expect('largest eigenvalue', (await minimize(largest, { solver: trustRegions() })).cost, -4, 1e-9);
expect('a rotation', la.norm(rotations({ n: 3 }).randomPoint(seededRandom(1))), Math.sqrt(3), 1e-12);

// A matrix of rank 2, on the host and in WebAssembly.
const device = await tensorAlgebra({ backend: 'wasm' });
for (const [algebra, tolerance] of [
  [la, 1e-10],
  [device, 1e-3],
]) {
  const manifold = balancedFactors({ m: 7, n: 5, rank: 2, algebra });
  const data = manifold.toMatrix(manifold.randomPoint(seededRandom(2)));
  const { cost } = await minimize(lowRankApproximation({ manifold, data }), { seed: 3 });
  expect(`rank 2 on ${algebra.name}`, cost, 0, tolerance);
}

// Three steps of BaLoRA on the model that the repository ships; the losses are compared between runtimes.
const model = await loadCausalLM(process.env.BURES_TEST_MODEL, { algebra: device });
const method = balora();
const adapter = await createAdapter(model, { method, rank: 4, targetModules: 'all-linear' });
const inputIds = Int32Array.from({ length: 24 }, (_, i) => 3 + ((7 * i) % 11));
const nextBatch = (k) => (k < 3 ? { batch: 1, length: 24, inputIds, labels: inputIds } : undefined);
const losses = [];
for await (const { loss } of trainer(adapter, { method, learningRate: 1e-3, nextBatch })) losses.push(loss);
if (!(losses.length === 3 && losses[2] < losses[0])) throw new Error(`three steps: expected losses that fall, got ${losses.join(', ')}`);
console.log(JSON.stringify(losses));
