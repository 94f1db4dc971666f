/**
 * Runs whose model and data are on a hub, of the test's own: from their names to an adapter, and what each failure
 * says.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { drawQuestions } from '../../examples/questions/questions.js';
import { filesOf, type LoopbackHub, startLoopbackHub } from '../support/loopback-hub.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model } from './math-runs.js';
import { runCli } from './run-cli.js';
import { startCli } from './start-cli.js';

const root = temporaryFolder('cli-hub');
let hub: LoopbackHub;
let [modelCommit, dataCommit] = ['', ''];

const questions = drawQuestions({ tasks: ['digits', 'gcd'], seed: 4, train: 24, held: 6 });
const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const dataFiles = { 'README.md': '# Questions\n', 'train.jsonl': lines(questions.train), 'valid.jsonl': lines(questions.held) };
/** What is in repositories beside what a model needs. */
const unneeded = { 'README.md': '# A model\n', 'pytorch_model.bin': 'x'.repeat(30_000), 'onnx/model.onnx': 'x'.repeat(30_000) };

beforeAll(async () => {
  hub = await startLoopbackHub();
  vi.stubEnv('HF_HOME', path.join(root, 'home'));
  modelCommit = hub.serve('models/owner/tiny', { files: { ...filesOf(model), ...unneeded }, revisions: ['main', 'v1'] });
  dataCommit = hub.serve('datasets/owner/questions', { files: dataFiles });
});
afterAll(() => hub.close());

let home = '';
let count = 0;
beforeEach(() => {
  home = path.join(root, 'shared');
  stub();
  hub.forget();
});
afterEach(() => vi.unstubAllEnvs());

function stub(): void {
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('HF_TOKEN', '');
}

/** Gives a test a cache of its own. */
function ownCache(): void {
  home = path.join(root, `home-${count++}`);
  stub();
}

const shape = [
  '--backend',
  'wasm',
  '--rank',
  '2',
  '--steps',
  '2',
  '--batch-size',
  '4',
  '--target-modules',
  '[v_proj]',
  '--tensorboard',
  'false',
];
const finetune = (out: string, ...more: readonly string[]) =>
  runCli('finetune', '--model', 'owner/tiny', '--data', 'owner/questions', ...shape, '--out', path.join(root, out), ...more);
const configOf = (out: string): Record<string, unknown> => parse(readFileSync(path.join(root, out, 'config.yaml'), 'utf8'));
const adapterOf = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(root, folder, 'adapter_config.json'), 'utf8'));

describe('a run from names on the hub', () => {
  beforeAll(async () => {
    home = path.join(root, 'shared');
    stub();
    const { status, stderr } = await finetune('first');
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('downloading owner/tiny: ');
    expect(stderr).toContain('downloaded owner/tiny: ');
    expect(stderr).toContain('owner/questions: training on train.jsonl, validating on valid.jsonl');
    const asked = hub.downloads().map((one) => one.path.split('?')[0].split('/').at(-1));
    expect(asked).not.toContain('pytorch_model.bin');
    expect(asked).not.toContain('model.onnx');
    expect(existsSync(path.join(home, 'hub', 'datasets--owner--questions', 'snapshots', dataCommit, 'train.jsonl'))).toBe(true);
  });

  it('is recorded by name and commit, and so is the base of its adapter', () => {
    expect(configOf('first')).toMatchObject({ model: `owner/tiny@${modelCommit}`, data: `owner/questions@${dataCommit}` });
    const adapter = adapterOf('first/best');
    expect(adapter).toMatchObject({ base_model_name_or_path: 'owner/tiny', revision: modelCommit });
    expect(readFileSync(path.join(root, 'first', 'config.yaml'), 'utf8')).not.toContain(home);
  });

  it('downloads nothing the second time, and asks nothing offline', async () => {
    expect((await finetune('second')).status).toBe(0);
    expect(hub.downloads()).toEqual([]);
    hub.forget();
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await finetune('third')).status).toBe(0);
    expect(hub.requests).toEqual([]);
    const bytes = (run: string) => readFileSync(path.join(root, run, 'checkpoints', 'step-2', 'adapter_model.safetensors'));
    expect(bytes('third').equals(bytes('first'))).toBe(true);
  });

  it('is resumed with the commit that it began with, wherever its branch is now', async () => {
    ownCache();
    hub.serve('models/owner/moving', { files: filesOf(model) });
    const first = await runCli(
      'finetune',
      '--model',
      'owner/moving',
      '--data',
      'owner/questions',
      ...shape,
      '--out',
      path.join(root, 'moving'),
    );
    expect(first.status, first.stderr).toBe(0);
    // The hub keeps earlier commits; this one only serves the latest, so that asking for it would fail.
    const config = JSON.parse(readFileSync(path.join(model, 'config.json'), 'utf8'));
    hub.serve('models/owner/moving', { files: { ...filesOf(model), 'config.json': JSON.stringify({ ...config, rms_norm_eps: 0.1 }) } });
    writeFileSync(path.join(root, 'moving', 'config.yaml'), stringify({ ...configOf('moving'), steps: 3 }));
    const { status, stderr } = await runCli('resume', path.join(root, 'moving'));
    expect(status, stderr).toBe(0);
    expect(existsSync(path.join(root, 'moving', 'checkpoints', 'step-3'))).toBe(true);
  });

  it('serves the other commands: by the run, by an adapter alone, by the name of the model', async () => {
    const evaluation = await runCli('eval', path.join(root, 'first'), '--data', 'owner/questions', '--json', '--backend', 'wasm');
    expect(evaluation.status, evaluation.stderr).toBe(0);
    expect(JSON.parse(evaluation.stdout)).toMatchObject({ model: `owner/tiny@${modelCommit}`, rows: 6 });
    expect(evaluation.stderr).toContain('evaluating on valid.jsonl');
    // Away from its run, an adapter has but the names in its file.
    const alone = path.join(root, 'alone');
    mkdirSync(alone);
    for (const name of ['adapter_config.json', 'adapter_model.safetensors'])
      writeFileSync(path.join(alone, name), readFileSync(path.join(root, 'first', 'best', name)));
    const out = path.join(root, 'merged');
    const merging = await runCli('merge', alone, '--out', out, '--json', '--backend', 'wasm');
    expect(merging.status, merging.stderr).toBe(0);
    expect(JSON.parse(merging.stdout).model).toBe(`owner/tiny@${modelCommit}`);
    expect(readdirSync(out)).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']));
    const generation = await runCli(
      'generate',
      'owner/tiny@v1',
      '--prompt',
      'Calculate 3 * 4.\n',
      '--max-tokens',
      '3',
      '--json',
      '--backend',
      'wasm',
    );
    expect(generation.status, generation.stderr).toBe(0);
    expect(JSON.parse(generation.stdout).tokens).toBe(3);
    const balancing = await runCli('balance', alone, '--out', path.join(root, 'balanced'));
    expect(balancing.status, balancing.stderr).toBe(0);
    expect(adapterOf('balanced')).toMatchObject({ base_model_name_or_path: 'owner/tiny', revision: modelCommit });
    const measuring = await runCli('inspect', path.join(root, 'first'), '--conditioning', '--rows', '4', '--json', '--backend', 'wasm');
    expect(measuring.status, measuring.stderr).toBe(0);
    expect(hub.downloads()).toEqual([]);
  });

  it('begins a sweep, whose runs have one commit and download nothing', async () => {
    const file = path.join(root, 'sweep.yaml');
    const keys = { rank: 2, steps: 1, batchSize: 4, targetModules: ['v_proj'], backend: 'wasm', tensorboard: false };
    const base = { model: 'owner/tiny', data: 'owner/questions', ...keys };
    const out = path.join(root, 'sweep');
    writeFileSync(file, stringify({ base, grid: { method: ['lora', 'balora'] }, parallel: 1, out }));
    const { status, stderr } = await startCli('sweep', file).ended;
    expect(status, stderr).toBe(0);
    expect(hub.downloads()).toEqual([]);
    const kept = parse(readFileSync(path.join(out, 'sweep.yaml'), 'utf8'));
    expect(kept.base).toMatchObject({ model: `owner/tiny@${modelCommit}`, data: `owner/questions@${dataCommit}` });
    const again = await startCli('sweep', file).ended;
    expect(again).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(`owner/tiny stays at the commit ${modelCommit}, with which the sweep began`),
    });
  });
});

describe('failures', () => {
  beforeEach(ownCache);
  const failed = async (...argv: readonly string[]): Promise<{ status: number; stderr: string }> => {
    const { status, stdout, stderr } = await runCli(...argv);
    expect(stdout).toBe('');
    expect(stderr).not.toContain('    at ');
    return { status, stderr };
  };
  const withModel = (name: string) => failed('finetune', '--model', name, '--data', 'owner/questions', '--out', path.join(root, 'failed'));
  const withData = (name: string, ...more: readonly string[]) =>
    failed('finetune', '--model', 'owner/tiny', '--data', name, ...shape, '--out', path.join(root, 'failed'), ...more);
  afterEach(() => expect(existsSync(path.join(root, 'failed'))).toBe(false));

  it.each([
    [
      'owner/nothing',
      2,
      /^error: finetune: the model owner\/nothing does not exist, or is private .*as a path, owner\/nothing does not exist on this machine$/m,
    ],
    ['owner/tiny@v9', 2, /the model owner\/tiny has no revision 'v9'/],
    ['a/b/c', 2, /finetune: expected a model, found no config\.json in a\/b\/c; pass the directory .* or its name on the hub, owner\/name/],
    [
      'owner/pickled',
      2,
      /expected model\.safetensors or model\.safetensors\.index\.json in owner\/pickled, found config\.json, pytorch_model\.bin, tokenizer\.json; weights of other formats are not read/,
    ],
    [
      'owner/adapter',
      2,
      /expected config\.json in owner\/adapter, found adapter_config\.json, adapter_model\.safetensors; this is an adapter/,
    ],
    ['owner/slow', 2, /expected tokenizer\.json in owner\/slow, found config\.json, tokenizer\.model/],
  ])('a model that is not there, or no model: %s', async (name, status, message) => {
    hub.serve('models/owner/pickled', { files: { 'config.json': '{}', 'tokenizer.json': '{}', 'pytorch_model.bin': 'x' } });
    hub.serve('models/owner/adapter', { files: { 'adapter_config.json': '{}', 'adapter_model.safetensors': 'x' } });
    hub.serve('models/owner/slow', { files: { 'config.json': '{}', 'tokenizer.model': 'x' } });
    const outcome = await withModel(name);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.status).toBe(status);
    expect(hub.downloads()).toEqual([]);
  });

  it('a gated model says where its terms are', async () => {
    hub.serve('models/owner/gated', { files: filesOf(model), token: 'hf_me', gated: true });
    expect((await withModel('owner/gated')).stderr).toMatch(
      /owner\/gated is gated .*accept its terms on http.*\/owner\/gated, and set HF_TOKEN/,
    );
    vi.stubEnv('HF_TOKEN', 'hf_me');
    const outcome = await runCli('generate', 'owner/gated', '--prompt', 'a', '--max-tokens', '1', '--backend', 'wasm');
    expect(outcome.status, outcome.stderr).toBe(0);
  });

  it('offline, without a cache', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', 'on');
    const { status, stderr } = await withModel('owner/tiny');
    expect(stderr).toMatch(
      /finetune: expected owner\/tiny in the cache, since HF_HUB_OFFLINE is set, found it not in .*models--owner--tiny; unset HF_HUB_OFFLINE/,
    );
    expect(status).toBe(1);
  });

  it('a hub that cannot be reached', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    expect((await withModel('owner/tiny')).stderr).toMatch(
      /cannot get the commit of owner\/tiny from http:\/\/127\.0\.0\.1:9 .*check the connection/,
    );
  });

  it('shards: those of the index are downloaded, and no other weights', async () => {
    const index = { weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' } };
    const { 'model.safetensors': whole, ...rest } = filesOf(model);
    const shards = { 'model-00001-of-00002.safetensors': whole, 'model-00002-of-00002.safetensors': whole, 'other.safetensors': whole };
    hub.serve('models/owner/sharded', { files: { ...rest, ...shards, 'model.safetensors.index.json': JSON.stringify(index) } });
    // The shards do not hold what the index says, which the loader then finds.
    expect((await withModel('owner/sharded')).stderr).toContain('lacks the tensor "a"');
    const held = readdirSync(
      path.join(
        home,
        'hub',
        'models--owner--sharded',
        'snapshots',
        readdirSync(path.join(home, 'hub', 'models--owner--sharded', 'snapshots'))[0],
      ),
    );
    expect(held.filter((name) => name.endsWith('.safetensors'))).toEqual(
      Object.keys(index.weight_map).map((_, i) => `model-0000${i + 1}-of-00002.safetensors`),
    );
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'no training rows',
      { 'test.jsonl': '{}', 'notes.txt': '' },
      'owner/odd',
      /data: owner\/odd has no file that is named after training.*its files are test\.jsonl; pass the file itself/,
    ],
    ['files that name no part', { 'a.csv': '', 'b.csv': '' }, 'owner/odd', /its files are a\.csv, b\.csv/],
    ['no files of rows', { 'a.txt': '' }, 'owner/odd', /there are no files \.jsonl, \.json, \.csv, \.tsv or \.parquet/],
    [
      'the same rows in two formats',
      { 'train.csv': '', 'data/train.jsonl': '' },
      'owner/odd',
      /expected files of one format in owner\/odd, got \.jsonl and \.csv/,
    ],
    [
      'a file that is not there',
      { 'train.csv': '' },
      'owner/odd:trian.csv',
      /has no file, folder or configuration 'trian\.csv'; did you mean train\.csv/,
    ],
    [
      'several configurations',
      {
        'README.md':
          '---\nconfigs:\n- config_name: main\n  data_files: "main/*"\n- config_name: socratic\n  data_files: "socratic/*"\n---\n',
        'main/a.csv': '',
      },
      'owner/odd',
      /owner\/odd has several configurations, main, socratic; name one after a colon: owner\/odd:main/,
    ],
    [
      'a head that is no YAML',
      { 'README.md': '---\nconfigs: [\n---\n', 'train.csv': '' },
      'owner/odd',
      /expected the head of README\.md of owner\/odd to say .*owner\/odd:FILE/,
    ],
    ['a row that is wrong', { 'train.csv': 'prompt,completion\na\n' }, 'owner/odd', /snapshots\/[0-9a-f]{40}\/train\.csv: row 1, line 2: /],
  ])('a data set with %s', async (_, files, name, message) => {
    hub.serve('datasets/owner/odd', { files });
    expect((await withData(name)).stderr).toMatch(message);
  });

  it('a data set that is not there, and a file that is not', async () => {
    expect((await withData('owner/none')).stderr).toMatch(/the data set owner\/none does not exist, or is private/);
    hub.forget();
    expect((await withData('questions/train.jsonl')).stderr).toMatch(/data: questions\/train\.jsonl does not exist; pass a file/);
    expect(hub.requests.filter(({ path: place }) => place.includes('questions/train'))).toEqual([]);
  });

  it('columns of two forms, before anything is asked', async () => {
    const { status, stderr } = await withData('owner/questions', '--prompt-column', 'a', '--text-column', 'b');
    expect(stderr).toContain('finetune: expected columns of one form, got --prompt-column (promptColumn) and --text-column (textColumn)');
    expect(status).toBe(2);
    expect(hub.requests).toEqual([]);
  });
});

describe('data of other shapes', () => {
  const table = `question,answer\n${questions.train.map(({ prompt, completion }) => `${JSON.stringify(prompt).replaceAll('\\n', '\n')},${completion}`).join('\n')}\n`;

  it('a table on the hub by its columns, of a configuration, in shards', async () => {
    const card =
      '---\nlicense: mit\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: "main/{part,piece}-*"\n  - split: test\n    path: main/held*\n- config_name: other\n  data_files: "x/*"\n---\n# Data\n';
    hub.serve('datasets/owner/tables', {
      files: { 'README.md': card, 'main/part-0.csv': table, 'main/part-1.csv': table, 'main/held.csv': table, 'main/rest.csv': 'x' },
    });
    const columns = ['--prompt-column', 'question', '--completion-column', 'answer'];
    const outcome = await runCli(
      'finetune',
      '--model',
      'owner/tiny',
      '--data',
      'owner/tables:main',
      ...columns,
      ...shape,
      '--out',
      path.join(root, 'tables'),
    );
    expect(outcome.status, outcome.stderr).toBe(0);
    expect(outcome.stderr).toContain('owner/tables: training on main/part-0.csv, main/part-1.csv');
    expect(outcome.stderr).toMatch(/4[0-9] rows to train on/);
    expect(String(configOf('tables').data)).toMatch(/^owner\/tables@[0-9a-f]{40}:main$/);
    const evaluation = await runCli(
      'eval',
      path.join(root, 'tables'),
      '--data',
      'owner/tables:main',
      ...columns,
      '--backend',
      'wasm',
      '--json',
    );
    expect(evaluation.status, evaluation.stderr).toBe(0);
    expect(JSON.parse(evaluation.stdout).rows).toBe(24);
    const file = await runCli(
      'eval',
      path.join(root, 'tables'),
      '--data',
      'owner/tables/main/part-0.csv',
      ...columns,
      '--backend',
      'wasm',
      '--json',
    );
    expect(JSON.parse(file.stdout).rows).toBe(24);
  });

  it.each([
    ['train.csv', 'dev.csv'],
    ['data/train-00000-of-00001.csv', 'data/validation-00000-of-00001.csv'],
  ])('a local directory with %s and %s', async (train, valid) => {
    const folder = path.join(root, `local-${count++}`);
    mkdirSync(path.join(folder, 'data'), { recursive: true });
    for (const name of [train, valid]) writeFileSync(path.join(folder, name), table.replace('question,answer', 'prompt,completion'));
    const out = path.join(folder, 'run');
    const outcome = await runCli('finetune', '--model', model, '--data', folder, ...shape, '--out', out);
    expect(outcome.status, outcome.stderr).toBe(0);
    expect(outcome.stderr).toContain('24 rows to train on, 24 to validate');
  });
});

it('a process that is interrupted while it downloads says so, and the next one goes on', async () => {
  ownCache();
  vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '60');
  hub.fail('store:model.safetensors', { silentAfter: 100_000 });
  const command = startCli('generate', 'owner/tiny', '--prompt', 'a', '--max-tokens', '1', '--backend', 'wasm');
  const blobs = path.join(home, 'hub', 'models--owner--tiny', 'blobs');
  const unfinished = () => (existsSync(blobs) ? readdirSync(blobs).filter((name) => /^[0-9a-f]{64}\.incomplete$/.test(name)) : []);
  await command.until(() => unfinished().length > 0 && readFileSync(path.join(blobs, unfinished()[0])).length >= 100_000);
  command.kill('SIGINT');
  const { status, stderr } = await command.ended;
  expect(stderr).toContain('bures generate: interrupted; what has been downloaded is kept, and the same command goes on from there');
  expect(status).toBe(130);
  hub.forget();
  const again = await runCli('generate', 'owner/tiny', '--prompt', 'a', '--max-tokens', '1', '--backend', 'wasm');
  expect(again.status, again.stderr).toBe(0);
  expect(again.stderr).toMatch(/model\.safetensors of owner\/tiny: going on from byte 100000 of /);
  expect(hub.requests.find(({ server }) => server === 'store')?.range).toBe('bytes=100000-');
  rmSync(home, { recursive: true });
});
