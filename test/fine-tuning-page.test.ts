/** The worker of examples/web/finetune, without a browser: what it keeps, and how it goes on. */
import path from 'node:path';
import { type Files, memoryFiles, nodeFiles } from 'bures/io';
import { loadAdapter } from 'bures/lora';
import { type CausalLM, loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { unzipSync } from 'fflate';
import { expect, it } from 'vitest';
import { type Answers, methodNames, type Request, type RunSettings, type SavedRun, type Told } from '../examples/web/finetune/protocol.js';
import { sampleRows } from '../examples/web/finetune/sample-rows.js';
import { Session } from '../examples/web/finetune/session.js';

const folder = path.resolve(import.meta.dirname, '../examples/models/tiny-math-base');
const algebra = await tensorAlgebra({ backend: 'wasm' });
const rows = { name: 'rows.jsonl', bytes: new TextEncoder().encode(sampleRows(60)) };
const settings: RunSettings = {
  rank: 3,
  steps: 7,
  batchSize: 4,
  maxLength: 64,
  methods: { lora: { alpha: 6, learningRate: 4e-3 }, balora: { alpha: 48, learningRate: 2e-3 } },
};

function open(own: Files, onTold: (told: Told) => void = () => {}) {
  const session = new Session({
    engine: async () => algebra,
    shipped: { files: nodeFiles, folder, name: 'tiny-math-base', again: { kind: 'shipped' } },
    own,
    tell: onTold,
  });
  return <Kind extends Request['kind']>(request: Extract<Request, { readonly kind: Kind }>) =>
    session.answer(request) as Promise<Answers[Kind]>;
}

const openModel = { kind: 'open', model: { kind: 'shipped' }, onGpu: false } as const;

async function whole(): Promise<{ readonly run: SavedRun; readonly zips: readonly Answers['adapter'][] }> {
  const ask = open(memoryFiles());
  await ask(openModel);
  const run = await ask({ kind: 'train', rows, settings });
  return { run, zips: [await ask({ kind: 'adapter', method: 'lora' }), await ask({ kind: 'adapter', method: 'balora' })] };
}

it('goes on after a pause and a reload as if there had been none', async () => {
  const expected = await whole();
  const own = memoryFiles();
  const before = open(own, (told) => {
    if (told.kind === 'step' && told.method === 'balora' && told.step === 3) void before({ kind: 'pause' });
  });
  await before(openModel);
  const paused = await before({ kind: 'train', rows, settings });
  expect(paused.step).toBe(3);

  const after = open(own);
  const kept = await after({ kind: 'saved' });
  expect(kept).toEqual(paused);
  await after({ kind: 'open', model: paused.model.again, onGpu: false });
  const run = await after({ kind: 'resume' });
  expect(run.step).toBe(settings.steps);
  for (const method of methodNames) {
    expect(run.records[method].losses).toEqual(expected.run.records[method].losses);
    expect(run.records[method].spectra).toEqual(expected.run.records[method].spectra);
    const { bytes } = await after({ kind: 'adapter', method });
    const [a, b] = [bytes, expected.zips[methodNames.indexOf(method)].bytes].map((zip) => unzipSync(zip));
    expect(Object.keys(a).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
    expect(a['adapter_model.safetensors']).toEqual(b['adapter_model.safetensors']);
  }
  // BaLoRA's factors are balanced after every step, LoRA's are not.
  const gaps = methodNames.map((method) => run.records[method].gaps.at(-1)?.[1] ?? Number.NaN);
  expect(gaps[0]).toBeGreaterThan(0.1);
  expect(gaps[1]).toBeLessThan(1e-5);
});

it('gives an adapter that loads on the model, and answers with it while it trains', async () => {
  const pieces: string[] = [];
  let asked: Promise<unknown> | undefined;
  const ask = open(memoryFiles(), (told) => {
    if (told.kind === 'piece') pieces.push(told.speaker);
    if (told.kind === 'step' && told.step === 2 && told.method === 'lora')
      asked = ask({ kind: 'ask', prompt: 'Calculate 1234 mod 5.\n', speakers: ['base', ...methodNames] });
  });
  await ask(openModel);
  const { step } = await ask({ kind: 'train', rows, settings });
  expect(step).toBe(settings.steps);
  await asked;
  expect(new Set(pieces)).toEqual(new Set(['base', ...methodNames]));

  const { bytes, name } = await ask({ kind: 'adapter', method: 'balora' });
  expect(name).toBe('tiny-math-base-balora-7.zip');
  const files = memoryFiles(unzipSync(bytes));
  const model: CausalLM = await loadCausalLM(folder, { algebra });
  const adapter = await loadAdapter(model, '', { files });
  expect(adapter.config.rank).toBe(3);
  adapter.dispose();
  model.dispose();
});

it('keeps a model of the user in the browser, and says what is missing', async () => {
  const { readFile, readdir } = await import('node:fs/promises');
  const names = await readdir(folder);
  const chosen = await Promise.all(names.map(async (name) => new File([await readFile(path.join(folder, name))], name)));
  const own = memoryFiles();
  const ask = open(own);
  const { again, parameters } = await ask({ kind: 'open', model: { kind: 'chosen', files: chosen }, onGpu: false });
  expect(parameters).toBeGreaterThan(5e5);
  // A reload has the files no longer, but the copy.
  const later = open(own);
  expect(await later({ kind: 'open', model: again, onGpu: false })).toMatchObject({ again, parameters });

  const without = (missing: string) =>
    ask({ kind: 'open', model: { kind: 'chosen', files: chosen.filter(({ name }) => name !== missing) }, onGpu: false });
  await expect(without('config.json')).rejects.toThrow(/expected config\.json among the files of the model, got .*model\.safetensors/);
  await expect(without('model.safetensors')).rejects.toThrow(/expected model\.safetensors or model\.safetensors\.index\.json/);
});

it('keeps an earlier run until the next has begun, whatever its rows are called', async () => {
  const own = memoryFiles();
  const ask = open(own);
  await ask(openModel);
  const run = await ask({ kind: 'train', rows: { ...rows, name: 'run.json' }, settings: { ...settings, steps: 2 } });
  await expect(ask({ kind: 'train', rows, settings: { ...settings, rank: 1000 } })).rejects.toThrow(/^createAdapter: /);
  expect(await ask({ kind: 'saved' })).toEqual(run);
  const later = open(own);
  await later(openModel);
  expect(await later({ kind: 'resume' })).toMatchObject({ step: 2 });

  // Closed before anything was kept: it begins again.
  let closed = false;
  const first = open(own, (told) => {
    closed ||= told.kind === 'begun';
    if (closed) throw new Error('the page is gone');
  });
  await first(openModel);
  await expect(first({ kind: 'train', rows, settings })).rejects.toThrow('the page is gone');
  const again = open(own);
  await again(openModel);
  expect(await again({ kind: 'saved' })).toMatchObject({ step: 0 });
  expect(await again({ kind: 'resume' })).toMatchObject({ step: settings.steps });
});

it('refuses what comes in the wrong order, by name', async () => {
  const ask = open(memoryFiles());
  await expect(ask({ kind: 'train', rows, settings })).rejects.toThrow(/train: no model is open; open one first/);
  await expect(ask({ kind: 'resume' })).rejects.toThrow(/resume: no run is kept in this browser/);
  await expect(ask({ kind: 'adapter', method: 'lora' })).rejects.toThrow(/adapter: nothing has been trained yet/);
  await ask(openModel);
  const bad = { name: 'rows.jsonl', bytes: new TextEncoder().encode('{"prompt": 1}\n') };
  await expect(ask({ kind: 'train', rows: bad, settings })).rejects.toThrow(/readDataset: rows\.jsonl:1/);
  // After a refusal all goes on.
  expect(await ask({ kind: 'train', rows, settings: { ...settings, steps: 2 } })).toMatchObject({ step: 2 });
});
