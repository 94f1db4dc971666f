/**
 * Runs whose files are damaged, or taken away under them: the checkpoint before, or an error by name, and never another
 * result.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BuresError, FormatError } from 'bures';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findAdapter } from '../../src/cli/adapter/adapter-folder.js';
import { settleBest } from '../../src/cli/run/best-folder.js';
import { type Checkpoint, readCheckpoint } from '../../src/cli/run/checkpoint.js';
import { readSoundCheckpoint } from '../../src/cli/run/sound-checkpoint.js';
import { memoryError } from '../../src/cli/training/train-run.js';
import { checksumFile, writeChecksums } from '../../src/io/files/checksums.node.js';
import { stagingPath } from '../../src/io/files/staging.node.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeQuestions } from './math-runs.js';
import { runCli } from './run-cli.js';
import { startCli } from './start-cli.js';

const root = temporaryFolder('damaged');
/** A run of six steps that nothing disturbed, with checkpoints at 2, 4 and 6. */
let whole = '';
let file = '';
/** A copy of it, as if killed after step 4. */
let run = '';

beforeAll(async () => {
  whole = path.join(root, 'whole');
  const data = path.join(root, 'data.jsonl');
  writeQuestions(data, { tasks: ['digits', 'gcd'], seed: 5, train: 40 });
  file = path.join(root, 'config.yaml');
  const often = { saveEvery: 2, evalEvery: 2, keepCheckpoints: 3, samplePrompts: ['Calculate 2 + 3.\n'], sampleTokens: 2 };
  const keys = { model, data, backend: 'wasm', rank: 2, steps: 6, batchSize: 4, learningRate: 3e-3, validSplit: 0.1, dropout: 0.1 };
  writeFileSync(file, JSON.stringify({ ...keys, ...often, targetModules: ['v_proj'] }));
  const { status, stderr } = await runCli('finetune', file, '--out', whole);
  expect(status, stderr).toBe(0);
});

let count = 0;
beforeEach(() => {
  run = path.join(root, `case-${count++}`);
  cpSync(whole, run, { recursive: true });
  rmSync(checkpoint(6), { recursive: true });
  rmSync(path.join(run, 'outcome.json'));
});

const checkpoint = (step: number, folder = run): string => path.join(folder, 'checkpoints', `step-${step}`);

const record = (folder: string): readonly unknown[] =>
  readFileSync(path.join(folder, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { seconds: _seconds, memory: _memory, ...content } = JSON.parse(line);
      return content;
    });

/** The same bits as the run that nothing disturbed, and nothing left over. */
function expectSameResult(): void {
  for (const name of ['adapter_model.safetensors', 'training_state.safetensors'])
    expect(readFileSync(path.join(checkpoint(6), name)), name).toEqual(readFileSync(path.join(checkpoint(6, whole), name)));
  for (const name of ['best/adapter_model.safetensors', 'best/best.json', 'samples.jsonl'])
    expect(readFileSync(path.join(run, name)), name).toEqual(readFileSync(path.join(whole, name)));
  expect(record(run)).toEqual(record(whole));
  expect(readdirSync(run, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tmp|\.lock|damaged/.test(name))).toEqual([]);
}

const files = [
  'adapter_config.json',
  'adapter_model.safetensors',
  'checksums.json',
  'training_state.json',
  'training_state.safetensors',
] as const;

const damages: readonly (readonly [string, (target: string) => void])[] = [
  ['missing', (target) => rmSync(target)],
  ['empty', (target) => writeFileSync(target, '')],
  ['truncated', (target) => writeFileSync(target, readFileSync(target).subarray(0, statSync(target).size >> 1))],
  ['garbage', (target) => writeFileSync(target, 'garbage '.repeat(100))],
  [
    'a folder',
    (target) => {
      rmSync(target);
      mkdirSync(target);
    },
  ],
];

describe('a damaged latest checkpoint', () => {
  it('has checksums of all its files but the one for people', () => {
    expect(readdirSync(checkpoint(4)).sort()).toEqual(['README.md', ...files]);
    const { sha256 } = JSON.parse(readFileSync(path.join(checkpoint(4), 'checksums.json'), 'utf8')) as { sha256: object };
    expect(Object.keys(sha256)).toEqual(files.filter((name) => name !== 'checksums.json'));
  });

  const cases = files.flatMap((name) => damages.map(([damage, make]) => [name, damage, make] as const));
  it.each(cases)('whose %s is %s falls back to the one before, with a line', async (name, _damage, make) => {
    make(path.join(checkpoint(4), name));
    const lines: string[] = [];
    const found = await readSoundCheckpoint(run, (line) => lines.push(line));
    expect(found).toEqual(await readCheckpoint(checkpoint(2)));
    expect(lines).toEqual([expect.stringContaining(`${checkpoint(4)} is damaged`)]);
    expect(lines[0]).toContain(name);
    expect(readdirSync(path.join(run, 'checkpoints')).sort()).toEqual(['step-2', 'step-4.damaged']);
  });

  it.each(['adapter_model.safetensors', 'training_state.json'])('(%s) is passed over by resume, to the same bits', async (name) => {
    rmSync(path.join(checkpoint(4), name));
    const { status, stdout, stderr } = await runCli('resume', run);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('6 of 6 steps');
    expect(stderr).toContain(`warning: ${checkpoint(4)} is damaged (`);
    expect(stderr).toContain('); the run continues from the checkpoint before it, and the damaged one is kept as step-4.damaged\n');
    expect(stderr).toContain('continuing from step 2\n');
    expectSameResult();
    expect(readdirSync(path.join(run, 'checkpoints')).sort()).toEqual(['step-2', 'step-4', 'step-6']);
  });

  it('and the one before it too: there is no further one', async () => {
    for (const step of [2, 4]) writeFileSync(path.join(checkpoint(step), 'training_state.safetensors'), 'x');
    const { status, stderr } = await runCli('resume', run);
    expect(status).toBe(1);
    for (const step of [2, 4]) expect(stderr).toContain(path.join(checkpoint(step), 'training_state.safetensors'));
    expect(stderr).toContain(`begin again with: bures finetune ${path.join(run, 'config.yaml')} --out`);
    expect(readdirSync(path.join(run, 'checkpoints')).sort()).toEqual(['step-2', 'step-4']);
  });

  it('of which any byte has changed falls back or is refused: its state is never another', async () => {
    const sound = new Map<number, Checkpoint>();
    for (const step of [2, 4]) sound.set(step, await readCheckpoint(checkpoint(step)));
    const contents = new Map(files.map((name) => [name, readFileSync(path.join(checkpoint(4), name))]));
    const place = fc.constantFrom(...files).chain((name) => fc.tuple(fc.constant(name), fc.nat((contents.get(name)?.length ?? 1) - 1)));
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async ([name, at], flip) => {
        const bytes = Buffer.from(contents.get(name) ?? []);
        bytes[at] ^= flip;
        writeFileSync(path.join(checkpoint(4), name), bytes);
        const lines: string[] = [];
        try {
          const found = await readSoundCheckpoint(run, (line) => lines.push(line));
          outcomes.add(found?.state.step === 4 ? 'the same' : 'the one before');
          expect(found).toEqual(sound.get(found?.state.step ?? -1));
          // White space of JSON may become other white space.
          if (found?.state.step === 4) expect(name).toBe('checksums.json');
          else expect(lines).toEqual([expect.stringContaining(`${checkpoint(4)} is damaged`)]);
        } catch (error) {
          if (!(error instanceof BuresError)) throw error;
          outcomes.add('refused');
          expect(error.message).toContain(path.join(checkpoint(4), name));
        } finally {
          rmSync(checkpoint(4), { recursive: true, force: true });
          mkdirSync(checkpoint(4));
          for (const [each, content] of contents) writeFileSync(path.join(checkpoint(4), each), content);
        }
      }),
      { numRuns: 300 },
    );
    expect(outcomes).toContain('the one before');
  });

  it('in the folder of another step is refused by name', async () => {
    renameSync(checkpoint(4), checkpoint(23));
    const moved = await runCli('resume', run);
    expect(moved).toMatchObject({ status: 2, stdout: '' });
    expect(moved.stderr).toMatch(/expected the training state of step 23 in .*step-23\/training_state\.json, got that of step 4; /);
    renameSync(checkpoint(23), checkpoint(4));
    for (const name of ['training_state.json', 'training_state.safetensors'])
      cpSync(path.join(checkpoint(2), name), path.join(checkpoint(4), name));
    expect(await runCli('resume', run)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/state of step 4 in .*, got that of step 2; /),
    });
    expect(readdirSync(path.join(run, 'checkpoints')).sort()).toEqual(['step-2', 'step-4']);
  });
});

describe('another file of a run that is damaged', () => {
  it.each<readonly [string, string | Buffer, RegExp, number]>([
    ['config.yaml', 'rank: [', /config\.yaml:1: expected YAML/, 2],
    ['config.yaml', '', /model is missing/, 2],
    ['environment.json', '{"versions"', /environment\.json, the record of the machine, is damaged .*; remove it/, 1],
    ['metrics.jsonl', '{"kind": "train", "step": 1}\n{"kind"\n', /metrics\.jsonl:2: expected a JSON object.*; remove that line/, 1],
    ['metrics.jsonl', '{"kind": "train"}\n', /metrics\.jsonl:1: expected a record with its step.*; remove that line/, 1],
    [
      'metrics.jsonl',
      Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
      /metrics\.jsonl:1 must be UTF-8 text, got 0xFF at byte 2; .*, or move the file away; the run then/,
      1,
    ],
    ['samples.jsonl', '[1]\n', /samples\.jsonl:1: expected a JSON object.*; remove that line/, 1],
    ['fingerprints.json', '{}', /fingerprints\.json, the record of the inputs of the run, is damaged; restore it/, 1],
  ])('%s holding %j is named, with what to do', async (name, content, message, status) => {
    writeFileSync(path.join(run, name), content);
    const outcome = await runCli('resume', run);
    expect(outcome.stderr).toMatch(message);
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(outcome.stderr).not.toContain('    at ');
    expect(existsSync(path.join(run, '.lock'))).toBe(false);
  });

  it.each(['environment.json', 'metrics.jsonl', 'samples.jsonl'])(
    '%s that was removed, as the remedy may be, is begun anew',
    async (name) => {
      rmSync(path.join(run, name));
      expect(await runCli('resume', run)).toMatchObject({ status: 0, stdout: expect.stringContaining('6 of 6 steps') });
      expect(readFileSync(path.join(checkpoint(6), 'adapter_model.safetensors'))).toEqual(
        readFileSync(path.join(checkpoint(6, whole), 'adapter_model.safetensors')),
      );
      expect(existsSync(path.join(run, name))).toBe(true);
    },
  );

  it('the best adapter has checksums of all its files, its record included', () => {
    const { sha256 } = JSON.parse(readFileSync(path.join(run, 'best', 'checksums.json'), 'utf8')) as { sha256: object };
    expect(Object.keys(sha256)).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'best.json']);
  });

  const best = ['adapter_config.json', 'adapter_model.safetensors', 'best.json'];
  const cases = best.flatMap((name) => damages.map(([damage, make]) => [name, damage, make] as const));
  it.each(cases)(
    '%s of the best adapter that is %s: commands name it, resume begins a new best with a line',
    async (name, _damage, make) => {
      make(path.join(run, 'best', name));
      await expect(findAdapter('merge', run)).rejects.toThrow(new RegExp(`^merge: .*best/${name}.*; `));
      await expect(findAdapter('merge', run)).rejects.toThrow(FormatError);
      const lines: string[] = [];
      const { step, progress } = { step: 4, progress: (await readCheckpoint(checkpoint(4))).progress };
      const settled = await settleBest(run, { step, progress }, 0, (line) => lines.push(line));
      expect(settled).toEqual({ seconds: progress.seconds, tokens: progress.tokens, loss: progress.loss, evaluationsSinceBest: 0 });
      expect(lines).toEqual([
        expect.stringMatching(/^warning: .*best is damaged \(.*\); it is kept as best\.damaged, and the next evaluation begins/),
      ]);
      expect(lines[0]).toContain(name);
      expect(readdirSync(run).filter((one) => one.startsWith('best'))).toEqual(['best.damaged']);
    },
  );

  it('the best adapter under the record of another: it is put aside until there is a new one', async () => {
    const folder = path.join(run, 'best');
    writeFileSync(path.join(folder, 'best.json'), '{"step": 4, "loss": 1e-9}');
    rmSync(path.join(folder, checksumFile));
    await writeChecksums(folder);
    const { status, stderr } = await runCli('resume', run);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/best is damaged \(.*best\.json is not the record/) });
    expect(readdirSync(run).filter((one) => one.startsWith('best'))).toEqual(['best']);
    expect((await runCli('eval', run, '--data', path.join(root, 'data.jsonl'), '--backend', 'wasm')).status).toBe(0);
  });

  it('the best adapter, where a process was killed when it had been put beside its place', async () => {
    const staging = await stagingPath(path.join(run, 'best'));
    renameSync(path.join(run, 'best'), staging);
    const half = await stagingPath(path.join(run, 'best'));
    mkdirSync(half);
    writeFileSync(path.join(half, 'adapter_model.safetensors'), 'x');
    const { status, stderr } = await runCli('resume', run);
    expect(status, stderr).toBe(0);
    expect(stderr).not.toContain('warning');
    expectSameResult();
  });

  it('the best adapter that was removed: the next evaluation begins a new best', async () => {
    rmSync(path.join(run, 'best'), { recursive: true });
    const { status, stderr } = await runCli('resume', run);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/the best adapter, of step \d, is no longer in /) });
    expect(JSON.parse(readFileSync(path.join(run, 'best', 'best.json'), 'utf8'))).toMatchObject({ step: 6 });
  });

  it.each([
    ['.lock', '\u0000\ufffd garbage'],
    ['.lock', ''],
    ['outcome.json', '{"end": '],
  ])('%s holding %j is written anew', async (name, content) => {
    writeFileSync(path.join(run, name), content);
    expect(await runCli('resume', run)).toMatchObject({ status: 0 });
    expectSameResult();
    expect(JSON.parse(readFileSync(path.join(run, 'outcome.json'), 'utf8'))).toMatchObject({ end: 'finished', step: 6 });
  });
});

it('a run that has ended, whose last loss is not known, says none', async () => {
  cpSync(checkpoint(6, whole), checkpoint(6), { recursive: true });
  const state = path.join(checkpoint(6), 'training_state.json');
  const { progress, ...content } = JSON.parse(readFileSync(state, 'utf8'));
  writeFileSync(state, JSON.stringify({ ...content, progress: { ...progress, loss: undefined } }));
  rmSync(path.join(checkpoint(6), checksumFile));
  await writeChecksums(checkpoint(6));
  const text = await runCli('resume', run);
  expect(text.stdout).toMatch(/: 6 of 6 steps in [^,]*\n/);
  const { status, stdout } = await runCli('resume', run, '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).not.toHaveProperty('loss');
  expect(JSON.parse(readFileSync(path.join(run, 'outcome.json'), 'utf8'))).not.toHaveProperty('loss');
});

it.each(['finetune', 'resume'])('memory that is not there is said by the command that was called: %s', (command) => {
  expect(memoryError(command, new RangeError('Array buffer allocation failed'))?.message).toMatch(
    new RegExp(`^${command}: expected memory for an array, got none \\(Array buffer .*; train with shorter rows`),
  );
  expect(memoryError(command, new RangeError('Maximum call stack size exceeded'))).toBeUndefined();
});

describe('a run whose folder is taken away under it', () => {
  /** Some steps at least, so that checkpoints, evaluations and samples were written too; far from its end. */
  const begin = async (): Promise<{ readonly child: ReturnType<typeof startCli>; readonly run: string }> => {
    const taken = path.join(root, `taken-${count++}`);
    const child = startCli('finetune', file, '--out', taken, '--steps', '1000000', '--schedule', 'constant');
    await child.until(() => existsSync(path.join(taken, 'checkpoints', 'step-4')));
    return { child, run: taken };
  };
  const empty = (folder: string): void => {
    // The configuration goes first: while it is there, the run is, and may write again what was removed before it.
    const names = readdirSync(folder).sort((a, b) => Number(b === 'config.yaml') - Number(a === 'config.yaml'));
    for (const name of names) if (!name.startsWith('.')) rmSync(path.join(folder, name), { recursive: true, maxRetries: 20 });
  };

  it.each<readonly [string, (folder: string) => void, RegExp, readonly string[] | undefined]>([
    // A folder is removed file by file: the run may look at it in between.
    [
      'removed',
      (folder) => rmSync(folder, { recursive: true, maxRetries: 20 }),
      /(?:was removed or renamed|config\.yaml was removed|\.lock was removed or replaced) during training/,
      undefined,
    ],
    ['renamed', (folder) => renameSync(folder, `${folder}-away`), /was removed or renamed during training/, undefined],
    [
      'replaced',
      (folder) => {
        renameSync(folder, `${folder}-away`);
        mkdirSync(folder);
        writeFileSync(path.join(folder, 'other'), '');
      },
      /config\.yaml was removed during training/,
      ['other'],
    ],
    ['emptied, all but its lock', empty, /config\.yaml was removed during training/, undefined],
    [
      'left, but its lock removed',
      (folder) => rmSync(path.join(folder, '.lock')),
      /\.lock was removed or replaced during training/,
      undefined,
    ],
    [
      'left, but its lock is that of another',
      (folder) => writeFileSync(path.join(folder, '.lock'), `${process.pid}`),
      new RegExp(`\\.lock was replaced by that of process ${process.pid} during training`),
      undefined,
    ],
  ])('%s: it ends with an error, and begins nothing there again', async (what, take, message, left) => {
    const { child, run: taken } = await begin();
    take(taken);
    const { status, stderr } = await child.ended;
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(message) });
    expect(stderr).not.toContain('    at ');
    expect(stderr).not.toContain('continue with: bures resume');
    if (left !== undefined) expect(readdirSync(taken)).toEqual(left);
    // A run that ends before the last entry is removed cannot remove its folder.
    else if (!what.startsWith('left')) expect(existsSync(taken) ? readdirSync(taken) : []).toEqual([]);
    else if (what.endsWith('another')) expect(readFileSync(path.join(taken, '.lock'), 'utf8')).toBe(`${process.pid}`);
  });
});
