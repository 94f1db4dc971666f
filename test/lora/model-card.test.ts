/** The README.md beside an adapter. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError } from 'bures';
import {
  type AdapterCard,
  balanceAdapter,
  combineAdapters,
  createAdapter,
  loadAdapter,
  openAdapter,
  resizeAdapter,
  saveAdapter,
} from 'bures/lora';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { smallModel } from './support/small-model.js';

const scratch = temporaryFolder('card');
let folders = 0;
const fresh = (): string => path.join(scratch, String(folders++));
const [[, la]] = tensorEngines;
const readmeOf = (folder: string): string => readFileSync(path.join(folder, 'README.md'), 'utf8');
const frontOf = (text: string) => parse(/^---\n([\s\S]*?)\n---\n/.exec(text)?.[1] ?? '');

const facts: AdapterCard = {
  method: 'balora',
  data: ['owner/rows@abc:main', path.join(scratch, 'secret', 'train.jsonl')],
  trainingRows: 120,
  validationRows: 13,
  steps: 40,
  batchSize: 4,
  learningRate: 1e-3,
  schedule: 'cosine',
  trainingLoss: 1.25,
  validationLoss: 1.5,
};

async function saved(card: AdapterCard | undefined, folder = fresh(), baseModel = 'owner/small@v2') {
  const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 3, alpha: 6, rankPattern: { up: 2 } }));
  return { folder, ...(await saveAdapter(adapter, folder, { baseModel, ...(card === undefined ? {} : { card }) })) };
}

describe('of a training', () => {
  it('says what is known, as the hub reads it, without paths', async () => {
    const text = readmeOf((await saved(facts)).folder);
    expect(frontOf(text)).toEqual({
      base_model: 'owner/small',
      library_name: 'peft',
      pipeline_tag: 'text-generation',
      datasets: ['owner/rows'],
      tags: ['base_model:adapter:owner/small', 'bures', 'lora'],
    });
    for (const line of [
      '# LoRA adapter of owner/small',
      "A LoRA adapter in PEFT's format for owner/small at revision v2.",
      '| rank r | 3 (some modules 2) |',
      '| α | 6; ΔW = α/r · lora\\_B · lora\\_A |'.replaceAll('\\_', '_'),
      '| method | balora |',
      '| data | owner/rows@abc:main, train.jsonl: 120 rows to train on, 13 to validate |',
      '| steps | 40, 4 rows each |',
      '| learning rate | 0.001, cosine |',
      '| training loss, last step | 1.25 |',
      '| validation loss | 1.5 |',
      'base = AutoModelForCausalLM.from_pretrained("owner/small")',
      'npx bures generate DIR --model owner/small --prompt "…"',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(text).toMatch(/Written by bures \d+\.\d+\.\d+, Node v\d+/);
    expect(text).not.toContain(scratch);
    expect(text).not.toContain('secret');
  });

  it('says what one must know to use and to repeat it', async () => {
    const more: AdapterCard = {
      ...facts,
      dataWeights: [1, 0.25],
      trainOn: 'last-answer',
      appendEnd: false,
      startedFrom: path.join(scratch, 'secret', 'first'),
      changes: ['seed was 1 until step 3', 'other training rows until step 9'],
      trainingRows: 1,
      batchSize: 1,
    };
    const text = readmeOf((await saved(more)).folder);
    for (const line of [
      '| started from | the adapter first |',
      '| data | owner/rows@abc:main (weight 1), train.jsonl (weight 0.25): 1 row to train on, 13 to validate |',
      '| trained on | last-answer |',
      '| end of rows | no end token: the model need not have learned to stop |',
      '| steps | 40, 1 row each |',
      '| changed while training | seed was 1 until step 3; other training rows until step 9 |',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(text).not.toContain('secret');
    const usual = readmeOf((await saved({ ...facts, trainOn: 'answers', appendEnd: true, changes: [] })).folder);
    expect(usual).not.toMatch(/trained on|end of rows|changed while|quantiz/);
  });

  it.each([
    [
      'nf4',
      /^import torch$[\s\S]*BitsAndBytesConfig\(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch\.float32\)$/m,
    ],
    ['int8', /blocks?|whole row[\s\S]*BitsAndBytesConfig\(load_in_8bit=True\)$/m],
  ] as const)('loads a base that was quantized to %s so, for itself and for adapters made from it', async (quantized, python) => {
    const [own, plain, balanced, both] = [(await saved({ ...facts, quantized })).folder, (await saved(facts)).folder, fresh(), fresh()];
    await withOpen([own], ([a]) => balanceAdapter(a, balanced));
    for (const folder of [own, balanced]) {
      const text = readmeOf(folder);
      expect(text).toContain(`| weights of the base | quantized to ${quantized} in training; over weights that are not, `);
      expect(text).toMatch(python);
      expect(text).toContain('from_pretrained("owner/small", quantization_config=quantization)\n');
      expect(text).toContain(`npx bures generate DIR --model owner/small --quantize ${quantized} --prompt`);
      expect(text).toContain(`quantize: '${quantized}' });\n`);
    }
    // Of two adapters over different weights, neither says how to load the base of their sum.
    await withOpen([own, plain], (all) => combineAdapters(all, both, { weights: [1, 1] }));
    expect(readmeOf(both)).toContain(`quantized to ${quantized} in training`);
    expect(readmeOf(both)).toContain('from_pretrained("owner/small")\n');
  });

  it('lists modules by the ends of their names where these select the same, and many others in short', async () => {
    const model = owned(smallModel(la));
    const save = async (targetModules: readonly string[]) => {
      const folder = fresh();
      await saveAdapter(owned(await createAdapter(model, { rank: 2, targetModules })), folder, { card: {} });
      const { target_modules: written } = JSON.parse(readFileSync(path.join(folder, 'adapter_config.json'), 'utf8'));
      const loaded = owned(await loadAdapter(model, folder));
      const adapted = loaded.layout.targets.map(({ module }) => module.name).sort();
      return { written, adapted, row: /\| modules \| (.*) \|/.exec(readmeOf(folder))?.[1] };
    };
    const all = ['layers.0.down', 'layers.0.up', 'layers.1.down', 'layers.1.up'];
    expect(await save(all)).toEqual({ written: ['down', 'up'], adapted: all, row: 'down, up' });
    const some = ['layers.0.down', 'layers.0.up', 'layers.1.up'];
    expect(await save(some)).toEqual({ written: ['layers.0.down', 'up'], adapted: some, row: 'layers.0.down, up' });
    expect(await save(['0.up', 'down'])).toMatchObject({ written: ['0.up', 'down'] });
  });

  it('says nothing of what is not known, and is not there unless asked for', async () => {
    const text = readmeOf((await saved({}, fresh(), scratch)).folder);
    expect(text).not.toMatch(/undefined|NaN|## Training|null/);
    expect(text).not.toContain(scratch);
    expect(frontOf(text).base_model).toBe(path.basename(scratch));
    expect(existsSync(path.join((await saved(undefined)).folder, 'README.md'))).toBe(false);
  });

  it('leaves names as text, whatever they hold', async () => {
    const text = readmeOf((await saved({ method: 'a|b\n# <b>c' })).folder);
    expect(text).toContain('| method | a\\|b # \\<b\\>c |');
  });

  it.each<[object, RegExp]>([
    [{ rows: 3 }, /^saveAdapter: unknown option 'rows'/],
    [{ data: 'train.jsonl' }, /^saveAdapter: card\.data must be a list of names, got "train\.jsonl"/],
    [{ steps: -1 }, /^saveAdapter: card\.steps must be a count/],
    [{ trainingLoss: '1' }, /^saveAdapter: card\.trainingLoss must be a number/],
  ])('refuses %j', async (card, message) => {
    await expect(saved(card as AdapterCard)).rejects.toThrow(ConfigError);
    await expect(saved(card as AdapterCard)).rejects.toThrow(message);
  });
});

describe('of another hand', () => {
  it('stays, and an own one is replaced unless it was edited', async () => {
    const { folder } = await saved({ ...facts, steps: 1 });
    expect(await saved({ ...facts, steps: 2 }, folder)).not.toHaveProperty('keptReadme');
    expect(readmeOf(folder)).toContain('| steps | 2, 4 rows each |');
    const edited = readmeOf(folder).replace('# LoRA adapter', '# My adapter');
    writeFileSync(path.join(folder, 'README.md'), edited);
    expect(await saved({ ...facts, steps: 3 }, folder)).toMatchObject({ keptReadme: true });
    expect(readmeOf(folder)).toBe(edited);
  });

  it('stays where adapters are balanced, resized and combined', async () => {
    const source = await openAdapter((await saved(facts)).folder);
    const made: readonly (readonly [string, (out: string) => Promise<unknown>])[] = [
      ['balance', (out) => balanceAdapter(source, out)],
      ['resize', (out) => resizeAdapter(source, out, { rank: 1 })],
      ['combine', (out) => combineAdapters([source, source], out, { weights: [1, 2] })],
    ];
    for (const [name, make] of made) {
      const { folder: out } = await saved(undefined);
      writeFileSync(path.join(out, 'README.md'), 'mine');
      const result = await make(out);
      expect(readmeOf(out), name).toBe('mine');
      if (name !== 'balance') expect(result).toMatchObject({ keptReadme: true });
      expect(readdirSync(out).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
    }
    await source.close();
  });
});

describe('of adapters made from others', () => {
  const folder = path.join(scratch, 'first');

  it.each<[string, (out: string) => Promise<unknown>, RegExp, RegExp]>([
    [
      'balanced',
      async (out) => withOpen([folder], ([a]) => balanceAdapter(a, out)),
      /factors of the adapter were balanced/,
      /^## Training$/m,
    ],
    [
      'resized',
      async (out) => withOpen([folder], ([a]) => resizeAdapter(a, out, { rank: 1 })),
      /changed from 2 to 3 to 1\. .*is the same/,
      /^## Training$/m,
    ],
    [
      'combined',
      async (out) => withOpen([folder, folder], (all) => combineAdapters(all, out, { weights: [0.7, -2], names: ['runs/one', 'two'] })),
      /weighted sum of 2 adapters: ΔW is that of 0\.7 · one \+ -2 · two\. Its factors are theirs side by side/,
      /^## Training of one$[\s\S]*^## Training of two$/m,
    ],
  ])('%s, it says how, and what theirs say of their training', async (_what, make, how, training) => {
    await saved(facts, folder);
    const out = fresh();
    await make(out);
    const text = readmeOf(out);
    expect(text).toMatch(how);
    expect(text).toMatch(training);
    expect(text).toContain('| validation loss | 1.5 |');
    expect(frontOf(text)).toMatchObject({ base_model: 'owner/small', datasets: ['owner/rows'] });
    expect(text).not.toContain(scratch);
    // It can be the source of another.
    const again = fresh();
    await withOpen([out], ([a]) => balanceAdapter(a, again));
    expect(readmeOf(again)).toMatch(training);
  });
});

async function withOpen(sources: readonly string[], compute: (adapters: Awaited<ReturnType<typeof openAdapter>>[]) => Promise<unknown>) {
  const adapters = await Promise.all(sources.map((one) => openAdapter(one)));
  await compute(adapters);
  for (const adapter of adapters) await adapter.close();
}
