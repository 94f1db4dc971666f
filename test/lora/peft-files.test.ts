/** Adapters saved and loaded again, and files that do not fit. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../../src/index.js';
import { openSafetensors, type TensorData, writeSafetensors } from '../../src/io/index.js';
import {
  balora,
  createAdapter,
  dora,
  type LoraAdapter,
  type LoraConfig,
  loadAdapter,
  lora,
  olora,
  pissa,
  saveAdapter,
  trainer,
} from '../../src/lora/index.js';
import type { CausalLM } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { tolerance } from '../support/tolerance.js';
import { smallBatch, smallModel } from './support/small-model.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'bures-peft-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let folders = 0;
const newFolder = (): string => path.join(scratch, String(folders++));

const cases: readonly (readonly [string, LoraConfig])[] = [
  ['plain', {}],
  [
    'by pattern',
    {
      method: { ...lora(), scaling: 'root-rank' },
      rankPattern: { up: 3 },
      alphaPattern: { down: 9 },
      dropout: 0.1,
      excludeModules: ['1.up'],
    },
  ],
  ['with magnitudes, biases and a head', { method: dora(), bias: 'lora_only', modulesToSave: ['head', 'embed'] }],
  ['PiSSA', { method: pissa(), rankPattern: { up: 1 } }],
  ['OLoRA, rank-stabilized', { method: { ...olora(), scaling: 'root-rank' }, alphaPattern: { up: 3 } }],
  ['PiSSA with magnitudes', { method: { ...pissa(), magnitudes: true } }],
];

describe.each(tensorEngines)('on %s', (_name, la) => {
  const logitsOf = (model: CausalLM, adapter: LoraAdapter) =>
    la.tidy(() => model.logits(smallBatch(3), { overlay: adapter.overlay() }).dataSync());

  async function savedAdapter(config: LoraConfig) {
    const model = smallModel(la);
    const adapter = await createAdapter(model, { rank: 2, alpha: 4, ...config }, { seed: 2 });
    const run = trainer(adapter, { method: balora(), nextBatch: smallBatch, steps: 3, learningRate: 0.1 });
    for await (const _step of run);
    run.dispose();
    const folder = newFolder();
    await saveAdapter(adapter, folder, { baseModel: 'small' });
    return { model, adapter, folder };
  }

  it.each(cases)('%s: what was saved gives the same logits on a fresh base', async (_, config) => {
    const before = liveTensors();
    const { model, adapter, folder } = await savedAdapter(config);
    const expected = logitsOf(model, adapter);
    adapter.dispose();
    model.dispose();
    expect(readdirSync(folder).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    const fresh = smallModel(la);
    const loaded = await loadAdapter(fresh, folder);
    expect(loaded.taken).toBeUndefined();
    expect(logitsOf(fresh, loaded)).toBeAllClose(expected, tolerance(la, 300, Math.max(...expected.map(Math.abs))));
    // Saved again, it is the same file.
    const again = newFolder();
    await saveAdapter(loaded, again, { baseModel: 'small' });
    for (const file of readdirSync(folder)) expect(readFileSync(path.join(again, file))).toEqual(readFileSync(path.join(folder, file)));
    loaded.dispose();
    fresh.dispose();
    expect(liveTensors()).toBe(before);
  });

  it('a PiSSA adapter that is not portable takes its start out of the base again', async () => {
    const { model, adapter, folder } = await savedAdapter({ method: pissa() });
    owned(model);
    owned(adapter);
    const expected = logitsOf(model, adapter);
    // As PEFT saves it without conversion: the factors as trained, of rank r, and the start's name.
    const store = await openSafetensors(path.join(folder, 'adapter_model.safetensors'));
    const halves = new Map<string, TensorData>();
    for (const [name, { shape }] of store.entries) {
      const values = (await store.read(name)) as Float32Array;
      const [rows, columns] = shape;
      const isA = name.includes('lora_A');
      const half = isA ? values.slice(0, values.length / 2) : values.filter((_value, i) => i % columns < columns / 2);
      halves.set(name, { dtype: 'F32', shape: isA ? [rows / 2, columns] : [rows, columns / 2], data: half });
    }
    await store.close();
    await writeSafetensors(path.join(folder, 'adapter_model.safetensors'), halves);
    edit(folder, { r: 2, lora_alpha: 4, init_lora_weights: 'pissa' });
    const fresh = owned(smallModel(la));
    const loaded = owned(await loadAdapter(fresh, folder));
    expect(logitsOf(fresh, loaded)).toBeAllClose(expected, tolerance(la, 300, Math.max(...expected.map(Math.abs))));
  });

  function edit(folder: string, changes: Readonly<Record<string, unknown>>): void {
    const file = path.join(folder, 'adapter_config.json');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...changes }));
  }

  it.each<[string, Readonly<Record<string, unknown>>, new (message: string) => Error, RegExp]>([
    ['a module that the model has not', { target_modules: ['q_proj'] }, ConfigError, /"q_proj" matches none/],
    [
      'a module without tensors',
      { target_modules: ['up', 'down'], exclude_modules: [] },
      FormatError,
      /lacks the tensor 'base_model.model.layers.0.down.lora_A.weight'/,
    ],
    [
      'tensors without a module',
      { target_modules: ['0.up'] },
      FormatError,
      /has the tensor 'base_model.model.layers.1.up.lora_A.weight', for which .* no place/,
    ],
    ['another rank', { r: 3 }, FormatError, /'base_model.model.layers.0.up.lora_A.weight' must have shape \[3,6\], got \[2,6\]/],
    ['magnitudes that are not there', { use_dora: true }, FormatError, /lora_magnitude_vector/],
  ])('%s is an error that names it, and leaves the model alone', async (_, changes, kind, message) => {
    const saved = await savedAdapter({ targetModules: ['up'] });
    const { folder } = saved;
    saved.adapter.dispose();
    saved.model.dispose();
    edit(folder, changes);
    const model = owned(smallModel(la));
    const before = liveTensors();
    await expect(loadAdapter(model, folder)).rejects.toThrow(kind);
    await expect(loadAdapter(model, folder)).rejects.toThrow(message);
    expect(liveTensors()).toBe(before);
  });

  it('a folder without an adapter is an error', async () => {
    await expect(loadAdapter(owned(smallModel(la)), newFolder())).rejects.toThrow(/cannot read .*adapter_config.json/);
  });
});
