/** The derivative of the loss: with and without recomputation, and against differences of the loss itself. */
import path from 'node:path';
import { add, mul, type Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CausalLM, loadCausalLM, type ModelOverlay, type TokenBatch } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { namedArrays, overlayArrays, randomOverlay, withArrays } from './overlays.js';

const DIRECTORY = path.join(import.meta.dirname, '../fixtures/models/tiny-qwen2');

const BATCH: TokenBatch = {
  batch: 2,
  length: 7,
  inputIds: Int32Array.from([5, 9, 300, 12, 7, 41, 8, 77, 6, 5, 200, 3, 0, 0]),
  attentionMask: Uint8Array.from([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]),
  labels: Int32Array.from([-100, -100, 300, 12, 7, 41, 8, -100, -100, -100, 200, 3, -100, -100]),
};

const REPLACED = [
  'model.norm.weight',
  'model.embed_tokens.weight',
  'model.layers.1.self_attn.k_proj.bias',
  'model.layers.0.mlp.up_proj.weight',
  'model.layers.1.input_layernorm.weight',
];

describe.each(tensorEngines)('lossAndGradient on %s', (_, algebra) => {
  const before = liveTensors();
  let model: CausalLM;
  let overlay: ModelOverlay;
  beforeAll(async () => {
    model = await loadCausalLM(DIRECTORY, { algebra });
    overlay = randomOverlay(model, model.linearModules.keys(), REPLACED, 1);
  });
  afterAll(() => {
    for (const each of overlayArrays(overlay).values()) each.dispose();
    model.dispose();
    expect(liveTensors()).toBe(before);
  });

  async function gradient(batch: TokenBatch, options: { recompute?: boolean; denominator?: number }) {
    const { loss, tokens, adapters, replaced } = await model.lossAndGradient(batch, overlay, options);
    const arrays = namedArrays(adapters, replaced);
    const values = new Map([...arrays].map(([name, each]) => [name, each.dataSync<'float32'>()]));
    for (const each of arrays.values()) each.dispose();
    return { loss, tokens, values };
  }

  it('is the same with and without recomputation', async () => {
    const tensors = liveTensors();
    const [kept, again] = [await gradient(BATCH, { recompute: false }), await gradient(BATCH, { recompute: true })];
    expect(again.loss).toBe(kept.loss);
    expect(kept.tokens).toBe(7);
    expect([...again.values.keys()]).toEqual([...overlayArrays(overlay).keys()]);
    for (const [name, values] of kept.values) {
      expect(again.values.get(name)).toBeAllClose(values, 1e-6);
      expect(values.some((entry) => entry !== 0)).toBe(true);
    }
    expect(liveTensors()).toBe(tensors);
  });

  it('divides by the denominator, and the loss is that of loss()', async () => {
    const [mean, sum] = [await gradient(BATCH, {}), await gradient(BATCH, { denominator: 1 })];
    const loss = await model.loss(BATCH, { overlay });
    expect(Math.abs(sum.loss - loss.sum)).toBeLessThan(1e-4);
    expect(Math.abs(mean.loss * mean.tokens - sum.loss)).toBeLessThan(1e-4);
    for (const [name, values] of mean.values) {
      const scaled = values.map((entry) => entry * mean.tokens);
      expect(sum.values.get(name)).toBeAllClose(scaled, 1e-4);
    }
  });

  it('is the slope of the loss along it, array by array', async () => {
    const { values } = await gradient(BATCH, { denominator: 1 });
    for (const [name, slope] of values) {
      const norm = Math.hypot(...slope);
      const step = 0.01 / Math.max(norm, 1);
      const lossAt = async (sign: number): Promise<number> => {
        const made: Tensor[] = [];
        const moved = withArrays(overlay, (each, value) => {
          if (each !== name) return value;
          const direction = algebra.fromArray(Float64Array.from(slope), value.shape);
          const scaled = mul(direction, (sign * step) / norm);
          made.push(add(value, scaled), direction, scaled);
          return made[0];
        });
        const { sum } = await model.loss(BATCH, { overlay: moved });
        for (const each of made) each.dispose();
        return sum;
      };
      const difference = ((await lossAt(1)) - (await lossAt(-1))) / (2 * step);
      // Each of the two losses is right to a few ε of its size, of which the difference makes a large part where the
      // slope is small: for a key's bias, 1 % of it an ε.
      const rounding = (3 * algebra.epsilon * (await lossAt(0))) / step;
      expect(Math.abs(difference - norm), name).toBeLessThan(0.01 * norm + rounding);
      expect(rounding, name).toBeLessThan(0.1 * norm);
    }
  });
});
