/**
 * Adapters of embeddings and heads as PEFT saves them (test/peers/golden_adapters.py), and the names that other writers
 * give to their tensors.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../../src/index.js';
import { openSafetensors, type TensorData, writeSafetensors } from '../../src/io/index.js';
import {
  createAdapter,
  dora,
  type LoraAdapter,
  type LoraConfig,
  loadAdapter,
  lora,
  loraMethods,
  mergeAdapter,
  openAdapter,
  saveAdapter,
  trainer,
} from '../../src/lora/index.js';
import { type CausalLM, loadCausalLM, type TokenBatch } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures');
const NAMES = readdirSync(path.join(FIXTURES, 'adapters'));
const scratch = mkdtempSync(path.join(tmpdir(), 'bures-embedding-adapters-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let folders = 0;

const folderOf = (name: string): string => path.join(FIXTURES, 'adapters', name);
const readJson = <Content>(file: string): Content => JSON.parse(readFileSync(file, 'utf8')) as Content;
const configOf = (folder: string) => readJson<Readonly<Record<string, unknown>>>(path.join(folder, 'adapter_config.json'));
const golden = (name: string) => readJson<{ readonly ids: number[]; readonly logits: number[] }>(path.join(folderOf(name), 'logits.json'));

/** Copies an adapter with other names of its tensors, and other keys. */
async function renamed(name: string, rename: (tensor: string) => string, keys: object = {}): Promise<string> {
  const folder = path.join(scratch, String(folders++));
  cpSync(folderOf(name), folder, { recursive: true });
  const store = await openSafetensors(path.join(folder, 'adapter_model.safetensors'));
  const tensors = new Map<string, TensorData>();
  for (const { name: tensor, shape } of store.entries.values()) {
    tensors.set(rename(tensor), { dtype: 'F32', shape, data: (await store.read(tensor)) as Float32Array });
  }
  await store.close();
  await writeSafetensors(path.join(folder, 'adapter_model.safetensors'), tensors);
  writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ ...configOf(folder), ...keys }));
  return folder;
}

const batchOf = (ids: readonly number[]): TokenBatch => {
  const inputIds = Int32Array.from(ids);
  return { batch: 1, length: ids.length, inputIds, labels: inputIds };
};

describe.each(tensorEngines)('on %s', (_engine, la) => {
  const bases = new Map<string, CausalLM>();
  let before = 0;
  const open = async (name: string) => loadCausalLM(path.join(FIXTURES, 'models', name), { algebra: la });
  const baseOf = (name: string): CausalLM => bases.get(configOf(folderOf(name)).base_model_name_or_path as string) as CausalLM;
  beforeAll(async () => {
    for (const name of ['tiny-llama', 'tiny-gemma3-text', 'tiny-gpt2']) bases.set(name, await open(name));
    before = liveTensors();
  });
  afterAll(() => {
    expect(liveTensors()).toBe(before);
    for (const model of bases.values()) model.dispose();
  });

  const logitsOf = (model: CausalLM, ids: readonly number[], adapter?: LoraAdapter): Float32Array =>
    la.tidy(() => Float32Array.from(model.logits(batchOf(ids), adapter === undefined ? {} : { overlay: adapter.overlay() }).dataSync()));

  it.each(NAMES)('%s: loaded, saved again, and merged, it gives the logits of PEFT', async (name) => {
    const model = baseOf(name);
    const { ids, logits } = golden(name);
    const first = await loadAdapter(model, folderOf(name));
    expect(logitsOf(model, ids, first)).toBeAllClose(logits, 1e-4);
    const again = path.join(scratch, String(folders++));
    await saveAdapter(first, again);
    // The start of some takes a product out of the base, as long as they are there.
    first.dispose();
    const second = await loadAdapter(model, again);
    expect(logitsOf(model, ids, second)).toBeAllClose(logits, 1e-4);
    second.dispose();
    const adapter = await loadAdapter(model, folderOf(name));
    const plain = logitsOf(model, ids);
    const { tiedHead } = model.config;
    const { untied, unmerge } = await mergeAdapter(adapter);
    expect(logitsOf(model, ids)).toBeAllClose(logits, 1e-4);
    expect(model.config.tiedHead).toBe(tiedHead && !untied);
    unmerge();
    expect(logitsOf(model, ids)).toBeAllClose(plain, 1e-4);
    expect(model.config.tiedHead).toBe(tiedHead);
    adapter.dispose();
  });

  const sameName = (tensor: string): string => tensor;
  it.each<[string, (tensor: string) => string, object]>([
    ['torch.compile before all', (tensor) => `_orig_mod.${tensor}`, {}],
    ['torch.compile within', (tensor) => tensor.replace('base_model.model.', 'base_model.model._orig_mod.'), {}],
    ['torch.compile of each block', (tensor) => tensor.replace(/(layers\.\d+)\./, '$1._orig_mod.'), {}],
    [
      "the adapter's name",
      (tensor) => tensor.replace(/(lora_[AB])\.weight$/, '$1.default.weight').replace(/(lora_embedding_[AB])$/, '$1.default'),
      {},
    ],
    ['data parallelism', (tensor) => `module.${tensor}`, {}],
    ['no wrapper of PEFT', (tensor) => tensor.replace('base_model.model.', ''), {}],
    ['a model of text and images', (tensor) => tensor.replace('base_model.model.model.', 'base_model.model.language_model.model.'), {}],
    [
      'such a model, with patterns of its names',
      (tensor) => tensor.replace('base_model.model.model.', 'base_model.model.model.language_model.'),
      { target_modules: '^model\\.language_model\\.(.*q_proj|embed_tokens)$', alpha_pattern: { '^model\\.language_model\\.layers.*': 6 } },
    ],
    ['nothing else', sameName, {}],
  ])('tensors with %s in their names are found', async (_name, rename, keys) => {
    for (const name of ['embedding', 'head']) {
      if ('target_modules' in keys && name === 'head') continue;
      const model = baseOf(name);
      const { ids, logits } = golden(name);
      const folder = await renamed(name, rename, keys);
      const adapter = await loadAdapter(model, folder);
      expect(logitsOf(model, ids, adapter)).toBeAllClose(logits, 1e-4);
      const again = path.join(scratch, String(folders++));
      await saveAdapter(adapter, again);
      adapter.dispose();
      const own = await loadAdapter(model, again);
      expect(logitsOf(model, ids, own)).toBeAllClose(logits, 1e-4);
      own.dispose();
    }
  });

  it('magnitudes and saved modules under the name of the adapter are found', async () => {
    for (const [name, rename] of [
      ['both-with-magnitudes', (tensor: string) => tensor.replace(/lora_magnitude_vector$/, 'lora_magnitude_vector.default.weight')],
      ['saved-head-tied', (tensor: string) => tensor.replace(/lm_head\.weight$/, 'lm_head.modules_to_save.default.weight')],
    ] as const) {
      const { ids, logits } = golden(name);
      const adapter = await loadAdapter(baseOf(name), await renamed(name, rename));
      expect(logitsOf(baseOf(name), ids, adapter)).toBeAllClose(logits, 1e-4);
      adapter.dispose();
    }
  });

  it('what belongs to no part of the model is refused, and a resized vocabulary is said', async () => {
    const model = baseOf('embedding');
    const elsewhere = await renamed('embedding', (tensor) => tensor.replace('layers.0', 'vision_tower.layers.0'));
    await expect(loadAdapter(model, elsewhere)).rejects.toThrow(FormatError);
    await expect(loadAdapter(model, elsewhere)).rejects.toThrow(/'base_model.model.model.vision_tower.layers.0/);
    const resized = await renamed('embedding', sameName);
    const file = path.join(resized, 'adapter_model.safetensors');
    const store = await openSafetensors(file);
    const tensors = new Map<string, TensorData>();
    for (const { name, shape } of store.entries.values()) {
      const data = (await store.read(name)) as Float32Array;
      tensors.set(
        name,
        name.includes('base_layer') ? { dtype: 'F32', shape: [62, 24], data: new Float32Array(62 * 24) } : { dtype: 'F32', shape, data },
      );
    }
    await store.close();
    await writeSafetensors(file, tensors);
    await expect(loadAdapter(model, resized)).rejects.toThrow(
      /base of shape \[62,24\], and this model's 'model.embed_tokens.weight' has \[61,24\].*resized/,
    );
  });

  it('is opened without a model, as pairs', async () => {
    const opened = await openAdapter(folderOf('embedding'));
    const { A, B } = await opened.pair('model.embed_tokens');
    expect([A.shape, B.shape]).toEqual([
      [24, 2],
      [2, 61],
    ]);
    await opened.close();
  });

  const cases: readonly (readonly [string, string, LoraConfig])[] = [
    ['an embedding', 'tiny-llama', { targetModules: ['embed_tokens', 'q_proj'] }],
    ['an embedding with dropout', 'tiny-llama', { targetModules: ['embed_tokens'], dropout: 0.3 }],
    ['an embedding with magnitudes', 'tiny-gemma3-text', { targetModules: ['embed_tokens'], method: dora() }],
    ['tied head and embedding', 'tiny-gemma3-text', { targetModules: ['embed_tokens', 'lm_head'] }],
    ['embeddings of tokens and positions', 'tiny-gpt2', { targetModules: ['wte', 'wpe'] }],
  ];
  it.each(cases)('%s is trained: the gradient is that of finite differences', async (_name, base, config) => {
    const model = bases.get(base) as CausalLM;
    const adapter = await createAdapter(model, { rank: 2, alpha: 4, ...config }, { seed: 3 });
    const ids = [5, 17, 3, 44, 9, 21, 8];
    const batch = batchOf(ids);
    const plain = logitsOf(model, ids);
    expect(logitsOf(model, ids, adapter)).toBeAllClose(plain, 1e-5);
    const method = config.method ?? lora();
    const run = trainer(adapter, { method, nextBatch: () => batch, steps: 3, learningRate: 0.05 });
    for await (const _step of run);
    run.dispose();
    const lossAt = async (): Promise<number> => (await la.tidy(() => model.loss(batch, { overlay: adapter.overlay() }))).sum;
    await la.tidy(async () => {
      const overlay = adapter.overlay();
      const { adapters } = await model.lossAndGradient(batch, overlay, { denominator: 1 });
      for (const [module, gradients] of adapters) {
        for (const [array, gradient] of Object.entries(gradients)) {
          const values = overlay.adapters.get(module)?.parameters[array];
          const derivative = gradient.dataSync<'float32'>();
          const direction = derivative.map((value) => value / Math.hypot(...derivative));
          const h = 3e-3;
          const moved = async (t: number): Promise<number> => {
            const tensor = la.fromArray(
              values?.dataSync<'float32'>().map((value, i) => value + t * direction[i]) ?? [],
              values?.shape ?? [],
            );
            const at = overlay.adapters.get(module);
            const parameters = { ...at?.parameters, [array]: tensor };
            const embed = at?.embed;
            const changed = {
              ...at,
              parameters,
              forward: (call: Parameters<NonNullable<typeof at>['forward']>[0]) =>
                (at as NonNullable<typeof at>).forward({ ...call, parameters }),
              ...(embed === undefined ? {} : { embed: (call: Parameters<typeof embed>[0]) => embed({ ...call, parameters }) }),
            };
            const { lowRank: _lowRank, ...plainAdapter } = changed;
            const other = { ...overlay, adapters: new Map([...overlay.adapters, [module, plainAdapter]]) };
            return (await model.loss(batch, { overlay: other })).sum;
          };
          // DoRA takes its norms as constants, and so does the overlay here.
          const slope = ((await moved(h)) - (await moved(-h))) / (2 * h);
          const expected = Math.hypot(...derivative);
          expect(Math.abs(slope - expected), `${module} ${array}`).toBeLessThan(0.02 * Math.max(1, expected));
        }
      }
    });
    const trained = await lossAt();
    const folder = path.join(scratch, String(folders++));
    await saveAdapter(adapter, folder);
    adapter.dispose();
    const loaded = await loadAdapter(model, folder);
    expect((await la.tidy(() => model.loss(batch, { overlay: loaded.overlay() }))).sum).toBeCloseTo(trained, 3);
    loaded.dispose();
  });

  it.each(Object.entries(loraMethods))('%s trains an embedding that is not tied, and says why not where it cannot', async (name, make) => {
    const batch = batchOf([5, 17, 3, 44, 9, 21, 8]);
    const batches = Array.from({ length: 8 }, () => batch);
    const method = make();
    for (const base of ['tiny-llama', 'tiny-gemma3-text']) {
      const model = bases.get(base) as CausalLM;
      let adapter: LoraAdapter;
      try {
        adapter = await createAdapter(model, { method, rank: 2, targetModules: ['embed_tokens', 'q_proj'] }, { seed: 1, batches });
      } catch (error) {
        expect(error, name).toBeInstanceOf(ConfigError);
        expect((error as Error).message).toMatch(/head and embedding|is that of the head/);
        expect(base).toBe('tiny-gemma3-text');
        expect(method.start.changesBase || method.geometry.trains === 'weights').toBe(true);
        continue;
      }
      const start = (await la.tidy(() => model.loss(batch, { overlay: adapter.overlay() }))).sum;
      const run = trainer(adapter, { nextBatch: () => batch, steps: 4, learningRate: 2e-3 });
      for await (const _step of run);
      const end = (await la.tidy(() => model.loss(batch, { overlay: adapter.overlay() }))).sum;
      expect(end, `${name} on ${base}`).toBeLessThan(start);
      run.dispose();
      adapter.dispose();
    }
  });
});
