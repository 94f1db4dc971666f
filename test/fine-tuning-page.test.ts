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
import { Session, type SessionOptions } from '../examples/web/finetune/session.js';

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

function open(own: Files, onTold: (told: Told) => void = () => {}, more: Pick<SessionOptions, 'alone'> = {}) {
  const session = new Session({
    engine: async () => algebra,
    shipped: { files: nodeFiles, folder, name: 'tiny-math-base', again: { kind: 'shipped' } },
    own,
    tell: onTold,
    ...more,
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

it('opens what the user chose, not an older model of the same name and size, and gives its room back', async () => {
  const { readFile, readdir } = await import('node:fs/promises');
  const names = await readdir(folder);
  const filesOf = (change: (bytes: Uint8Array<ArrayBuffer>, name: string) => void) =>
    Promise.all(
      names.map(async (name) => {
        const bytes = new Uint8Array(await readFile(path.join(folder, name)));
        change(bytes, name);
        return new File([bytes], name, { lastModified: 0 });
      }),
    );
  const own = memoryFiles();
  const ask = open(own);
  const chosen = (files: readonly File[]) => ({ kind: 'open', model: { kind: 'chosen', files }, onGpu: false }) as const;
  const first = await ask(chosen(await filesOf(() => {})));
  expect((await ask(chosen(await filesOf(() => {})))).again).toEqual(first.again);
  expect(await ask({ kind: 'copies' })).toBe(0);
  const retrained = await filesOf((bytes, name) => void (name === 'model.safetensors' && bytes.fill(0, bytes.length >> 1)));
  const second = await ask(chosen(retrained));
  expect(second.again).not.toEqual(first.again);
  const total = retrained.reduce((sum, { size }) => sum + size, 0);
  expect(await ask({ kind: 'copies' })).toBeGreaterThan(0.9 * total);
  await ask({ kind: 'discard' });
  expect(await ask({ kind: 'copies' })).toBe(0);
  await expect(ask({ ...openModel, model: first.again })).rejects.toThrow();
  expect(await ask({ ...openModel, model: second.again })).toMatchObject({ again: second.again });
});

it('keeps the run of the tab that trains, and refuses another meanwhile', async () => {
  const own = memoryFiles();
  let isHeld = false;
  const alone: SessionOptions['alone'] = async (work) => {
    if (isHeld) throw new Error('another tab');
    isHeld = true;
    return work().finally(() => {
      isHeld = false;
    });
  };
  let refused: Promise<unknown> | undefined;
  const [one, other] = [
    open(
      own,
      (told) => {
        if (told.kind === 'step' && told.step === 2)
          refused ??= Promise.allSettled([other({ kind: 'train', rows, settings }), other({ kind: 'forget' })]);
      },
      { alone },
    ),
    open(own, () => {}, { alone }),
  ];
  await one(openModel);
  await other(openModel);
  const run = await one({ kind: 'train', rows, settings });
  expect(await refused).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  expect(await other({ kind: 'saved' })).toEqual(run);
  // The other's run has rows of its own, and takes this one's place as a whole.
  const others = { name: rows.name, bytes: new TextEncoder().encode(sampleRows(80)) };
  const second = await other({ kind: 'train', rows: others, settings: { ...settings, steps: 2 } });
  expect(second.id).not.toBe(run.id);
  expect(await one({ kind: 'saved' })).toEqual(second);
  expect((await own.list('run')).toSorted()).toEqual([second.id, 'run.json'].toSorted());
});

it.each(['{"model":', '{}', 'null', '{"id": "a", "step": 1}'])(
  'says that a run of %j cannot be read, until it is forgotten',
  async (text) => {
    const own = memoryFiles({ 'run/run.json': new TextEncoder().encode(text) });
    const ask = open(own);
    expect(await ask({ kind: 'saved' })).toBe('damaged');
    await ask(openModel);
    await expect(ask({ kind: 'resume' })).rejects.toThrow(/^resume: the run that is kept cannot be read; forget it/);
    await ask({ kind: 'forget' });
    expect(await ask({ kind: 'saved' })).toBeUndefined();
  },
);

it('says which rows it leaves out, and what it cannot read, in words of the page', async () => {
  const notices: string[] = [];
  const ask = open(memoryFiles(), (told) => void (told.kind === 'notice' && notices.push(told.text)));
  await ask(openModel);
  const of = (text: string, name = 'rows.jsonl') => ({ name, bytes: new TextEncoder().encode(text) });
  const train = (given: typeof rows, maxLength = 64) => ask({ kind: 'train', rows: given, settings: { ...settings, maxLength, steps: 2 } });
  const long = `{"prompt": "${'9 '.repeat(80)}", "completion": "1"}\n`;
  await train(of(sampleRows(20) + long));
  expect(notices).toEqual(['Of the rows, 1 are left out: empty, or their answer begins beyond 64 tokens.']);
  await expect(train(of(long + long))).rejects.toThrow(
    /^train: expected rows with an answer within 64 tokens, got 2 that are longer or empty/,
  );
  const chat = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n';
  await expect(train(of(chat))).rejects.toThrow(/^train: rows of messages need a model with a chat template/);
  await expect(train(of('question,answer\na,b\n', 'cols.csv'))).rejects.toThrow(/; name its columns prompt and completion, or text$/);
  await expect(train(of('', 'empty.csv'))).rejects.toThrow(/empty\.csv must hold a record at least/);
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
