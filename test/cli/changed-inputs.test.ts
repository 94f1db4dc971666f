/**
 * Runs whose inputs change while they are interrupted: what has changed is named and refused, and goes on only where
 * that is asked for.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type FinetuneConfig, finetuneSchema, keysOf } from '../../src/cli/config/finetune-config.js';
import { type Fingerprints, inputDifferences, keyDifferences, readFingerprints, rowsFingerprint } from '../../src/cli/run/fingerprints.js';
import { hashFile } from '../../src/io/files/checksums.node.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model as original, writeSplits } from './math-runs.js';
import { type Outcome, runCli } from './run-cli.js';

const root = temporaryFolder('changed');
/** A run of six steps that nothing disturbed, its model and its data, all in one folder. */
let origin = '';
/** The run, the model and the data of one test, copied from there, with the run cut back to its third step. */
let [run, model, data] = ['', '', ''];

const template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}";

beforeAll(async () => {
  origin = path.join(root, 'origin');
  cpSync(original, path.join(origin, 'model'), { recursive: true });
  writeFileSync(path.join(origin, 'model', 'chat_template.jinja'), template);
  writeSplits(path.join(origin, 'data'), { tasks: ['digits', 'gcd'], seed: 5, train: 40, held: 6 });
  const keys = { rank: 2, steps: 6, batchSize: 4, saveEvery: 3, evalEvery: 2, seed: 1, learningRate: 3e-3, targetModules: ['v_proj'] };
  const file = path.join(root, 'config.yaml');
  const places = { model: path.join(origin, 'model'), data: path.join(origin, 'data'), backend: 'wasm', tensorboard: false };
  writeFileSync(file, stringify({ ...keys, ...places }));
  const { status, stderr } = await runCli('finetune', file, '--out', path.join(origin, 'run'));
  expect(status, stderr).toBe(0);
});

let count = 0;
beforeEach(() => {
  const folder = path.join(root, `case-${count++}`);
  cpSync(origin, folder, { recursive: true });
  [run, model, data] = ['run', 'model', 'data'].map((name) => path.join(folder, name));
  editConfig((config) => ({ ...config, model, data }));
  rmSync(path.join(run, 'checkpoints', 'step-6'), { recursive: true });
});

function editConfig(edit: (config: Record<string, unknown>) => object): void {
  const file = path.join(run, 'config.yaml');
  writeFileSync(file, stringify(edit(parse(readFileSync(file, 'utf8')))));
}

function editRows(name: string, edit: (lines: string[]) => readonly string[]): void {
  const file = path.join(data, name);
  writeFileSync(file, edit(readFileSync(file, 'utf8').trimEnd().split('\n')).join('\n'));
}

function editBytes(file: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  edit(bytes);
  writeFileSync(file, bytes);
}

const state = (step: number, folder = run): readonly Buffer[] =>
  ['adapter_model.safetensors', 'training_state.safetensors'].map((name) =>
    readFileSync(path.join(folder, 'checkpoints', `step-${step}`, name)),
  );

/** The run as it was: nothing was trained and nothing recorded. */
function expectRefused(outcome: Outcome, named: string | RegExp): void {
  expect(outcome, outcome.stderr).toMatchObject({ status: 2, stdout: '' });
  expect(outcome.stderr).toMatch(named);
  expect(outcome.stderr).toContain(`bures resume ${run} --accept-changes`);
  expect(outcome.stderr).not.toContain('continuing from');
  expect(outcome.stderr).not.toContain('    at ');
  expect(readdirSync(path.join(run, 'checkpoints'))).toEqual(['step-3']);
  expect(readFileSync(path.join(run, 'fingerprints.json'))).toEqual(readFileSync(path.join(origin, 'run', 'fingerprints.json')));
}

it('what has not changed goes on, wherever it lies, to the same bits', async () => {
  const { status, stderr } = await runCli('resume', run);
  expect(status, stderr).toBe(0);
  expect(stderr).not.toMatch(/accepted|warning|differ/);
  expect(state(6)).toEqual(state(6, path.join(origin, 'run')));
  expect(readFileSync(path.join(run, 'best', 'best.json'))).toEqual(readFileSync(path.join(origin, 'run', 'best', 'best.json')));
});

/** Changes, and what of them must be named. */
const changes: readonly (readonly [string, () => void, string | RegExp])[] = [
  [
    'rows taken away',
    () => editRows('train.jsonl', (lines) => lines.slice(0, 20)),
    /there were 40 and are now 20; the first 20 are the same/,
  ],
  ['rows added', () => editRows('train.jsonl', (lines) => [...lines, lines[0]]), /there were 40 and are now 41; the first 40 are the same/],
  [
    'a row taken out',
    () => editRows('train.jsonl', (lines) => lines.toSpliced(4, 1)),
    /there were 40 and are now 39; the first that differs is row 5/,
  ],
  [
    'rows reordered',
    () => editRows('train.jsonl', (lines) => [lines[0], ...lines.slice(1).toReversed()]),
    /training rows \(.*train\.jsonl\): the same 40 are in another order, from row 2 on/,
  ],
  [
    'one character',
    () =>
      editRows('train.jsonl', (lines) =>
        lines.with(
          6,
          lines[6].replace(/\d/, (digit) => String((Number(digit) + 1) % 10)),
        ),
      ),
    /1 of 40 differs, which is row 7/,
  ],
  [
    'a validation row',
    () => editRows('valid.jsonl', (lines) => lines.with(2, lines[3])),
    /validation rows \(.*valid\.jsonl\): 1 of 6 differs, which is row 3/,
  ],
  [
    'the validation file taken away',
    () => rmSync(path.join(data, 'valid.jsonl')),
    /validation rows \(held out.*\): there were 6 and are now 0/,
  ],
  [
    'one bit of a base weight',
    () =>
      editBytes(path.join(model, 'model.safetensors'), (bytes) => {
        bytes[bytes.length - 4] ^= 1;
      }),
    /base weights: .*model\.safetensors has changed/,
  ],
  [
    'a token of tokenizer.json that no row has',
    () => {
      const file = path.join(model, 'tokenizer.json');
      writeFileSync(file, readFileSync(file, 'utf8').replace(/\}\s*$/, ' }'));
    },
    /tokenizer: .*tokenizer\.json has changed/,
  ],
  ['the chat template', () => writeFileSync(path.join(model, 'chat_template.jinja'), `${template} `), /chat template: .*jinja has changed/],
  ['the chat template taken away', () => rmSync(path.join(model, 'chat_template.jinja')), /chat template: .*jinja no longer exists/],
  [
    'the configuration of the model',
    () => {
      const file = path.join(model, 'config.json');
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), rms_norm_eps: 1e-5 }));
    },
    /base model: .*config\.json has changed/,
  ],
  ['batchSize', () => editConfig((config) => ({ ...config, batchSize: 5 })), 'batchSize was 4 and is now 5'],
  ['seed', () => editConfig((config) => ({ ...config, seed: 2 })), 'seed was 1 and is now 2'],
  ['a key of its own default', () => editConfig(({ seed: _seed, ...config }) => config), 'seed was 1 and is now 0'],
  [
    'an option',
    () => editConfig((config) => ({ ...config, methodOptions: { gauge: 'nearest' } })),
    /methodOptions was \{\} and is now \{"gauge"/,
  ],
  [
    'several',
    () => editConfig((config) => ({ ...config, batchSize: 5, dropout: 0.1 })),
    /\n {2}dropout was 0 and is now 0.1\n {2}batchSize was 4 and is now 5\n/,
  ],
];

it.each(changes)('%s: named and refused, and goes on with --accept-changes', async (_, change, named) => {
  const old = readFileSync(path.join(run, 'best', 'adapter_model.safetensors'));
  change();
  expectRefused(await runCli('resume', run), named);
  const { status, stderr } = await runCli('resume', run, '--accept-changes', '--json');
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/accepted: /);
  const aside = path.join(run, 'best-until-step-3');
  expect(stderr).toContain(`kept as ${aside}`);
  expect(readFileSync(path.join(aside, 'adapter_model.safetensors'))).toEqual(old);
  // The first evaluation after the change is a best one, whatever its loss.
  expect(JSON.parse(readFileSync(path.join(run, 'best', 'best.json'), 'utf8'))).toMatchObject({ changes: 1 });
  const again = await runCli('resume', run);
  expect(again).toMatchObject({ status: 0, stderr: expect.stringMatching(/all 6 steps are done/) });
  expect(again.stderr).not.toMatch(/accepted|differ/);
});

describe('changes that were accepted', () => {
  it('are trained on as a run that had them from this step on, also where it is interrupted and changed back', async () => {
    editConfig((config) => ({ ...config, learningRate: 1e-3 }));
    expect(await runCli('resume', run, '--accept-changes')).toMatchObject({ status: 0 });
    const [once, best] = [state(6), readFileSync(path.join(run, 'best', 'best.json'), 'utf8')];
    expect(once).not.toEqual(state(6, path.join(origin, 'run')));
    // From the third step again, as if killed before the sixth: the record of the acceptance holds.
    rmSync(path.join(run, 'checkpoints', 'step-6'), { recursive: true });
    const after = await runCli('resume', run);
    expect(after.status, after.stderr).toBe(0);
    expect(state(6)).toEqual(once);
    expect(readFileSync(path.join(run, 'best', 'best.json'), 'utf8')).toBe(best);
    // What was accepted counts as what it was begun with.
    editConfig((config) => ({ ...config, learningRate: 3e-3 }));
    expect(await runCli('resume', run)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('learningRate was 0.001 and is now 0.003'),
    });
    expect(await runCli('resume', run, '--accept-changes')).toMatchObject({ status: 0 });
    expect(readdirSync(run).filter((name) => name.startsWith('best'))).toEqual(['best-until-step-3', 'best-until-step-6']);
  });

  it('are in force where the program was killed just after it had recorded them', async () => {
    const interrupted = path.join(root, 'interrupted');
    cpSync(run, interrupted, { recursive: true });
    const edit = (): void => editConfig((config) => ({ ...config, learningRate: 1e-3 }));
    edit();
    expect(await runCli('resume', run, '--accept-changes')).toMatchObject({ status: 0 });
    const accepted = run;
    run = interrupted;
    edit();
    cpSync(path.join(accepted, 'fingerprints.json'), path.join(run, 'fingerprints.json'));
    const { status, stderr } = await runCli('resume', run);
    expect(status, stderr).toBe(0);
    expect(state(6)).toEqual(state(6, accepted));
    for (const name of ['best/best.json', 'best/adapter_model.safetensors', 'best-until-step-3/best.json'])
      expect(readFileSync(path.join(run, name)), name).toEqual(readFileSync(path.join(accepted, name)));
  });

  it('that the checkpoint does not fit are refused all the same, and nothing is recorded', async () => {
    editConfig((config) => ({ ...config, rank: 3 }));
    const before = readFileSync(path.join(run, 'fingerprints.json'));
    for (const words of [[], ['--accept-changes']]) {
      const { status, stderr } = await runCli('resume', run, ...words);
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('rank was 2 and is now 3') });
    }
    expect(readFileSync(path.join(run, 'fingerprints.json'))).toEqual(before);
    expect(existsSync(path.join(run, 'best'))).toBe(true);
  });
});

it('more steps are no change: a finished run goes on, and says what that means for its schedule', async () => {
  cpSync(path.join(origin, 'run'), run, { recursive: true });
  editConfig((config) => ({ ...config, model, data }));
  expect(await runCli('resume', run)).toMatchObject({ status: 0, stderr: expect.stringContaining('all 6 steps are done') });
  editConfig((config) => ({ ...config, steps: 8, saveEvery: 1, keepCheckpoints: 1, samplePrompts: ['1'], sampleTokens: 1 }));
  const { status, stdout, stderr } = await runCli('resume', run);
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('8 of 8 steps');
  expect(stderr).toContain(
    'steps were 6 and are now 8; from here on the learning rate follows the cosine schedule over 8 steps, not over 6',
  );
  expect(stderr).not.toContain('accept');
  expect(readdirSync(path.join(run, 'checkpoints'))).toEqual(['step-8']);
});

it('--steps is recorded in the file of the run, comments and all, and may not be fewer than are done', async () => {
  const file = path.join(run, 'config.yaml');
  writeFileSync(file, `# mine\n${readFileSync(file, 'utf8').replace(/^steps: 6$/m, 'epochs: 3 # three')}`);
  const text = readFileSync(file, 'utf8');
  expect(await runCli('resume', run, '--steps', '2')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--steps must be at least 3, the steps that are done, got 2'),
  });
  expect(readFileSync(file, 'utf8')).toBe(text);
  const { status, stdout, stderr } = await runCli('resume', run, '--steps', '4');
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('4 of 4 steps');
  expect(parse(readFileSync(file, 'utf8'))).toEqual({ ...parse(text), epochs: undefined, steps: 4 });
  expect(readFileSync(file, 'utf8')).toMatch(/^# mine\n/);
  expect(await runCli('resume', run)).toMatchObject({ status: 0, stderr: expect.stringContaining('all 4 steps are done') });
  expect(await runCli('resume', run, '--steps', '5')).toMatchObject({ status: 0, stdout: expect.stringContaining('5 of 5 steps') });
});

describe('a run that starts from an adapter', () => {
  const words = (out: string, ...more: readonly string[]) => [
    'finetune',
    ...['--model', model, '--data', data, '--init-adapter', path.join(run, 'best'), '--out', out],
    ...['--backend', 'wasm', '--batch-size', '4', '--learning-rate', '1e-9', '--tensorboard', 'false', ...more],
  ];
  const losses = (of: string): readonly number[] =>
    readFileSync(path.join(of, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; loss: number })
      .flatMap(({ kind, loss }) => (kind === 'eval' ? [loss] : []));

  it.each(['lora', 'balora'])('%s: has its rank, modules and loss, and resumes without its folder', async (method) => {
    const out = path.join(path.dirname(run), 'continued');
    const { status, stderr } = await runCli(...words(out, '--method', method, '--steps', '2'));
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(`${method}, rank 2, α 32 (ΔW = 16·AB), on 4 modules`);
    const best = Math.min(...losses(run));
    expect(Math.abs(losses(out)[0] / best - 1)).toBeLessThan(1e-5);
    rmSync(path.join(run, 'best'), { recursive: true });
    expect(await runCli('resume', out, '--steps', '3')).toMatchObject({ status: 0, stdout: expect.stringContaining('3 of 3 steps') });
  });

  it('takes the best adapter of a run, and says which start of its method is not made', async () => {
    const out = path.join(path.dirname(run), 'of-run');
    const from = words(out, '--method', 'pissa', '--steps', '1').map((word) => (word === path.join(run, 'best') ? run : word));
    const { status, stderr } = await runCli(...from);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      `the start 'pissa' of the method pissa is not made: training starts from the adapter ${path.join(run, 'best')}\n`,
    );
    expect(Math.abs(losses(out)[0] / Math.min(...losses(run)) - 1)).toBeLessThan(1e-5);
    const card = readFileSync(path.join(out, 'best', 'README.md'), 'utf8');
    expect(card).toContain('| started from | the adapter run/best |\n');
    expect(card).toContain('| modules | v_proj |\n');
    expect(card).not.toMatch(/changed while/);
    expect(parse(readFileSync(path.join(out, 'config.yaml'), 'utf8')).initAdapter).toBe(path.join(run, 'best'));
  });

  it('refuses what contradicts it', async () => {
    const out = path.join(path.dirname(run), 'refused');
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--rank', '3'], /expected an adapter of rank 3 .*, got one of rank 2/],
      [['--start', 'pissa'], /expected --init-adapter or --start, got both/],
      [['--target-modules', '[q_proj]'], /has no adapter for '.*q_proj'/],
    ];
    for (const [more, message] of cases) {
      const { status, stderr } = await runCli(...words(out, '--steps', '1', ...more));
      expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
      expect(existsSync(out)).toBe(false);
    }
  });
});

it.each([{ evalEvery: 1 }, { patience: 2 }, { minImprovement: 0.5 }, { evalRows: 3 }])(
  '%j is refused where there are validation rows, since it chooses the best, and may change where there are none',
  async (changed) => {
    editConfig((config) => ({ ...config, ...changed }));
    const [key] = Object.keys(changed);
    expect(await runCli('resume', run)).toMatchObject({ status: 2, stderr: expect.stringContaining(`${key} was `) });
    const without = path.join(path.dirname(run), 'without');
    const config = parse(readFileSync(path.join(run, 'config.yaml'), 'utf8'));
    const file = path.join(path.dirname(run), 'without.yaml');
    rmSync(path.join(data, 'valid.jsonl'));
    writeFileSync(
      file,
      stringify({ ...config, steps: 2, schedule: 'constant', validSplit: 0, evalEvery: 2, patience: 1, minImprovement: 0, evalRows: 2 }),
    );
    expect((await runCli('finetune', file, '--out', without)).status).toBe(0);
    run = without;
    editConfig((keys) => ({ ...keys, steps: 3, evalEvery: 1, patience: 2, minImprovement: 0.5, evalRows: 3 }));
    expect(await runCli('resume', run)).toMatchObject({ status: 0, stdout: expect.stringContaining('3 of 3 steps') });
  },
);

it('a start that takes something out of the base is no change that can be accepted, and leaves the run as it was', async () => {
  const before = readdirSync(run, { recursive: true, encoding: 'utf8' }).sort();
  editConfig((config) => ({ ...config, start: 'pissa' }));
  const { status, stderr } = await runCli('resume', run, '--accept-changes');
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringMatching(/does not fit this change: start .*its array taken\.\S+ is absent/),
  });
  expect(readdirSync(run, { recursive: true, encoding: 'utf8' }).sort()).toEqual(before);
  editConfig(({ start: _start, ...config }) => config);
  expect(await runCli('resume', run)).toMatchObject({ status: 0 });
  expect(state(6)).toEqual(state(6, path.join(origin, 'run')));
});

it('a finished run is refused as well, and begins a new best where that is accepted', async () => {
  cpSync(path.join(origin, 'run'), run, { recursive: true });
  editConfig((config) => ({ ...config, model, data, seed: 2 }));
  expect(await runCli('resume', run)).toMatchObject({ status: 2, stderr: expect.stringContaining('seed was 1 and is now 2') });
  const { status, stdout, stderr } = await runCli('resume', run, '--accept-changes');
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('accepted: seed was 1 and is now 2') });
  expect(stderr).toContain('all 6 steps are done; nothing is left to train');
  expect(stdout).not.toContain('best validation loss');
  expect(readdirSync(run).filter((name) => name.startsWith('best'))).toEqual(['best-until-step-6']);
});

it('the model card says what changed, and until when', async () => {
  editConfig((config) => ({ ...config, seed: 2 }));
  editRows('train.jsonl', (lines) => lines.slice(1));
  expect(await runCli('resume', run, '--accept-changes')).toMatchObject({ status: 0 });
  editConfig((config) => ({ ...config, batchSize: 3, steps: 8 }));
  expect(await runCli('resume', run, '--accept-changes')).toMatchObject({ status: 0 });
  const row = 'seed was 1 until step 3; other training rows until step 3; batchSize was 4 until step 6';
  for (const folder of ['best', 'checkpoints/step-8'])
    expect(readFileSync(path.join(run, folder, 'README.md'), 'utf8')).toContain(`| changed while training | ${row} |\n`);
  // Nothing more is said by a run that goes on as it is.
  expect(await runCli('resume', run, '--steps', '9')).toMatchObject({ status: 0 });
  expect(readFileSync(path.join(run, 'checkpoints/step-9', 'README.md'), 'utf8')).toContain(`| changed while training | ${row} |\n`);
});

it('recomputation is warned of, since it changes the rounding alone', async () => {
  editConfig((config) => ({ ...config, recompute: true }));
  const { status, stderr } = await runCli('resume', run);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringContaining('differ in rounding, because recompute was not given and is now true'),
  });
});

it('a run without a record, of an earlier version, says so once and goes on', async () => {
  rmSync(path.join(run, 'fingerprints.json'));
  const folder = path.join(run, 'checkpoints', 'step-3');
  rmSync(path.join(folder, 'checksums.json'));
  const file = path.join(folder, 'training_state.json');
  const { version, configuration, contents, ...content } = JSON.parse(readFileSync(file, 'utf8'));
  expect([version, configuration.method]).toEqual([4, 'balora']);
  expect(Object.keys(contents).length).toBeGreaterThan(4);
  writeFileSync(file, JSON.stringify(content));
  const first = await runCli('resume', run);
  expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining('no record of its inputs') });
  expect(state(6)).toEqual(state(6, path.join(origin, 'run')));
  expect((await runCli('resume', run)).stderr).not.toContain('no record');
  editConfig((config) => ({ ...config, seed: 2 }));
  expect(await runCli('resume', run)).toMatchObject({ status: 2, stderr: expect.stringContaining('seed was 1 and is now 2') });
});

it('a damaged record is named, and not taken for changed inputs', async () => {
  const file = path.join(run, 'fingerprints.json');
  const whole = readFileSync(file, 'utf8');
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 127 }), async (at, flip) => {
      editBytes(file, (bytes) => {
        bytes[at] ^= flip;
      });
      const read = await readFingerprints(run).catch((error: Error) => error.message);
      writeFileSync(file, whole);
      // White space may turn into other white space.
      if (typeof read === 'object') expect(read).toEqual(JSON.parse(whole));
      else expect(read).toMatch(/fingerprints\.json, the record of the inputs of the run, is damaged; restore it, or /);
    }),
    { numRuns: 200 },
  );
  writeFileSync(file, whole.slice(0, 100));
  expect(await runCli('resume', run)).toMatchObject({ status: 1, stderr: expect.stringContaining('fingerprints.json') });
  expect(await runCli('resume', run, '--accept-changes')).toMatchObject({ status: 0, stderr: expect.stringContaining('accepted: ') });
});

it('base weights are hashed as sha256sum does', async () => {
  const file = path.join(root, 'abc');
  writeFileSync(file, 'abc');
  // FIPS 180-2, appendix B.1.
  expect(await hashFile('test', file)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

describe('fingerprints', () => {
  /** Another value of each key. A key that is added to the schema does not compile before it is here. */
  const others: Readonly<Record<keyof FinetuneConfig, unknown>> = {
    model: 'other',
    data: 'other',
    dataWeights: [2],
    promptColumn: 'other',
    completionColumn: 'other',
    messagesColumn: 'other',
    textColumn: 'other',
    chatTemplate: 'chatml',
    validSplit: 0.2,
    out: 'other',
    initAdapter: 'other',
    method: 'lora',
    methodOptions: { every: 2 },
    start: 'pissa',
    startOptions: { batches: 3 },
    direction: 'sgd',
    directionOptions: { warmup: 3 },
    useRslora: true,
    useDora: true,
    rank: 3,
    alpha: 3,
    targetModules: ['q_proj'],
    excludeModules: ['q_proj'],
    layersToTransform: [0],
    layersPattern: 'layers',
    rankPattern: { q_proj: 2 },
    alphaPattern: { q_proj: 2 },
    dropout: 0.1,
    bias: 'all',
    modulesToSave: ['lm_head'],
    learningRate: 1,
    schedule: 'linear',
    warmup: 2,
    finalRate: 0.1,
    weightDecay: 0.2,
    beta1: 0.5,
    beta2: 0.5,
    epsilon: 1e-3,
    clip: null,
    steps: 5,
    epochs: 5,
    batchSize: 3,
    accumulate: 3,
    order: 'file',
    packing: true,
    maxLength: 20,
    trainOn: 'last-answer',
    maskPrompt: false,
    appendEnd: false,
    today: '2020-02-02',
    seed: 7,
    evalEvery: 3,
    evalRows: 3,
    patience: 3,
    minImprovement: 0.1,
    saveEvery: 3,
    keepCheckpoints: 5,
    samplePrompts: ['a'],
    sampleTokens: 3,
    logEvery: 3,
    backend: 'cpu',
    weights: 'keep',
    quantize: 'nf4',
    recompute: true,
    tensorboard: false,
  };
  const places = ['model', 'data', 'promptColumn', 'completionColumn', 'messagesColumn', 'textColumn', 'today', 'out', 'initAdapter'];
  const length = ['steps', 'epochs'];
  const watching = ['saveEvery', 'keepCheckpoints', 'samplePrompts', 'sampleTokens', 'logEvery', 'tensorboard'];
  const rounding = ['backend', 'weights', 'recompute'];

  it.each(Object.entries(others))('of %s, another value is noticed where it decides', (key, value) => {
    const before = finetuneSchema.parse({ model: 'm', data: 'd' });
    const after = finetuneSchema.parse({ ...before, [key]: value });
    const choosing = ['evalEvery', 'evalRows', 'patience', 'minImprovement'];
    const role = choosing.includes(key) ? 'chooses' : 'decides';
    const named = keyDifferences(keysOf(before, role), keysOf(after, role));
    if ([...places, ...length, ...watching, ...rounding].includes(key)) expect(named).toEqual([]);
    else expect(named).toEqual([expect.stringMatching(new RegExp(`^${key} was .* and is now `))]);
  });

  const rows = fc.array(
    fc.array(fc.tuple(fc.nat(50), fc.integer({ min: -100, max: 50 })), { minLength: 1, maxLength: 6 }).map((tokens) => ({
      inputIds: Int32Array.from(tokens, ([id]) => id),
      labels: Int32Array.from(tokens, ([, label]) => label),
    })),
    { minLength: 1, maxLength: 8 },
  );
  const of = (training: Parameters<typeof rowsFingerprint>[0]): Fingerprints => ({
    changes: 0,
    steps: 1,
    keys: {},
    rounding: {},
    rows: { training: rowsFingerprint(training), validation: rowsFingerprint([]) },
    model: {},
  });
  const names = { model: 'm', training: 't', validation: undefined };

  it('of rows tell every change of a token, a label, the order or the number, and the first row that has it', () => {
    const change = fc.tuple(fc.constantFrom('token', 'label', 'cut', 'swap', 'none'), fc.nat(), fc.nat());
    fc.assert(
      fc.property(rows, change, (before, [kind, first, second]) => {
        const [i, j] = [first % before.length, second % before.length];
        const after = before.map((row) => ({ inputIds: row.inputIds.slice(), labels: row.labels.slice() }));
        const { inputIds, labels } = after[i];
        if (kind === 'token') inputIds[second % inputIds.length] += 1;
        if (kind === 'label') labels[second % labels.length] += 1;
        if (kind === 'swap') [after[i], after[j]] = [after[j], after[i]];
        if (kind === 'cut') after.splice(i, 1);
        const text = (row: (typeof after)[number] | undefined): string => `${row?.inputIds.join()};${row?.labels.join()}`;
        const differs = before.findIndex((row, k) => text(row) !== text(after[k]));
        const found = inputDifferences(of(before), of(after), names);
        if (differs < 0) expect(found).toEqual([]);
        else if (differs >= after.length) expect(found).toEqual([expect.stringContaining(`the first ${after.length} are the same`)]);
        else expect(found).toEqual([expect.stringMatching(new RegExp(`row ${differs + 1}(?!\\d)`))]);
      }),
    );
  });
});
