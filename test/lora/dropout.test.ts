/** Masks of dropout belong to the tokens of a batch, whatever is computed together. */
import path from 'node:path';
import { gather, ones, tensor1d } from '@tensorflow/tfjs-core';
import { createAdapter, lora, trainer } from 'bures/lora';
import { loadCausalLM, type TokenBatch } from 'bures/models';
import { expect, it } from 'vitest';
import { dropOut } from '../../src/lora/adapter/dropout.js';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';

const [[, la]] = tensorEngines;
const draw = { seed: 3, step: 2, part: 1 };
const [rows, length, width] = [3, 5, 7];

it('some tokens have the masks that they have among all', () => {
  la.tidy(() => {
    const all = dropOut(ones([rows * length, width]), 0.4, draw, 1);
    const numbers = Int32Array.of(1, 4, 7, 14);
    const some = dropOut(ones([numbers.length, width]), 0.4, draw, 1, { numbers, length });
    expect(some.dataSync()).toEqual(gather(all, tensor1d(numbers, 'int32')).dataSync());
    // The second row alone, as another process computes it.
    const own = dropOut(ones([2, width]), 0.4, { ...draw, rows: { first: 1, count: 1 } }, 1, { numbers: Int32Array.of(0, 3), length });
    expect(own.dataSync()).toEqual(gather(all, tensor1d([5, 8], 'int32')).dataSync());
  });
});

it('the loss of a head with dropout is the sum over its rows', async () => {
  const model = owned(await loadCausalLM(path.resolve(import.meta.dirname, '../../examples/models/tiny-math-base'), { algebra: la }));
  const adapter = owned(
    await createAdapter(model, { method: lora(), rank: 3, alpha: 6, dropout: 0.5, targetModules: ['lm_head', 'v_proj'] }),
  );
  const inputIds = Int32Array.from({ length: rows * length }, (_, i) => (7 * i) % 60);
  const batchOf = (first: number, count: number): TokenBatch => {
    const part = inputIds.slice(first * length, (first + count) * length);
    return { batch: count, length, inputIds: part, labels: part };
  };
  // At the start A is zero, which would hide the masks.
  const run = owned(trainer(adapter, { nextBatch: () => [batchOf(0, rows)], steps: 1, learningRate: 0.1 }));
  for await (const _step of run);
  const lossOf = async (first: number, count: number): Promise<number> =>
    la.tidy(async () => {
      const overlay = adapter.overlay({ dropout: { ...draw, rows: { first, count } } });
      return (await model.loss(batchOf(first, count), { overlay })).sum;
    });
  const whole = await lossOf(0, rows);
  const parts = [await lossOf(0, 1), await lossOf(1, 2)];
  expect(Math.abs(parts[0] + parts[1] - whole) / whole).toBeLessThan(1e-5);
});
