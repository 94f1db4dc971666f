/** Merging: the merged weights give the logits of model and adapter, and come back. */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/index.js';
import { createAdapter, dora, type LoraConfig, lora, mergeAdapter, olora, pissa, randomStart, trainer } from '../../src/lora/index.js';
import type { CausalLM } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { tolerance } from '../support/tolerance.js';
import { smallBatch, smallModel } from './support/small-model.js';

const cases: readonly (readonly [string, LoraConfig])[] = [
  ['plain', {}],
  [
    'rank-stabilized, ranks and α by pattern',
    { method: { ...lora(), scaling: 'root-rank' }, rankPattern: { up: 3 }, alphaPattern: { 'layers.1.*': 9 } },
  ],
  ['with magnitudes', { method: dora() }],
  ['with biases and a head of its own', { bias: 'all', modulesToSave: ['head'] }],
  ['after a start that changed the base', { method: { ...pissa(), magnitudes: true } }],
  ['random at the start', { method: { ...lora(), start: randomStart } }],
];

describe.each(tensorEngines)('on %s', (_name, la) => {
  const weightsOf = (model: CausalLM): number[] => [...model.parameters.keys()].flatMap((name) => [...model.parameter(name).dataSync()]);

  async function trainedAdapter(model: CausalLM, config: LoraConfig) {
    const adapter = await createAdapter(model, { rank: 2, alpha: 4, ...config }, { seed: 2 });
    const run = trainer(adapter, { method: lora(), nextBatch: smallBatch, steps: 4, learningRate: 0.1 });
    for await (const _step of run);
    run.dispose();
    return adapter;
  }

  it.each(cases)('%s', async (_, config) => {
    const before = liveTensors();
    const model = smallModel(la);
    const start = weightsOf(model);
    const adapter = await trainedAdapter(model, config);
    const base = weightsOf(model);
    const logits = la.tidy(() => model.logits(smallBatch(3), { overlay: adapter.overlay() }).dataSync());
    const { deviation, unmerge } = await mergeAdapter(adapter);
    expect(deviation).toBeLessThan(tolerance(la, 200));
    const size = Math.max(...logits.map(Math.abs));
    expect(la.tidy(() => model.logits(smallBatch(3)).dataSync())).toBeAllClose(logits, tolerance(la, 200, size));
    expect(() => adapter.overlay()).toThrow(/merged into the weights/);
    expect(Math.max(...weightsOf(model).map((weight, i) => Math.abs(weight - base[i])))).toBeGreaterThan(0.01);
    unmerge();
    expect(weightsOf(model)).toBeAllClose(base, tolerance(la, 50));
    adapter.dispose();
    expect(weightsOf(model)).toBeAllClose(start, tolerance(la, 100));
    model.dispose();
    expect(liveTensors()).toBe(before);
  });

  it('a disposed adapter that is merged leaves the merged weights', async () => {
    const model = owned(smallModel(la));
    const adapter = await trainedAdapter(model, { method: olora() });
    const { dispose, unmerge } = await mergeAdapter(adapter);
    const merged = weightsOf(model);
    adapter.dispose();
    expect(weightsOf(model)).toEqual(merged);
    expect(() => adapter.point).toThrow(ConfigError);
    dispose();
    expect(weightsOf(model)).toEqual(merged);
    expect(unmerge).toThrow(/disposed of/);
  });

  it('refuses to change one of two weights that are one array', async () => {
    const model = owned(smallModel(la));
    const tied = {
      ...model,
      config: { ...model.config, tiedHead: true },
      parameters: new Map([['model.embed_tokens.weight', { shape: [11, 6] }], ...model.parameters]),
    };
    const adapter = owned(
      await createAdapter(
        { ...tied, parameter: (name) => model.parameter(name.replace('model.embed_tokens', 'embed')) },
        { rank: 2, modulesToSave: ['lm_head'] },
      ),
    );
    await expect(mergeAdapter(adapter)).rejects.toThrow(/'lm_head.weight' is one array with the embedding/);
  });
});
