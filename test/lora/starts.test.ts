/** Starts against golden data, and what they leave of the model. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAdapter, loadAdapter, lora, loraGaStart, loraStarts } from '../../src/lora/index.js';
import { loadCausalLM, type TokenBatch } from '../../src/models/index.js';
import { tensorEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';
import { smallBatch, smallModel } from './support/small-model.js';

describe.each(tensorEngines)('on %s', (_name, la) => {
  const batches = [0, 1, 2, 3, 4, 5, 6, 7].map((seed) => smallBatch(seed));

  it.each(Object.keys(loraStarts).filter((name) => loraStarts[name].changesBase))('%s leaves what the model computes', async (name) => {
    const model = smallModel(la);
    const logits = () => la.tidy(() => model.logits(smallBatch(3)).dataSync());
    const before = logits();
    const adapter = await createAdapter(model, { method: { ...lora(), start: loraStarts[name] }, rank: 3, alpha: 5 }, { batches });
    expect(logits()).not.toBeAllClose(before, 1e-3);
    const adapted = la.tidy(() => model.logits(smallBatch(3), { overlay: adapter.overlay() }).dataSync());
    expect(adapted).toBeAllClose(before, tolerance(la, 100, Math.max(...before.map(Math.abs))));
    adapter.dispose();
    expect(logits()).toBeAllClose(before, tolerance(la, 100, Math.max(...before.map(Math.abs))));
    model.dispose();
  });

  it('LoRA-GA asks for its batches, and for room for 2r singular vectors', async () => {
    const model = smallModel(la);
    const method = { ...lora(), start: loraGaStart({ batches: 3 }) };
    await expect(createAdapter(model, { method, rank: 2 }, { batches: batches.slice(0, 2) })).rejects.toThrow(
      /'lora-ga' averages the gradient over 3 batches, got 2; pass that many/,
    );
    await expect(createAdapter(model, { method, rank: 4 }, { batches })).rejects.toThrow(/rank 4 takes 8 singular vectors .* at most 3/);
    model.dispose();
  });

  it('LoRA-GA starts where its authors’ code does, up to the signs of singular vectors', async () => {
    const fixtures = path.join(import.meta.dirname, '../fixtures');
    const model = await loadCausalLM(path.join(fixtures, 'models/tiny-qwen2'), { algebra: la });
    const golden = JSON.parse(readFileSync(path.join(fixtures, 'tiny-qwen2/batches.json'), 'utf8')) as Record<string, number[][]>[];
    const four = golden.slice(0, 4).map(
      ({ input_ids: ids, attention_mask: mask, labels }): TokenBatch => ({
        batch: ids.length,
        length: ids[0].length,
        inputIds: Int32Array.from(ids.flat()),
        attentionMask: Uint8Array.from(mask.flat()),
        labels: Int32Array.from(labels.flat()),
      }),
    );
    const theirs = await loadAdapter(model, path.join(fixtures, 'tiny-qwen2/lora_ga/init'));
    const method = { ...lora(), start: loraGaStart({ batches: 4 }) };
    const ours = await createAdapter(model, { method, rank: 4, alpha: 8 }, { batches: four });
    for (const { key, m } of ours.layout.stacks) {
      for (const side of ['A', 'B'] as const) {
        const [a, b] = [ours, theirs].map(({ point: { pairs = {} } }) => pairs[key][side].dataSync().map(Math.abs));
        expect(a, `${key}.${side}`).toBeAllClose(b, 5e-3 * (m ** 0.25 / 4));
      }
    }
    for (const owner of [ours, theirs, model]) owner.dispose();
  });
});
