/** GaLore: the weights of the target modules trained themselves, in training, in files and in the base. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, euclidean, galore as galoreRule, hostAlgebra, sgd } from '../../src/index.js';
import {
  adamwDirection,
  balora,
  createAdapter,
  dora,
  galore,
  galoreDirection,
  type LoraAdapter,
  type LoraConfig,
  type LoraMethod,
  loadAdapter,
  lora,
  loraPlus,
  mergeAdapter,
  muonDirection,
  olora,
  pissa,
  pissaStart,
  reflora,
  rslora,
  saveAdapter,
  type TrainerOptions,
  type TrainingStep,
  trainer,
} from '../../src/lora/index.js';
import type { CausalLM } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { tolerance } from '../support/tolerance.js';
import { smallBatch, smallModel } from './support/small-model.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'bures-galore-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const nextBatch = (k: number) => smallBatch(100 + k);
/** Up is [8, 6] as stored and down [8, 6] too, which is a Conv1D: the rank by pattern makes two stacks of them. */
const config: LoraConfig = { method: galore({ gap: 2 }), rank: 2, rankPattern: { down: 3 } };
const file = (folder: string): string => path.join(scratch, folder);

describe.each(tensorEngines)('on %s', (_name, la) => {
  async function train(adapter: LoraAdapter, options: Partial<TrainerOptions> = {}): Promise<TrainingStep[]> {
    const run = trainer(adapter, { nextBatch, steps: 6, learningRate: 0.05, ...options });
    const steps: TrainingStep[] = [];
    try {
      for await (const step of run) steps.push(step);
    } finally {
      run.dispose();
    }
    return steps;
  }

  /** Logits with an adapter over the model. */
  const logitsOf = (model: CausalLM, adapter: LoraAdapter) =>
    la.tidy(() => Float32Array.from(model.logits(smallBatch(3), { overlay: adapter.overlay() }).dataSync()));

  async function weightsOf(adapter: LoraAdapter): Promise<number[]> {
    const { arrays } = await trainer(adapter, { nextBatch, learningRate: 1 }).state();
    return Object.values(arrays).flatMap(({ data }) => [...data]);
  }

  it('lowers the loss with all that may be trained besides, and leaves no tensor behind', async () => {
    const before = liveTensors();
    const model = smallModel(la);
    const adapter = await createAdapter(model, { ...config, bias: 'all', modulesToSave: ['head'] });
    expect(adapter.layout).toMatchObject({ stacks: [], weights: [{ key: '8x6r2' }, { key: '8x6r3' }] });
    const steps = await train(adapter, { nextBatch: () => smallBatch(5), steps: 12 });
    expect(steps[11].loss).toBeLessThan(0.95 * steps[0].loss);
    adapter.dispose();
    model.dispose();
    expect(liveTensors()).toBe(before);
  });

  it('projects each weight as it is stored', async () => {
    const model = owned(smallModel(la));
    const adapter = owned(await createAdapter(model, { method: galore(), rank: 2, targetModules: ['layers.0.up', 'layers.0.down'] }));
    const names = ['layers.0.up.weight', 'layers.0.down.weight'];
    const gradients = await la.tidy(async () => {
      const replaced = new Map(names.map((name) => [name, model.parameter(name)]));
      const { replaced: derivatives } = await model.lossAndGradient(nextBatch(0), { adapters: new Map(), replaced });
      return names.map((name) => Float64Array.from(derivatives.get(name)?.dataSync() ?? []));
    });
    await train(adapter, { steps: 1 });
    const trained = adapter.point.weights?.['8x6r2'].weight.dataSync() ?? [];
    const host = hostAlgebra();
    const manifold = euclidean({ shape: [8, 6] });
    for (const [i, name] of names.entries()) {
      const x = host.fromArray(Float64Array.from(model.parameter(name).dataSync()), [8, 6]);
      const { direction } = await galoreRule({ rank: 2 }).direction({
        manifold,
        iteration: 0,
        x,
        gradient: host.fromArray(gradients[i], [8, 6]),
        gradientNorm: 1,
        stepSize: undefined,
        memory: { tangents: {}, numbers: {} },
      });
      const expected = host.toArray(host.axpy(0.05, direction, x));
      expect(trained.slice(48 * i, 48 * (i + 1)), name).toBeAllClose(expected, 1e-4);
    }
  });

  it('goes on bit for bit from a saved state, between refreshes', async () => {
    const settings = { seed: 3, clip: 0.5 };
    const all: LoraConfig = { ...config, bias: 'lora_only' };
    const whole = owned(await createAdapter(owned(smallModel(la)), all));
    const wholeSteps = await train(whole, settings);
    const first = owned(await createAdapter(owned(smallModel(la)), all));
    const run = owned(trainer(first, { nextBatch, steps: 3, learningRate: 0.05, ...settings }));
    const steps: TrainingStep[] = [];
    for await (const step of run) steps.push(step);
    const state = structuredClone(await run.state());
    const second = owned(await createAdapter(owned(smallModel(la)), all));
    steps.push(...(await train(second, { ...settings, state })));
    expect(steps).toEqual(wholeSteps);
    expect(await weightsOf(second)).toEqual(await weightsOf(whole));
  });

  it('other directions train whole weights too', async () => {
    const model = owned(smallModel(la));
    for (const method of [{ ...galore(), direction: adamwDirection() }, galore()]) {
      const adapter = owned(await createAdapter(model, { method, rank: 2 }));
      const steps = await train(adapter, {
        nextBatch: () => smallBatch(5),
        ...(method.direction.name === 'galore' ? { direction: sgd() } : {}),
      });
      expect(steps[5].loss).toBeLessThan(steps[0].loss);
    }
  });

  it('is saved with its weights, and as the adapter of a rank that is nearest', async () => {
    const model = owned(smallModel(la));
    const adapter = owned(await createAdapter(model, { ...config, bias: 'lora_only' }));
    await train(adapter);
    const logits = logitsOf(model, adapter);
    const { truncation } = await saveAdapter(adapter, file('whole'));
    expect(truncation?.error).toBeGreaterThan(0.01);
    expect(truncation?.error).toBeLessThan(1);
    const errors = truncation?.modules ?? {};
    for (const { targets, key } of adapter.layout.weights) {
      const stack = adapter.point.weights?.[key].weight.dataSync() ?? [];
      for (const [i, { module, rank }] of targets.entries()) {
        const base = model.parameter(`${module.name}.weight`).dataSync();
        const change = Float64Array.from(base, (value, j) => stack[48 * i + j] - value);
        const S = [...hostAlgebra().toArray(hostAlgebra().svd(hostAlgebra().fromArray(change, [8, 6])).S)];
        expect(errors[module.name], module.name).toBeCloseTo(Math.hypot(...S.slice(rank)) / Math.hypot(...S), 4);
      }
    }
    const again = owned(await loadAdapter(model, file('whole')));
    expect(logitsOf(model, again)).toEqual(logits);
    const trained = owned(await loadAdapter(model, file('whole'), { method: galore() }));
    expect(await weightsOf(trained)).toEqual(await weightsOf(adapter));
    const pairs = owned(await loadAdapter(model, file('whole'), { method: lora() }));
    expect(pairs.config).toMatchObject({ rank: 2, alpha: 2, rankPattern: { down: 3 }, alphaPattern: { down: 3 } });
    expect(Math.max(...logitsOf(model, pairs).map((value, i) => Math.abs(value - logits[i])))).toBeGreaterThan(1e-3);

    // At the full rank nothing is left out, and the weights are not needed.
    const full = await saveAdapter(adapter, file('full'), { rank: 6 });
    expect(full.truncation?.error).toBeLessThan(1e-5);
    expect(existsSync(file('full/trained_weights.safetensors'))).toBe(false);
    const factors = owned(await loadAdapter(model, file('full')));
    expect(factors.layout.weights).toEqual([]);
    expect(logitsOf(model, factors)).toBeAllClose(logits, tolerance(la, 200, 10));
    const onwards = owned(await loadAdapter(model, file('full'), { method: galore() }));
    expect(logitsOf(model, onwards)).toBeAllClose(logits, tolerance(la, 200, 10));
    await train(onwards, { steps: 1 });
    await expect(saveAdapter(adapter, file('large'), { rank: 7 })).rejects.toThrow(/rank must be at most 6 for 'layers.0.up'/);
    await expect(saveAdapter(pairs, file('pairs'), { rank: 3 })).rejects.toThrow(/^saveAdapter: rank is for trained weights/);
    // A folder that another adapter is saved to has no weights of before.
    await saveAdapter(pairs, file('whole'));
    expect(owned(await loadAdapter(model, file('whole'))).layout.weights).toEqual([]);
  });

  it('an untrained one has nothing to leave out', async () => {
    const adapter = owned(await createAdapter(owned(smallModel(la)), config));
    expect((await saveAdapter(adapter, file('untrained'))).truncation?.error).toBe(0);
  });

  it('merges: the trained weights take the place of the base, exactly, and come out again', async () => {
    const before = liveTensors();
    const model = smallModel(la);
    const adapter = await createAdapter(model, { ...config, bias: 'all' });
    await train(adapter);
    const read = (): number[] => [...model.parameters.keys()].flatMap((name) => [...model.parameter(name).dataSync()]);
    const [base, logits] = [read(), logitsOf(model, adapter)];
    const { deviation, unmerge } = await mergeAdapter(adapter);
    expect(deviation).toBe(0);
    expect(la.tidy(() => Float32Array.from(model.logits(smallBatch(3)).dataSync()))).toEqual(logits);
    await expect(saveAdapter(adapter, file('merged'))).rejects.toThrow(/unmerge them first/);
    unmerge();
    expect(read()).toEqual(base);
    adapter.dispose();
    model.dispose();
    expect(liveTensors()).toBe(before);
  });

  it('a weight that no gradient reaches is named, and none at all is an error', async () => {
    const model = owned(smallModel(la));
    const without = (reaches: (name: string) => boolean): CausalLM => ({
      ...model,
      async lossAndGradient(...given) {
        const result = await model.lossAndGradient(...given);
        const replaced = [...result.replaced].map(([name, value]) => [name, reaches(name) ? value : la.scale(0, value)] as const);
        return { ...result, replaced: new Map(replaced) };
      },
    });
    const some = owned(
      await createAdapter(
        without((name) => !name.includes('0.up')),
        config,
      ),
    );
    expect((await train(some, { steps: 2 })).map(({ inactive }) => inactive)).toEqual([['layers.0.up'], undefined]);
    const none = owned(
      await createAdapter(
        without(() => false),
        config,
      ),
    );
    await expect(train(none)).rejects.toThrow(/^trainer: after the first step every weight is what it was/);
  });

  describe('what cannot be combined is refused, and says why', () => {
    it.each<[string, LoraConfig, RegExp]>([
      ['a start', { method: { ...galore(), start: pissaStart } }, /start 'pissa' cannot be combined with 'galore'.*there are no factors/],
      ['DoRA', { method: { ...galore(), magnitudes: true } }, /DoRA cannot be combined with 'galore'.*there is no adapter/],
      ['α/√r', { method: { ...galore(), scaling: 'root-rank' } }, /useRslora.*cannot be combined with 'galore'/],
      ['a direction of pairs', { method: { ...galore(), direction: muonDirection } }, /direction 'muon' cannot be combined with 'galore'/],
      ['rates of factors', { method: { ...galore(), rates: { A: 2 } } }, /rate of its own for A or B cannot be combined/],
      ['dropout', { dropout: 0.1 }, /dropout 0.1 cannot be combined with 'galore'/],
      ['α', { alpha: 16 }, /alpha 16 cannot be combined with 'galore'.*option scale/],
      ['α by pattern', { alphaPattern: { up: 3 } }, /alphaPattern cannot be combined/],
      ['a rank above the sizes', { rank: 7 }, /rank must be at most 6 for 'layers.0.up', whose weight is 8×6, got 7/],
      [
        'its rule on pairs',
        { method: { ...balora(), direction: galoreDirection() } },
        /direction 'galore' projects the gradient of the weights/,
      ],
      ['its rule with DoRA', { method: { ...dora(), direction: galoreDirection() } }, /direction 'galore'/],
      ['its start with pairs', { method: { ...rslora(), start: galore().start } }, /start 'weights' gives no factors/],
      [
        'its geometry with the rest of LoRA+',
        { method: { ...loraPlus(), geometry: galore().geometry } },
        /start 'kaiming' cannot be combined/,
      ],
    ])('%s', async (_, given, message) => {
      const before = liveTensors();
      const model = smallModel(la);
      const attempt = createAdapter(model, { method: galore(), rank: 2, ...given });
      await expect(attempt).rejects.toThrow(message);
      await expect(attempt).rejects.toBeInstanceOf(ConfigError);
      await expect(attempt).rejects.toThrow(/^createAdapter: /);
      model.dispose();
      expect(liveTensors()).toBe(before);
    });

    it('a head that is tied to the embedding, also by a start that takes its product out of it', async () => {
      const model = owned(smallModel(la));
      const head = { name: 'lm_head', inFeatures: 6, outFeatures: 11, fanInFanOut: false, bias: false };
      const tied: CausalLM = {
        ...model,
        config: { ...model.config, tiedHead: true },
        linearModules: new Map([...model.linearModules, ['lm_head', head]]),
        parameters: new Map([...model.parameters, ['model.embed_tokens.weight', { shape: [11, 6] }]]),
      };
      await expect(createAdapter(tied, { method: galore(), rank: 2, targetModules: ['lm_head'] })).rejects.toThrow(
        /weight of 'lm_head' is that of the embedding/,
      );
      for (const method of [pissa(), olora(), reflora()]) {
        await expect(createAdapter(tied, { method, rank: 2, targetModules: ['lm_head'] })).rejects.toThrow(
          /takes its product out of the weight, and 'lm_head' is one array with 'model.embed_tokens.weight'/,
        );
      }
    });

    it('a method that trains other arrays than the adapter has', async () => {
      const model = owned(smallModel(la));
      const options = { nextBatch, learningRate: 0.1 };
      const weights = owned(await createAdapter(model, config));
      const pairs = owned(await createAdapter(model, { rank: 2 }));
      const refused = (adapter: LoraAdapter, method: LoraMethod) => () => trainer(adapter, { ...options, method });
      expect(refused(weights, balora())).toThrow(/'balora' trains factors, and the adapter has the weights themselves/);
      expect(refused(pairs, galore())).toThrow(/'galore' trains the weights themselves, and the adapter has factors/);
    });

    it('an adapter with magnitudes as the beginning', async () => {
      const model = owned(smallModel(la));
      await saveAdapter(owned(await createAdapter(model, { method: dora(), rank: 2 })), file('dora'));
      await expect(loadAdapter(model, file('dora'), { method: galore() })).rejects.toThrow(/with magnitudes \(DoRA\); merge it/);
    });
  });
});
