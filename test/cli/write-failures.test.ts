/**
 * What commands do where the file system refuses to write: what they say, what stays, and that the run goes on from
 * there.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { loadAdapter } from 'bures/lora';
import { type CausalLM, loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/cli/run/checkpoint.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeQuestions } from './math-runs.js';
import { type Outcome, runCli } from './run-cli.js';

const root = temporaryFolder('refused');
/** A run that nothing disturbed. */
let whole = '';
let lm: CausalLM;
/** Words of `finetune`. */
let words: readonly string[] = [];

beforeAll(async () => {
  // For the user without privileges that some of these tests become.
  chmodSync(root, 0o755);
  whole = path.join(root, 'whole');
  const data = path.join(root, 'data.jsonl');
  writeQuestions(data, { tasks: ['digits'], seed: 3, train: 12 });
  const keys = { model, data, backend: 'wasm', rank: 2, steps: 3, batchSize: 2, saveEvery: 1, evalEvery: 1, validSplit: 0.2 };
  const file = path.join(root, 'config.yaml');
  writeFileSync(file, JSON.stringify({ ...keys, targetModules: ['v_proj'], samplePrompts: ['Calculate 2 + 3.\n'], sampleTokens: 2 }));
  words = ['finetune', file];
  expect((await runCli(...words, '--out', whole)).stderr).not.toContain('error');
  lm = await loadCausalLM(model, { algebra: await tensorAlgebra({ backend: 'wasm' }) });
});
afterAll(() => lm.dispose());

const filesBelow = (folder: string): readonly string[] =>
  existsSync(folder)
    ? (readdirSync(folder, { recursive: true }) as string[]).filter((name) => statSync(path.join(folder, name)).isFile())
    : [];

/** One message with file, reason and remedy; no stack trace; status 1. */
function expectRefusal({ status, stdout, stderr }: Outcome, code: string, remedy: string): void {
  expect({ status, stdout }, stderr).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(new RegExp(`error: \\w+: cannot write .*/.* \\(${code}: .*\\); ${remedy}`));
  expect(stderr).not.toContain('    at ');
}

/** That a run's checkpoints can be loaded, and nothing half-written or locked lies beside them. */
async function expectIntact(run: string): Promise<void> {
  expect(filesBelow(run).filter((name) => /\.tmp|\.lock/.test(name))).toEqual([]);
  const checkpoints = path.join(run, 'checkpoints');
  for (const name of existsSync(checkpoints) ? readdirSync(checkpoints) : []) {
    expect((await readCheckpoint(path.join(checkpoints, name))).state.step).toBe(Number(name.slice('step-'.length)));
    (await loadAdapter(lm, path.join(checkpoints, name))).dispose();
  }
}

function expectSameResult(run: string): void {
  for (const file of [
    'checkpoints/step-3/adapter_model.safetensors',
    'checkpoints/step-3/training_state.safetensors',
    'best/adapter_model.safetensors',
    'samples.jsonl',
  ])
    expect(readFileSync(path.join(run, file)), file).toEqual(readFileSync(path.join(whole, file)));
}

const hasPrlimit = process.platform === 'linux' && existsSync('/usr/bin/prlimit');

/**
 * Runs while no file of this process may become larger: the system refuses as a full disk does, in the middle of a
 * file.
 */
async function withFileLimit<Result>(bytes: number, compute: () => Promise<Result>): Promise<Result> {
  const prlimit = (...options: readonly string[]): string =>
    execFileSync('/usr/bin/prlimit', ['--pid', String(process.pid), ...options], { encoding: 'utf8' });
  const before = prlimit('--fsize', '--output=SOFT', '--noheadings').trim();
  prlimit(`--fsize=${bytes}:`);
  try {
    return await compute();
  } finally {
    prlimit(`--fsize=${before}:`);
  }
}

describe.runIf(hasPrlimit)('a file that finds no room', () => {
  const remedy = 'raise the limit on the size of files';

  it.each([
    ['.lock', 10],
    ['environment.json', 300],
    ['adapter_model.safetensors', 2000],
    ['training_state.safetensors', 18_000],
  ])('such as %s ends a run, which begun again or resumed is the same bit for bit', async (name, bytes) => {
    const run = path.join(root, `full-${bytes}`);
    const outcome = await withFileLimit(bytes, () => runCli(...words, '--out', run));
    expectRefusal(outcome, 'EFBIG', remedy);
    expect(outcome.stderr).toContain(name);
    await expectIntact(run);
    const begun = existsSync(path.join(run, 'config.yaml'));
    expect(existsSync(run)).toBe(begun);
    if (begun) expect(outcome.stderr).toContain(`no checkpoint has been written yet; continue with: bures resume ${run}`);
    expect(await runCli(...(begun ? ['resume', run] : [...words, '--out', run]))).toMatchObject({ status: 0 });
    expectSameResult(run);
  });

  it('such as a record that grows takes none of it, and the last checkpoint stays', async () => {
    const run = path.join(root, 'full-record');
    cpSync(whole, run, { recursive: true });
    rmSync(path.join(run, 'checkpoints', 'step-3'), { recursive: true });
    const metrics = path.join(run, 'metrics.jsonl');
    appendFileSync(metrics, `${JSON.stringify({ step: 0, padding: 'x'.repeat(30_000) })}\n`);
    const kept = readFileSync(metrics, 'utf8')
      .split('\n')
      .filter((line) => !line.includes('"step":3'))
      .join('\n');
    const outcome = await withFileLimit(kept.length + 50, () => runCli('resume', run));
    expectRefusal(outcome, 'EFBIG', remedy);
    expect(outcome.stderr).toContain('metrics.jsonl (');
    expect(outcome.stderr).toContain(
      `the last good checkpoint is ${path.join(run, 'checkpoints', 'step-2')}; continue with: bures resume ${run}`,
    );
    expect(readFileSync(metrics, 'utf8')).toBe(kept);
    await expectIntact(run);
    expect(await runCli('resume', run)).toMatchObject({ status: 0, stdout: expect.stringContaining('3 of 3 steps') });
    expectSameResult(run);
  });

  it.each([
    ['merge', 100_000, (out: string) => ['merge', whole, '--backend', 'wasm', '--out', out]],
    ['balance', 1000, (out: string) => ['balance', whole, '--out', out]],
    ['report', 5000, (out: string) => ['report', whole, '--out', path.join(out, 'report.html')]],
    ['sweep', 20, (out: string) => ['sweep', sweepFile(out)]],
  ])('leaves nothing of %s', async (_, bytes, argv) => {
    const out = path.join(root, `full-${bytes}`);
    const line = argv(out);
    expectRefusal(await withFileLimit(bytes, () => runCli(...line)), 'EFBIG', remedy);
    expect(existsSync(out)).toBe(false);
  });
});

const isRoot = process.geteuid?.() === 0;
/** The user nobody, by number: the name may be unknown. */
const nobody = 65_534;

/** Whether the tests of forbidden folders can be made: nobody must be able to read the program and the model. */
function canLosePrivileges(): boolean {
  if (!isRoot) return true;
  process.seteuid?.(nobody);
  try {
    for (const folder of ['src/cli', 'node_modules', model]) readdirSync(path.resolve(import.meta.dirname, '../..', folder));
    return true;
  } catch {
    return false;
  } finally {
    process.seteuid?.(0);
  }
}

describe('a folder that may not be written to', () => {
  const remedy = 'make the folder writable, or choose another';
  let locked = '';
  beforeAll(() => {
    locked = path.join(root, 'locked');
    cpSync(whole, path.join(locked, 'run'), { recursive: true });
    rmSync(path.join(locked, 'run', 'checkpoints', 'step-3'), { recursive: true });
    mkdirSync(path.join(locked, 'empty'));
    for (const folder of [locked, ...readdirSync(locked).map((name) => path.join(locked, name))]) chmodSync(folder, 0o555);
  });
  afterAll(() => {
    for (const folder of [locked, ...readdirSync(locked).map((name) => path.join(locked, name))]) chmodSync(folder, 0o755);
  });

  it.runIf(canLosePrivileges()).each([
    ['finetune', (folder: string) => [...words, '--out', path.join(folder, 'new')]],
    ['finetune into it', (folder: string) => [...words, '--out', path.join(folder, 'empty')]],
    ['resume', (folder: string) => ['resume', path.join(folder, 'run')]],
    ['merge', (folder: string) => ['merge', whole, '--backend', 'wasm', '--out', path.join(folder, 'merged')]],
    ['balance', (folder: string) => ['balance', whole, '--out', path.join(folder, 'empty')]],
    ['report', (folder: string) => ['report', path.join(folder, 'run')]],
    ['sweep', (folder: string) => ['sweep', sweepFile(path.join(folder, 'sweep'))]],
  ])('%s says so, and changes nothing', async (_, argv) => {
    const before = filesBelow(locked);
    const line = argv(locked);
    expectRefusal(await withoutPrivileges(() => runCli(...line)), 'EACCES', remedy);
    expect(filesBelow(locked)).toEqual(before);
    expect(readdirSync(locked).sort()).toEqual(['empty', 'run']);
  });

  it('once it may, the run goes on', async () => {
    const run = path.join(root, 'unlocked');
    cpSync(path.join(locked, 'run'), run, { recursive: true });
    chmodSync(run, 0o755);
    await expectIntact(run);
    expect(await runCli('resume', run)).toMatchObject({ status: 0 });
    expectSameResult(run);
  });
});

it('a merge that cannot be completed leaves no weights behind', async () => {
  const out = path.join(root, 'in-the-way');
  mkdirSync(path.join(out, 'tokenizer.json'), { recursive: true });
  const { status, stderr } = await runCli('merge', whole, '--backend', 'wasm', '--out', out);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringContaining(`got the directory ${path.join(out, 'tokenizer.json')}`),
  });
  expect(readdirSync(out)).toEqual(['tokenizer.json']);
});

function sweepFile(out: string): string {
  const file = path.join(root, 'sweep.yaml');
  writeFileSync(file, JSON.stringify({ base: { model, data: path.join(root, 'data.jsonl') }, out }));
  return file;
}

/** Root may write everywhere: nobody may not. */
async function withoutPrivileges<Result>(compute: () => Promise<Result>): Promise<Result> {
  if (isRoot) process.seteuid?.(nobody);
  try {
    return await compute();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
