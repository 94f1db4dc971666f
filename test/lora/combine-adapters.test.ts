/** Weighted sums of adapters, against ΔW multiplied out. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { FormatError, type HostArray, hostAlgebra } from 'bures';
import { measurePair } from 'bures/diagnostics';
import { openSafetensors, type TensorData } from 'bures/io';
import {
  type CombineAdaptersOptions,
  combineAdapters,
  createAdapter,
  loadAdapter,
  type OpenAdapter,
  openAdapter,
  saveAdapter,
  trainer,
} from 'bures/lora';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { smallBatch, smallModel } from './support/small-model.js';
import { dtypesOf, type PairSpec, pairTensors, updatesOf, writtenAdapter, writtenTensors } from './support/written-adapter.js';

const scratch = temporaryFolder('combine');
let folders = 0;
const fresh = (): string => path.join(scratch, String(folders++));
const la = hostAlgebra();
const [[, tensors]] = tensorEngines;

async function combine(sources: readonly string[], options: CombineAdaptersOptions, out = fresh()) {
  const adapters: OpenAdapter[] = [];
  for (const folder of sources) adapters.push(await openAdapter(folder));
  try {
    return { out, ...(await combineAdapters(adapters, out, options)) };
  } finally {
    for (const adapter of adapters) await adapter.close();
  }
}

const configOf = (folder: string) => JSON.parse(readFileSync(path.join(folder, 'adapter_config.json'), 'utf8'));

/** Σ w ΔW of every module, and Σ |w|‖ΔW‖, in which rounding is measured. */
async function sumOf(sources: readonly string[], weights: readonly number[]) {
  const sums = new Map<string, { readonly sum: HostArray; readonly size: number }>();
  for (const [i, folder] of sources.entries()) {
    for (const [module, update] of await updatesOf(folder)) {
      const [term, size] = [la.scale(weights[i], update), Math.abs(weights[i]) * la.norm(update)];
      const before = sums.get(module);
      sums.set(module, before === undefined ? { sum: term, size } : { sum: la.add(before.sum, term), size: before.size + size });
    }
  }
  return sums;
}

/** The shapes of the modules; all adapters are of this model. */
const shapes = { 'l.0.q_proj': [19, 14], 'l.1.q_proj': [19, 14], 'l.0.k_proj': [7, 14], 'l.1.down': [14, 23] } as const;
type Module = keyof typeof shapes;

const drawnAdapter = fc.record({
  modules: fc.uniqueArray(fc.constantFrom(...(Object.keys(shapes) as Module[])), { minLength: 1 }),
  ranks: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 4, maxLength: 4 }),
  alpha: fc.constantFrom(1, 16, 0.3),
  rslora: fc.boolean(),
  grading: fc.constantFrom(1, 100, 1e5),
  imbalance: fc.constantFrom(1, 2 ** 7, 2 ** -7),
  repeated: fc.integer({ min: 0, max: 2 }),
  weight: fc.constantFrom(0.7, 0.3, -1.5, 1),
});

describe('a sum', () => {
  it('is exact without a rank, and the best approximation at one, with the errors that were reported', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(drawnAdapter, { minLength: 2, maxLength: 3 }), fc.integer({ min: 1, max: 9 }), async (drawn, rank) => {
        const sources: string[] = [];
        for (const { modules, ranks, alpha, rslora, grading, imbalance, repeated } of drawn) {
          const specs = modules.map((module, i): readonly [Module, PairSpec] => {
            const [m, n] = shapes[module];
            return [module, { m, n, rank: ranks[i], grading, imbalance, repeated: Math.min(repeated, ranks[i] - 1) }];
          });
          const config = { use_rslora: rslora, lora_alpha: alpha, alpha_pattern: { q_proj: 3 } };
          sources.push(await writtenAdapter(fresh(), Object.fromEntries(specs), config));
        }
        const weights = drawn.map(({ weight }) => weight);
        const sums = await sumOf(sources, weights);
        const exact = await combine(sources, { weights });
        const sum = await updatesOf(exact.out);
        expect(new Set(sum.keys())).toEqual(new Set(sums.keys()));
        expect(exact.error).toBeLessThan(1e-6);
        for (const { module, ranks, rank: own, shape } of exact.modules) {
          const { sum: expected, size } = sums.get(module) ?? expect.fail();
          expect(own).toBe(
            Math.min(
              ranks.reduce((a, b) => a + b),
              ...shape,
            ),
          );
          expect(la.norm(la.subtract(sum.get(module) as HostArray, expected))).toBeLessThan(2e-6 * size);
        }
        const cut = await combine(sources, { weights, rank });
        const lower = await updatesOf(cut.out);
        let [lost, whole] = [0, 0];
        for (const { module, error, rank: own } of cut.modules) {
          const { sum: expected, size } = sums.get(module) ?? expect.fail();
          const sigmas = la.toArray(la.svd(expected).S);
          const tail = Math.hypot(...sigmas.slice(own));
          const distance = la.norm(la.subtract(lower.get(module) as HostArray, expected));
          expect(own).toBeLessThanOrEqual(rank);
          expect(Math.abs(distance - tail)).toBeLessThan(2e-6 * size);
          if (la.norm(expected) > 1e-6 * size) expect(error).toBeCloseTo(tail / la.norm(expected), 6);
          [lost, whole] = [Math.hypot(lost, tail), Math.hypot(whole, la.norm(expected))];
        }
        expect(cut.error).toBeCloseTo(lost / whole, 6);
      }),
      { numRuns: 25 },
    );
  });

  it('of an adapter and its negative is zero, exactly and at a rank', async () => {
    const folder = await writtenAdapter(fresh(), { q_proj: { m: 19, n: 13, rank: 4, imbalance: 1000 } });
    for (const options of [{}, { rank: 2 }]) {
      const { out, error } = await combine([folder, folder], { weights: [1.3, -1.3], ...options });
      const [[, update]] = await updatesOf(out);
      const [[, before]] = await updatesOf(folder);
      expect(la.norm(update) / la.norm(before)).toBeLessThan(1e-7);
      expect(Number.isFinite(error)).toBe(true);
    }
  });

  it('at a rank has balanced factors', async () => {
    const specs = { q_proj: { m: 19, n: 13, rank: 4, imbalance: 1000, grading: 50 } };
    const sources = [await writtenAdapter(fresh(), specs), await writtenAdapter(fresh(), { q_proj: { ...specs.q_proj, rank: 5 } })];
    const { out } = await combine(sources, { weights: [0.5, 2], rank: 6 });
    const adapter = await openAdapter(out);
    const pair = await adapter.pair('q_proj');
    await adapter.close();
    expect(pair.scale).toBe(1);
    expect((await measurePair(la, pair)).balanceGap).toBeLessThan(1e-5);
  });

  it('of adapters trained on a model loads onto it and computes as their weights say', async () => {
    const model = owned(smallModel(tensors));
    const folderOf = async (seed: number, config: object): Promise<string> => {
      const adapter = owned(await createAdapter(model, config, { seed }));
      const run = trainer(adapter, { nextBatch: smallBatch, steps: 3, learningRate: 0.05 });
      for await (const _step of run);
      run.dispose();
      const folder = fresh();
      await saveAdapter(adapter, folder, { baseModel: 'owner/small' });
      return folder;
    };
    const sources = [
      await folderOf(1, { rank: 2, alpha: 6, targetModules: ['up'] }),
      await folderOf(2, { rank: 3, alpha: 3, rankPattern: { down: 2 } }),
    ];
    const { out } = await combine(sources, { weights: [2, -0.5] });
    expect(configOf(out)).toMatchObject({
      base_model_name_or_path: 'owner/small',
      r: 5,
      rank_pattern: { down: 2 },
      target_modules: ['down', 'up'],
      fan_in_fan_out: true,
    });
    const adapter = owned(await loadAdapter(model, out));
    const combined = await tensors.tidy(async () => {
      const overlay = adapter.overlay();
      const parts = await sumOf(sources, [2, -0.5]);
      // W + ΔW in the place of W; the layer 'down' is stored [in, out].
      const replaced = new Map(
        [...parts].map(([module, { sum }]) => {
          const weight = model.parameter(`${module}.weight`);
          const stored = module.endsWith('down') ? la.transpose(sum) : sum;
          return [`${module}.weight`, tensors.add(weight, tensors.fromArray(la.toArray(stored), weight.shape))] as const;
        }),
      );
      const expected = model.logits(smallBatch(3), { overlay: { ...overlay, adapters: new Map(), replaced } as typeof overlay }).dataSync();
      return { logits: model.logits(smallBatch(3), { overlay }).dataSync(), expected, plain: model.logits(smallBatch(3)).dataSync() };
    });
    expect(combined.logits).toBeAllClose(combined.expected, 1e-5);
    expect(Math.max(...combined.plain.map((x, i) => Math.abs(x - combined.expected[i])))).toBeGreaterThan(1e-2);
  });
});

const q: Readonly<Record<string, PairSpec>> = { 'model.layers.0.q_proj': { m: 9, n: 6, rank: 2 } };

describe('the configuration', () => {
  it.each<[string, object, object, readonly string[] | string]>([
    ['joins lists', { target_modules: ['q_proj'] }, { target_modules: ['v_proj', 'q_proj'] }, ['q_proj', 'v_proj']],
    ['joins lists, one of whole names', { target_modules: ['q_proj'] }, { target_modules: Object.keys(q) }, ['q_proj']],
    ['keeps a pattern that is that of all', { target_modules: '.*q_proj' }, { target_modules: '.*q_proj' }, '.*q_proj'],
    ['names modules that patterns chose', { target_modules: '.*q_proj' }, { target_modules: ['q_proj'] }, Object.keys(q)],
    [
      'names modules of some layers',
      { target_modules: ['q_proj'], layers_to_transform: [0] },
      { target_modules: ['q_proj'] },
      Object.keys(q),
    ],
    [
      'names modules beside exceptions',
      { target_modules: ['q_proj'], exclude_modules: ['o'] },
      { target_modules: ['q_proj'] },
      Object.keys(q),
    ],
  ])('%s', async (_what, first, second, expected) => {
    const { out } = await combine([await writtenAdapter(fresh(), q, first), await writtenAdapter(fresh(), q, second)], { weights: [1, 1] });
    expect(configOf(out).target_modules).toEqual(expected);
  });

  it('of modules that are named one by one has a card that says so in short', async () => {
    const spec: PairSpec = { m: 9, n: 6, rank: 2 };
    const modules = Object.fromEntries([0, 1, 2].map((layer) => [`model.layers.${layer}.q_proj`, spec]));
    const sources = ['.*q_proj', '.*\\.q_proj'].map((pattern) => writtenAdapter(fresh(), modules, { target_modules: pattern }));
    const { out } = await combine(await Promise.all(sources), { weights: [1, 1] });
    expect(configOf(out).target_modules).toEqual(Object.keys(modules));
    const card = readFileSync(path.join(out, 'README.md'), 'utf8');
    expect(card).toContain('| modules | 3 modules by their whole names, which end with q_proj |\n');
  });

  it.each<[string, unknown, unknown, string | null]>([
    ['paths by their last folder', '/home/me/Base-1B', 'owner/base-1b', 'owner/base-1b'],
    ['none', null, null, null],
    ['one that is silent', null, 'owner/base', 'owner/base'],
  ])('takes the base they share: %s', async (_what, first, second, expected) => {
    const of = (base: unknown) => writtenAdapter(fresh(), q, { base_model_name_or_path: base });
    const { out } = await combine([await of(first), await of(second)], { weights: [1, 1] });
    expect(configOf(out).base_model_name_or_path).toBe(expected);
  });

  it('takes a base that is named where they differ, and dropout where they agree', async () => {
    const of = (base: string, dropout: number) => writtenAdapter(fresh(), q, { base_model_name_or_path: base, lora_dropout: dropout });
    const sources = [await of('owner/a', 0.1), await of('owner/b', 0.1)];
    const named = await combine(sources, { weights: [1, 1], baseModel: 'owner/c@v2' });
    expect(configOf(named.out)).toMatchObject({ base_model_name_or_path: 'owner/c', revision: 'v2', lora_dropout: 0.1 });
    const other = await combine([sources[0], await of('owner/a', 0)], { weights: [1, 1] });
    expect(configOf(other.out).lora_dropout).toBe(0);
  });
});

describe('number formats', () => {
  const of = (dtype: 'F32' | 'F16' | 'BF16') => writtenAdapter(fresh(), { q_proj: { m: 9, n: 6, rank: 2, dtype } });

  it('are F32, or kept where all have one', async () => {
    const sources = [await of('BF16'), await of('BF16')];
    const wide = await combine(sources, { weights: [0.5, 0.25] });
    const kept = await combine(sources, { weights: [0.5, 0.25], keepDtype: true });
    expect(new Set(Object.values(await dtypesOf(wide.out)))).toEqual(new Set(['F32']));
    expect(new Set(Object.values(await dtypesOf(kept.out)))).toEqual(new Set(['BF16']));
    const [[, exact]] = await updatesOf(wide.out);
    const [[, rounded]] = await updatesOf(kept.out);
    expect(la.norm(la.subtract(exact, rounded)) / la.norm(exact)).toBeLessThan(2 ** -6);
  });

  it('that differ cannot be kept', async () => {
    const sources = [await of('F16'), await of('BF16')];
    await expect(combine(sources, { weights: [1, 1], keepDtype: true, names: ['first', 'second'] })).rejects.toThrow(
      /'q_proj' is F16 in first and BF16 in second; write F32 instead of keeping the format/,
    );
    expect((await combine(sources, { weights: [1, 1] })).modules).toHaveLength(1);
  });
});

describe('refused by name', () => {
  const extra = (name: string, value: number, config: object = {}) => {
    const own: readonly (readonly [string, TensorData])[] = [[name, { dtype: 'F32', shape: [2], data: Float32Array.of(value, 1) }]];
    return writtenTensors(fresh(), new Map([...pairTensors('q_proj', 1, { m: 9, n: 6, rank: 2 }), ...own]), {
      r: 2,
      lora_alpha: 2,
      target_modules: ['q_proj'],
      ...config,
    });
  };
  const plain = (config: object = {}) => writtenAdapter(fresh(), { q_proj: { m: 9, n: 6, rank: 2 } }, config);
  const names = ['first', 'second'];

  it.each<[string, () => Promise<string>, RegExp]>([
    ['DoRA', () => plain({ use_dora: true }), /got second with magnitudes \(DoRA: use_dora\), whose change of a weight is no product/],
    [
      'magnitudes without their key',
      () => extra('base_model.model.q_proj.lora_magnitude_vector', 1),
      /with magnitudes \(DoRA: 'base_model/,
    ],
    ['a start that changed the base', () => plain({ init_lora_weights: 'olora' }), /with init_lora_weights "olora"/],
    [
      'biases',
      () => extra('base_model.model.q_proj.base_layer.bias', 1, { bias: 'lora_only' }),
      /second has 'base_model\.model\.q_proj\.base_layer\.bias' \(bias 'lora_only'\), whose change cannot be weighted without the base/,
    ],
    [
      'whole modules',
      () => extra('base_model.model.lm_head.weight', 1, { modules_to_save: ['lm_head'] }),
      /second has 'base_model\.model\.lm_head\.weight' \(modules_to_save lm_head\)/,
    ],
    [
      'another base',
      () => plain({ base_model_name_or_path: 'owner/other' }),
      /first is for owner\/base@v1 and second is for owner\/other; .*with baseModel/,
    ],
    ['another revision', () => plain({ revision: 'v2' }), /first is for owner\/base@v1 and second is for owner\/base@v2/],
    ['another shape', () => writtenAdapter(fresh(), { q_proj: { m: 9, n: 8, rank: 2 } }), /'q_proj' is 9×6 in first and 9×8 in second/],
  ])('%s', async (_what, make, message) => {
    const sources = [await plain({ revision: 'v1' }), await make()];
    const out = fresh();
    await expect(combine(sources, { weights: [1, 1], names }, out)).rejects.toThrow(message);
    expect(() => readdirSync(out)).toThrow('ENOENT');
  });

  it('weights of the base beside factors, unless they are the same', async () => {
    const name = 'base_model.model.q_proj.base_layer.weight';
    const [one, same, other] = [await extra(name, 1), await extra(name, 1), await extra(name, 2)];
    const { out } = await combine([one, same], { weights: [1, 1] });
    const store = await openSafetensors(path.join(out, 'adapter_model.safetensors'));
    expect(await store.read(name)).toEqual(Float32Array.of(1, 1));
    await store.close();
    const differing = combine([one, other], { weights: [1, 1], names });
    await expect(differing).rejects.toThrow(FormatError);
    await expect(differing).rejects.toThrow(/differs between first and second/);
  });

  it.each<[string, object, RegExp]>([
    ['too few weights', { weights: [1] }, /^combineAdapters: expected a weight for each of the 2 adapters, got 1 weights/],
    ['a weight of 0', { weights: [1, 0] }, /weights must be a list of finite numbers other than 0, one for each adapter, got 0; leave/],
    ['a weight that is no number', { weights: [1, Number.NaN] }, /got NaN/],
    ['no weights', {}, /weights must be a list of finite numbers other than 0, one for each adapter, got nothing/],
    ['a rank of 0', { weights: [1, 1], rank: 0 }, /rank must be a positive integer/],
    ['too few names', { weights: [1, 1], names: ['one'] }, /expected a name for each of the 2 adapters, got 1 names/],
    ['an error under another name', { weights: [1], caller: 'merge' }, /^merge: expected a weight/],
  ])('%s', async (_what, options, message) => {
    const sources = [await plain(), await plain()];
    await expect(combine(sources, options as CombineAdaptersOptions)).rejects.toThrow(message);
  });

  it('one adapter, and a folder that is read', async () => {
    const sources = [await plain(), await plain()];
    await expect(combine([sources[0]], { weights: [1] })).rejects.toThrow(/expected two adapters or more, got 1; resizeAdapter/);
    await expect(combine(sources, { weights: [1, 1] }, sources[1])).rejects.toThrow(/expected another folder than that of the adapter/);
  });
});
