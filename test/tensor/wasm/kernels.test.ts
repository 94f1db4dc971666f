/** The compiled kernels against their source, and against float64. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import '@tensorflow/tfjs-backend-wasm';
import { expect, it } from 'vitest';
import { seededRandom } from '../../../src/index.js';
import type { AdamRates } from '../../../src/linalg/linear-algebra-types.js';
import { tensorAlgebra } from '../../../src/linalg/tensor/index.js';
import { heapKernels, startHeapKernels } from '../../../src/linalg/tensor/wasm/heap-kernels.js';
import { COMPILED_KERNELS, compileKernels } from '../../../tools/compile-kernels.js';

it('are those of kernels/: npm run build:kernels writes them', () => {
  const committed = readFileSync(path.resolve(import.meta.dirname, '../../..', COMPILED_KERNELS), 'utf8');
  expect(committed).toBe(compileKernels());
}, 60_000);

it('run on the memory of the wasm backend', async () => {
  await tensorAlgebra({ backend: 'wasm' });
  expect(heapKernels()).toBeDefined();
});

it('are left out where the memory is missing or shared', async () => {
  const before = heapKernels();
  await startHeapKernels({});
  await startHeapKernels({ asm: { memory: { buffer: new SharedArrayBuffer(65536) } } });
  expect(heapKernels()).toBe(before);
});

// 1 to 3 numbers beyond a vector of four, and fewer than four.
it.each([[3], [4], [5, 7], [2, 3, 3], [1]])('adamStep is the composed step: shape %j, %j', async (...shape) => {
  const la = await tensorAlgebra({ backend: 'wasm' });
  const random = seededRandom(1);
  const draw = (): Float64Array =>
    Float64Array.from({ length: shape.reduce((product, axis) => product * axis, 1) }, () => Math.fround(random.normal()));
  const [g, m, v] = [draw(), draw(), draw().map((entry) => entry ** 2)];
  const rates: AdamRates = { beta1: 0.9, beta2: 0.999, firstCorrection: 1.7, secondCorrection: 1.3, epsilon: 1e-6 };
  const exact = (given: boolean) => {
    const first = g.map((entry, i) => (given ? 0.9 * m[i] : 0) + 0.1 * entry);
    const second = g.map((entry, i) => (given ? 0.999 * v[i] : 0) + 0.001 * entry ** 2);
    return { first, second, direction: first.map((entry, i) => (-1.7 * entry) / (1.3 * Math.sqrt(second[i]) + 1e-6)) };
  };
  const run = la.adamStep;
  if (run === undefined) throw new Error('expected the wasm engine to have it');
  for (const given of [false, true]) {
    await la.tidy(() => {
      const moments = given ? { first: la.fromArray(m, shape), second: la.fromArray(v, shape) } : undefined;
      const found = run(la.fromArray(g, shape), moments, rates);
      const expected = exact(given);
      for (const part of ['first', 'second', 'direction'] as const) expect(found[part].dataSync()).toBeAllClose(expected[part], 1e-5);
      expect(() => run(la.fromArray(g, shape), { first: la.full([9, 9], 1), second: la.full([9, 9], 1) }, rates)).toThrow(/adamStep/);
    });
  }
});
