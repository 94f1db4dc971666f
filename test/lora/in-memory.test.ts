/**
 * Training as on a page: model, tokenizer and rows from files that are no machine's, the adapter into others, and
 * nothing of Node.js's files on the way.
 */
import {
  directoryFiles,
  type Files,
  fileListFiles,
  memoryFiles,
  openSafetensors,
  opfsFiles,
  readAll,
  readNpy,
  readTriplets,
  writeNpy,
} from 'bures/io';
import {
  balanceAdapter,
  balora,
  combineAdapters,
  createAdapter,
  loadAdapter,
  openAdapter,
  resizeAdapter,
  saveAdapter,
  trainer,
} from 'bures/lora';
import { batchStream, loadCausalLM, loadTokenizer, readDataset } from 'bures/models';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { hostAlgebra, NotImplementedError } from '../../src/index.js';
import { tensorEngines } from '../support/engines.js';
import { FakeDirectory, installOpfs } from '../support/fake-handles.js';
import { owned } from '../support/owned.js';

// As a bundler for pages chooses.
vi.mock('#platform/io/files/machine-files', () => import('../../src/io/files/machine-files.web.js'));
vi.mock('#platform/io/hub/hub-repository', () => import('../../src/io/hub/hub-repository.web.js'));
vi.mock('#platform/io/records/csv-parse', () => import('../../src/io/records/csv-parse.web.js'));
vi.mock('#platform/io/records/gunzip', () => import('../../src/io/records/gunzip.web.js'));
vi.mock('#platform/io/text/is-utf8', () => import('../../src/io/text/is-utf8.web.js'));

/** A module that no page has: whatever is taken from it throws. */
const { absent } = vi.hoisted(() => ({
  absent(name: string): object {
    const refuse = (): never => {
      throw new Error(`${name} was used`);
    };
    return new Proxy({}, { get: (_, key) => (key === 'then' ? undefined : key === 'default' ? {} : refuse), has: () => true });
  },
}));
vi.mock('node:fs', () => absent('node:fs'));
vi.mock('node:fs/promises', () => absent('node:fs/promises'));
vi.mock('node:path', () => absent('node:path'));

const rows = `${['one', 'two', 'three', 'four'].map((word, i) => JSON.stringify({ prompt: `Say ${word}.`, completion: ` ${word} ${i}` })).join('\n')}\n`;
const endings: (() => void)[] = [];
afterAll(() => {
  for (const end of endings) end();
});

/** The small model as it is fetched: through no implementation that is tested here. */
async function modelFiles(): Promise<Readonly<Record<string, Uint8Array<ArrayBuffer>>>> {
  const { readFile, readdir } = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises');
  const folder = new URL('../fixtures/models/tiny-qwen2/', import.meta.url);
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, new Uint8Array(await readFile(new URL(name, folder)))] as const)),
  );
}

async function written(files: Files): Promise<Files> {
  for (const [name, content] of Object.entries(await modelFiles())) await files.write(`model/${name}`, content);
  await files.write('train.jsonl', rows);
  return files;
}

const browser = { writable: true, sync: false, move: true };
const places: readonly (readonly [string, () => Promise<{ readonly from: Files; readonly to: Files }>])[] = [
  [
    'memory',
    async () => {
      const files = await written(memoryFiles());
      return { from: files, to: files };
    },
  ],
  [
    'chosen files into a folder that was picked',
    async () => {
      const files = Object.entries(await modelFiles()).map(([name, content]) =>
        Object.defineProperty(new File([content], name), 'webkitRelativePath', { value: `model/${name}` }),
      );
      return { from: fileListFiles([...files, new File([rows], 'train.jsonl')]), to: directoryFiles(new FakeDirectory('', browser)) };
    },
  ],
  [
    'the files of the origin',
    async () => {
      endings.push(installOpfs(new FakeDirectory('', browser)));
      const files = await written(opfsFiles());
      return { from: files, to: files };
    },
  ],
];

describe.each(tensorEngines)('on %s', (_engine, algebra) => {
  it.each(places)('trains, saves and loads an adapter: %s', async (_, place) => {
    const { from, to } = await place();
    const model = owned(await loadCausalLM('model', { algebra, files: from }));
    const tokenizer = await loadTokenizer('model', { files: from });
    const { rows: data } = await readDataset('train.jsonl', tokenizer, { files: from });
    const stream = batchStream(data, { batchSize: 2, padId: 0, seed: 1 });
    const adapter = owned(await createAdapter(model, { method: balora(), rank: 2 }, { seed: 0 }));
    const losses: number[] = [];
    const training = owned(trainer(adapter, { nextBatch: () => stream.next(), steps: 4, learningRate: 0.02 }));
    for await (const { loss } of training) losses.push(loss);
    expect(losses).toHaveLength(4);
    expect(losses[3]).toBeLessThan(losses[0]);

    const card = { method: 'balora', data: ['train.jsonl'] };
    await saveAdapter(adapter, 'run/adapter', { files: to, baseModel: 'ada/tiny', card });
    expect([...(await to.list('run/adapter'))].sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
    const readme = new TextDecoder().decode(await readAll(to, 'run/adapter/README.md'));
    expect(readme).toContain('base_model: ada/tiny');
    // A card of ours is written anew, one that somebody has edited is not.
    expect(await saveAdapter(adapter, 'run/adapter', { files: to, card })).toEqual({});
    await to.write('run/adapter/README.md', `${readme}more`);
    expect(await saveAdapter(adapter, 'run/adapter', { files: to, card })).toEqual({ keptReadme: true });
    adapter.dispose();

    const loaded = owned(await loadAdapter(model, 'run/adapter', { files: to, method: balora() }));
    const again = owned(trainer(loaded, { nextBatch: () => stream.next(), steps: 1, learningRate: 1e-6 }));
    for await (const { loss } of again) expect(loss).toBeLessThan(losses[0]);
  });
});

describe('adapters in memory', () => {
  it('are opened, balanced, resized and combined', async () => {
    const [, algebra] = tensorEngines[0];
    const files = await written(memoryFiles());
    const model = owned(await loadCausalLM('model', { algebra, files }));
    for (const seed of [1, 2]) {
      const adapter = owned(await createAdapter(model, { method: balora(), rank: 2 + seed }, { seed }));
      await saveAdapter(adapter, `a${seed}`, { files });
      adapter.dispose();
    }
    const [one, two] = [closed(await openAdapter('a1', { files })), closed(await openAdapter('./a2/', { files }))];
    const balanced = await balanceAdapter(one, 'balanced', { files });
    for (const { change, allowed } of balanced) expect(change).toBeLessThanOrEqual(allowed);
    await expect(resizeAdapter(one, 'x/../a1', { files, rank: 1 })).rejects.toThrow('expected another folder than that of the adapter');
    await resizeAdapter(one, 'resized', { files, rank: 1 });
    await combineAdapters([one, two], 'combined', { files, weights: [0.5, 0.5] });
    for (const [folder, rank] of [
      ['balanced', 3],
      ['resized', 1],
      ['combined', 7],
    ] as const) {
      const opened = closed(await openAdapter(folder, { files }));
      expect((await opened.pair(opened.modules[0])).A.shape[1], folder).toBe(rank);
      expect(await files.describe(`${folder}/README.md`)).toMatchObject({ kind: 'file' });
    }
  });
});

/** Closes an adapter after the test. */
function closed<Closing extends { close(): Promise<void> }>(open: Closing): Closing {
  endings.push(() => void open.close());
  return open;
}

describe('readers on a page', () => {
  const la = hostAlgebra();
  const gzip = async (text: string): Promise<Uint8Array> =>
    new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer());

  it('read arrays, tables and rows of every format', async () => {
    const files = memoryFiles({
      'ratings.csv': 'user,item,rating\nada,π,3\n"b ""b""",x,2.5\nada,x,1\n',
      'latin.csv': Uint8Array.from('a,b,c\né,x,1\n', (sign) => sign.charCodeAt(0)),
      'rows.csv': '\uFEFFprompt,completion\r\n"a, ""b""","line\nand line"\r\n\r\né😀,end\r\n',
      'rows.json': '[{"prompt": "a", "completion": "b"}]',
      'rows.jsonl.gz': await gzip(rows.repeat(5000)),
      'damaged.jsonl.gz': (await gzip(rows)).slice(0, 40),
      'm.mtx': '%%MatrixMarket matrix coordinate real general\n2 3 1\n2 3 0.5\n',
    });
    const { matrix, rowLabels, columnLabels } = await readTriplets(la, 'ratings.csv', { files });
    expect([matrix.rows, matrix.columns, rowLabels, columnLabels]).toEqual([2, 2, ['ada', 'b "b"'], ['π', 'x']]);
    await expect(readTriplets(la, 'latin.csv', { files })).rejects.toThrow('readTriplets: latin.csv:2: expected UTF-8 text, got 0xE9');
    expect((await readTriplets(la, 'latin.csv', { files, encoding: 'latin1' })).rowLabels).toEqual(['é']);
    const array = la.fromRows([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    await writeNpy(la, 'a/x.npy', array, { files });
    expect(la.toRows(await readNpy(la, 'a/x.npy', { files }))).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const tokenizer = await loadTokenizer('model', { files: await written(memoryFiles()) });
    const count = async (name: string): Promise<number> => (await readDataset(name, tokenizer, { files })).rows.length;
    expect(await count('rows.csv')).toBe(2);
    expect(await count('rows.json')).toBe(1);
    expect(await count('rows.jsonl.gz')).toBe(20_000);
    await expect(count('damaged.jsonl.gz')).rejects.toThrow('readDataset: damaged.jsonl.gz: expected a whole file compressed by gzip');
    await expect(count('absent.jsonl')).rejects.toThrow('readDataset: cannot read absent.jsonl');
  });

  it('say that a page has no files of the machine, and what it has', async () => {
    const error = await openSafetensors('model.safetensors').catch((cause) => cause);
    expect(error.message).toMatch(
      /^openSafetensors: cannot open model.safetensors \(nodeFiles: expected Node.js to read or write model.safetensors, got a page, .*; pass files: webFiles\(address\), hubFiles\(name\)/,
    );
    expect(error.cause).toBeInstanceOf(NotImplementedError);
    await expect(openSafetensors('x', { files: [new File([], 'x')] as unknown as Files })).rejects.toThrow(
      'openSafetensors: files must be Files, with the function describe, got an array of 1; pass webFiles(address), fileListFiles(input.files)',
    );
  });
});
