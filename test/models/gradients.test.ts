/** The derivative of the loss: with and without recomputation, and against the same in float64. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.js';
import { type HostArray, hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import { type CausalLM, loadCausalLM, type ModelOverlay, type TokenBatch } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { type Float64Model, float64Gradient, float64Loss, type NamedArrays } from '../support/float64-model.js';
import { namedArrays, overlayArrays, randomOverlay, SCALE } from './overlays.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/models');
const DIRECTORY = path.join(FIXTURES, 'tiny-qwen2');
const host = hostAlgebra({ blas: 'off' });

/** The numbers of tensors. */
function float64Arrays(tensors: Iterable<readonly [string, Tensor]>): NamedArrays {
  return Object.fromEntries([...tensors].map(([name, each]) => [name, host.fromArray(each.dataSync<'float32'>(), each.shape)]));
}

/** The weight of the head of a tied model. */
function tiedHead(model: CausalLM): Tensor {
  const name = [...model.parameters.keys()].find((each) => /\.(wte|embed_tokens)\.weight$/.test(each)) ?? '';
  return model.parameter(name);
}

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
      // A run may go over from one to the other, and is resumed bit for bit.
      expect(again.values.get(name)).toEqual(values);
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
});

/** Two texts in the first row, three of which one is cut off in the second; the segments have any numbers. */
const SEGMENTS = Int32Array.from([4, 4, 4, 4, -1, -1, -1, 7, 7, 2, 2, 2, 0, 0]);

/** With tokens that all vocabularies have. */
const SMALL: TokenBatch = {
  ...BATCH,
  inputIds: BATCH.inputIds.map((id) => id % 61),
  labels: Int32Array.from(BATCH.labels ?? [], (label) => (label < 0 ? label : label % 61)),
};

const BATCHES: readonly (readonly [string, TokenBatch])[] = [
  ['of whole rows', { batch: 2, length: 7, inputIds: SMALL.inputIds, labels: SMALL.inputIds }],
  ['with padding', SMALL],
  ['with segments and padding', { ...SMALL, segmentIds: SEGMENTS }],
];

const NAMES = [
  'tiny-qwen2',
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

/** The config of the language model, where it stands in another. */
function languageModelConfig(config: Readonly<Record<string, unknown>>): Float64Model['config'] {
  return config.text_config === undefined ? config : { ...(config.text_config as object), model_type: config.model_type };
}

describe.each(tensorEngines)('lossAndGradient on %s, beside float64', (_, algebra) => {
  describe.each(NAMES)('%s', (name) => {
    const directory = path.join(FIXTURES, name);
    // Where keys are not rotated, their bias adds the same to all scores of a query, which softmax does not see.
    const vanishing = name === 'tiny-smollm3' ? 'model.layers.1.self_attn.k_proj.bias' : undefined;
    let model: CausalLM;
    let overlay: ModelOverlay;
    let reference: Float64Model;
    let trained: NamedArrays;

    beforeAll(async () => {
      model = await loadCausalLM(directory, { algebra });
      // Everything there is to train: adapters at all linear layers, and all parameters.
      const head = model.config.tiedHead ? 'lm_head.weight' : undefined;
      overlay = randomOverlay(model, model.linearModules.keys(), [...model.parameters.keys()], 1);
      if (head !== undefined) overlay = { ...overlay, replaced: new Map([...overlay.replaced, [head, tiedHead(model).clone()]]) };
      reference = {
        config: languageModelConfig(JSON.parse(await readFile(path.join(directory, 'config.json'), 'utf8'))),
        parameters: float64Arrays([...model.parameters.keys()].map((key) => [key, model.parameter(key)])),
        adapterScale: SCALE,
      };
      trained = float64Arrays(overlayArrays(overlay));
    });
    afterAll(() => {
      for (const each of overlayArrays(overlay).values()) each.dispose();
      model.dispose();
    });

    it('has a reference whose gradient is the slope of its loss', async () => {
      const [[, batch]] = BATCHES.slice(-1);
      const exact = await float64Gradient(reference, trained, batch, { denominator: 1, epsilon: algebra.epsilon, draws: 0 });
      expect(exact.loss).toBeCloseTo((await model.loss(batch, { overlay })).sum, 3);
      // A direction in which the derivative by each array shows, besides chance.
      const random = seededRandom(2);
      const unit = (x: HostArray): HostArray => host.scale(1 / host.norm(x), x);
      const entries = Object.entries(exact.gradient);
      const direction = entries.map(([key, g]) => [key, host.add(unit(g), unit(host.randomNormal(g.shape, random)))] as const);
      const slope = direction.reduce((sum, [key, u]) => sum + host.inner(u, exact.gradient[key]), 0);
      const lossAt = async (t: number): Promise<number> =>
        float64Loss(reference, Object.fromEntries(direction.map(([key, u]) => [key, host.axpy(t, u, trained[key])])), batch, 1);
      const difference = async (h: number): Promise<number> => ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
      // Richardson's extrapolation removes the error of order h² and, once more, that of order h⁴.
      const [wide, middle, narrow] = [await difference(5e-4), await difference(2.5e-4), await difference(1.25e-4)];
      const [coarse, fine] = [(4 * middle - wide) / 3, (4 * narrow - middle) / 3];
      expect(Math.abs((16 * fine - coarse) / 15 - slope)).toBeLessThan(1e-9 * Math.abs(slope));
    });

    it.each(BATCHES)('is off by rounding alone, array by array: a batch %s', async (_kind, batch) => {
      const { loss, tokens, adapters, replaced } = await model.lossAndGradient(batch, overlay);
      const found = namedArrays(adapters, replaced);
      const { epsilon } = algebra;
      const exact = await float64Gradient(reference, trained, batch, { denominator: tokens, epsilon });
      expect(Math.abs(loss - exact.loss)).toBeLessThan(20 * epsilon * exact.loss);
      expect([...found.keys()].sort()).toEqual(Object.keys(exact.gradient).sort());
      for (const [key, array] of found) {
        const expected = exact.gradient[key];
        const error = host.norm(host.subtract(host.fromArray(array.dataSync<'float32'>(), array.shape), expected));
        // What rounding makes of it, measured in float64; twice that, since it is a largest of four draws.
        const bound = 2 * epsilon * exact.growth[key];
        expect(error, key).toBeLessThan(bound);
        // A derivative that is wrong in the fourth digit is found, whatever rounding adds to it or takes from it.
        if (key !== vanishing) expect(2 * bound, key).toBeLessThan(1e-4 * host.norm(expected));
        else expect(host.norm(expected)).toBeLessThan(1e-15);
      }
      for (const array of found.values()) array.dispose();
    });
  });
});
