/**
 * Every architecture against transformers and PyTorch's autograd: tiny checkpoints made by test/peers/golden_models.py.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors } from '../../src/io/index.js';
import { type CausalLM, loadCausalLM, type TokenBatch } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/models');
const NAMES = [
  'tiny-llama',
  'tiny-mistral',
  'tiny-gpt2',
  'tiny-qwen3',
  'tiny-phi3',
  'tiny-gemma3-text',
  'tiny-gemma3',
  'tiny-smollm3',
  'tiny-olmo2',
] as const;

interface Golden {
  readonly batch: { readonly input_ids: number[][]; readonly attention_mask: number[][]; readonly labels: number[][] };
  readonly loss: number;
  /** Of the first row. */
  readonly logits: readonly number[];
  readonly prompt: readonly number[];
  readonly continuation: readonly number[];
  readonly variants: readonly {
    readonly name: string;
    readonly changes: object;
    readonly loss: number;
    readonly last: readonly number[];
  }[];
}

const MODELS = await Promise.all(
  NAMES.map(async (name) => {
    const directory = path.join(FIXTURES, name);
    return { name, directory, golden: JSON.parse(await readFile(path.join(directory, 'golden.json'), 'utf8')) as Golden };
  }),
);

function tokenBatch({ batch }: Golden): TokenBatch {
  return {
    batch: batch.input_ids.length,
    length: batch.input_ids[0].length,
    inputIds: Int32Array.from(batch.input_ids.flat()),
    attentionMask: Uint8Array.from(batch.attention_mask.flat()),
    labels: Int32Array.from(batch.labels.flat()),
  };
}

/** The embedding of a tied model, whose gradient in PyTorch is the sum of its two uses. */
const embeddingOf = (model: CausalLM): string | undefined =>
  [...model.parameters.keys()].find((name) => model.config.tiedHead && /\.(wte|embed_tokens)\.weight$/.test(name));

async function meanLoss(model: CausalLM, batch: TokenBatch): Promise<number> {
  const { sum, tokens } = await model.loss(batch);
  return sum / tokens;
}

/** The logits of the first row. */
function firstRow(model: CausalLM, batch: TokenBatch): Float32Array {
  const logits = model.logits(batch);
  const values = logits.dataSync<'float32'>().slice(0, batch.length * model.config.vocabularySize);
  logits.dispose();
  return values;
}

describe.each(tensorEngines)('on %s', (_, algebra) => {
  describe.each(MODELS)('$name', ({ directory, golden }) => {
    const before = liveTensors();
    const batch = tokenBatch(golden);
    let model: CausalLM;
    beforeAll(async () => {
      model = await loadCausalLM(directory, { algebra });
    });
    afterAll(() => {
      model.dispose();
      expect(liveTensors()).toBe(before);
    });

    it('computes the logits and the loss', async () => {
      expect(firstRow(model, batch)).toBeAllClose(golden.logits, 1e-4);
      expect(Math.abs((await meanLoss(model, batch)) - golden.loss)).toBeLessThan(2e-5);
    });

    it.each([true, false])('differentiates by every parameter, recompute: %s', async (recompute) => {
      const store = await openSafetensors(path.join(directory, 'gradients.safetensors'));
      const tied = embeddingOf(model);
      const names = [...model.parameters.keys(), ...(tied === undefined ? [] : ['lm_head.weight'])];
      const own = (name: string): Tensor => model.parameter(name === 'lm_head.weight' ? (tied ?? name) : name);
      const overlay = { adapters: new Map(), replaced: new Map(names.map((name) => [name, own(name).clone()])) };
      const { loss, replaced } = await model.lossAndGradient(batch, overlay, { recompute });
      expect(Math.abs(loss - golden.loss)).toBeLessThan(2e-5);
      for (const name of store.entries.keys()) {
        const parts = name === tied ? [name, 'lm_head.weight'] : [name];
        const found = parts.map((part) => replaced.get(part)?.dataSync<'float32'>() ?? new Float32Array());
        const whole = found[0].map((entry, index) => entry + (found[1]?.[index] ?? 0));
        const expected = (await store.read(name)) as Float32Array;
        expect(whole).toBeAllClose(expected, 1e-5 * Math.max(1, ...expected.map(Math.abs)));
      }
      expect(store.entries.size).toBe(model.parameters.size);
      await store.close();
      for (const each of [...replaced.values(), ...overlay.replaced.values()]) each.dispose();
    });

    it('continues greedily with its cache, and without the same', async () => {
      const continued: number[] = [];
      const options = { maxNewTokens: golden.continuation.length, stopTokens: [] };
      for await (const token of model.generate(golden.prompt, options)) continued.push(token);
      expect(continued).toEqual(golden.continuation);
    });

    it.each(golden.variants)('config changed: $name', async ({ changes, loss, last }) => {
      const copy = await mkdtemp(path.join(tmpdir(), 'bures-model-'));
      await cp(directory, copy, { recursive: true });
      const config = JSON.parse(await readFile(path.join(directory, 'config.json'), 'utf8')) as object;
      await writeFile(path.join(copy, 'config.json'), JSON.stringify({ ...config, ...changes }));
      const changed = await loadCausalLM(copy, { algebra });
      const values = firstRow(changed, batch);
      expect(values.slice(-changed.config.vocabularySize)).toBeAllClose(last, 1e-4);
      expect(Math.abs((await meanLoss(changed, batch)) - loss)).toBeLessThan(2e-5);
      changed.dispose();
      await rm(copy, { recursive: true });
    });

    it('computes packed texts as it does each alone', () => {
      const { vocabularySize } = model.config;
      const texts = [batch.inputIds.subarray(0, 9), batch.inputIds.subarray(9, 14), batch.inputIds.subarray(14, 21)];
      const segmentIds = Int32Array.from(texts.flatMap((text, index) => Array.from(text, () => [7, -1, 3][index])));
      const packed = firstRow(model, { batch: 1, length: 21, inputIds: batch.inputIds.slice(0, 21), segmentIds });
      const alone = texts.flatMap((text) => [...firstRow(model, { batch: 1, length: text.length, inputIds: Int32Array.from(text) })]);
      expect(packed).toBeAllClose(alone, 2e-5);
      expect(packed).toHaveLength(21 * vocabularySize);
    });

    it('loses nothing to the padding of its batch', async () => {
      // The second row alone, without its padding.
      const length = batch.attentionMask?.subarray(21).indexOf(0) ?? 0;
      const [ids, labels] = [batch.inputIds, batch.labels ?? new Int32Array()].map((values) => values.slice(21, 21 + length));
      const short = await model.loss({ batch: 1, length, inputIds: ids, labels });
      const rows = await model.loss({
        batch: 1,
        length: 21,
        inputIds: batch.inputIds.slice(0, 21),
        labels: batch.labels?.slice(0, 21) ?? labels,
      });
      const both = await model.loss(batch);
      expect(both.tokens).toBe(short.tokens + rows.tokens);
      expect(Math.abs(both.sum - short.sum - rows.sum)).toBeLessThan(1e-4);
    });
  });
});
