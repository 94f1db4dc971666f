/** The forward pass, the loss and generation against PyTorch and transformers: fixtures of tiny-qwen2. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CausalLM, loadCausalLM, type TokenBatch } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';

const DIRECTORY = path.join(import.meta.dirname, '../fixtures/models/tiny-qwen2');

interface Golden {
  readonly cases: readonly { ids: number[]; logits_last: number[]; logits_first8: number[][]; nll: number }[];
  readonly greedy: { readonly prompt: readonly number[]; readonly out: readonly number[] };
}

const golden = JSON.parse(await readFile(path.join(DIRECTORY, 'logits.json'), 'utf8')) as Golden;

function oneRow(ids: readonly number[]): TokenBatch {
  return { batch: 1, length: ids.length, inputIds: Int32Array.from(ids), labels: Int32Array.from(ids) };
}

describe.each(tensorEngines)('tiny-qwen2 on %s', (_, algebra) => {
  const before = liveTensors();
  let model: CausalLM;
  beforeAll(async () => {
    model = await loadCausalLM(DIRECTORY, { algebra });
  });
  afterAll(() => {
    model.dispose();
    expect(liveTensors()).toBe(before);
  });

  it.each(golden.cases)('logits and loss of $ids', async (given) => {
    const tensors = liveTensors();
    const logits = model.logits(oneRow(given.ids));
    const { vocabularySize } = model.config;
    expect(logits.shape).toEqual([1, given.ids.length, vocabularySize]);
    const values = await logits.data<'float32'>();
    logits.dispose();
    expect(values.slice(-vocabularySize)).toBeAllClose(given.logits_last, 1e-4);
    for (const [position, first] of given.logits_first8.entries()) {
      expect(values.slice(position * vocabularySize, position * vocabularySize + 8)).toBeAllClose(first, 1e-4);
    }
    const { sum, tokens } = await model.loss(oneRow(given.ids));
    expect(tokens).toBe(given.ids.length - 1);
    expect(Math.abs(sum / tokens - given.nll)).toBeLessThan(1e-5);
    expect(liveTensors()).toBe(tensors);
  });

  it('continues greedily as transformers does', async () => {
    const tensors = liveTensors();
    const { prompt, out } = golden.greedy;
    const continued: number[] = [];
    const options = { maxNewTokens: out.length - prompt.length };
    for await (const token of model.generate(prompt, options)) continued.push(token);
    expect([...prompt, ...continued]).toEqual(out);
    expect(liveTensors()).toBe(tensors);
  });
});
