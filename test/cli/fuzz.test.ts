/** Files and flags as people and programs damage them: each is taken, or refused with file and line in an error of the library's own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer, readDataset, type Tokenizer, writeSafetensors } from 'bures/models';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { finetuneSchema } from '../../src/cli/config/finetune-config.js';
import { divideArguments } from '../../src/cli/config/flag-source.js';
import { validateConfig } from '../../src/cli/config/validate.js';
import { readYaml } from '../../src/cli/config/yaml-source.js';
import { readCheckpoint } from '../../src/cli/run/checkpoint.js';
import { readLines } from '../../src/cli/run/json-lines.js';
import { sweepSchema } from '../../src/cli/sweep/sweep-config.js';
import { planTrials } from '../../src/cli/sweep/trials.js';
import { UsageError } from '../../src/cli/usage-error.js';
import { BuresError, ConfigError } from '../../src/core/errors.js';
import { damageBytes } from '../../tools/fuzz/damage-bytes.js';
import { Draw } from '../../tools/fuzz/draw.js';

const model = path.resolve(import.meta.dirname, '../../examples/models/tiny-math-base');
let root = '';
let tokenizer: Tokenizer;
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-fuzz-'));
  tokenizer = await loadTokenizer(model);
});
afterAll(() => rmSync(root, { recursive: true }));

const config = `model: m
data: d
rank: 4
alpha: 8.5
targetModules: [q_proj, v_proj]
methodOptions:
  gauge: svd
  every: 2
rankPattern: { q_proj: 3 }
clip: null
packing: true
samplePrompts:
  - "2 + 2 = "
  - |
    several
    lines
`;
const sweep = `base: &base
  model: m
  data: d
grid: { learningRate: [1e-3, 3e-3], rank: [2, 4] }
random:
  alpha: { min: 1, max: 2, log: true }
trials: 2
seeds: [0, 1]
out: o
`;
const rows = [
  '{"text": "1 + 1 = 2"}',
  '{"prompt": "a é", "completion": "b\\n", "id": [1, {"x": null}]}',
  '{"prompt": "", "completion": "c"}',
  '',
  '{"text": "\\ud83d\\ude00"}',
]
  .map((line) => `${line}\n`)
  .join('');
const state = JSON.stringify(
  {
    step: 3,
    learningRate: 1e-3,
    numbers: { 'adam.count': 3 },
    progress: { seconds: 1, tokens: 2, best: { step: 2, loss: 1.5 }, evaluationsSinceBest: 0, loss: 1 },
  },
  null,
  2,
);

/** Holds what comes of a damaged file against its promise; `message` is what every refusal has to say. */
async function expectTakenOrRefused(name: string, text: string, message: RegExp, use: (file: string) => Promise<unknown>, numRuns: number) {
  const file = path.join(root, name);
  let refused = 0;
  for (let seed = 0; seed < numRuns; seed++) {
    writeFileSync(file, damageBytes(new Draw(name, seed), Buffer.from(text)));
    try {
      await use(file);
    } catch (error) {
      refused++;
      expect(error, `seed ${seed}: ${(error as Error).stack}`).toBeInstanceOf(BuresError);
      expect((error as Error).message).toMatch(message);
    }
  }
  // Not all is noise: the changes are small, and some do no harm.
  expect(refused).toBeGreaterThan(numRuns / 10);
  expect(refused).toBeLessThan(numRuns);
}

it('the configuration of a run', async () => {
  const load = async (file: string) => validateConfig(finetuneSchema, [await readYaml('finetune', file)]);
  await expectTakenOrRefused('run.yaml', config, /run\.yaml:\d+: .*; |^(model|data) is missing .*; /s, load, 300);
});

it('the configuration of a sweep', async () => {
  const load = async (file: string) => planTrials(validateConfig(sweepSchema, [await readYaml('sweep', file)]));
  await expectTakenOrRefused('sweep.yaml', sweep, /sweep\.yaml:\d+: .*; |^(base|out)[.\w]* is missing .*; /s, load, 200);
});

it('rows of data', async () => {
  await expectTakenOrRefused(
    'rows.jsonl',
    rows,
    /rows\.jsonl:\d+.*; |rows\.jsonl must hold a line/s,
    (file) => readDataset(file, tokenizer),
    300,
  );
});

it('the record of a run', async () => {
  const record = '{"kind":"train","step":1,"loss":0.5}\n{"kind":"eval","step":1,"loss":"NaN"}\n{"kind":"train","step":2}\n';
  await expectTakenOrRefused('metrics.jsonl', record, /metrics\.jsonl:\d+( |: ).*; /s, (file) => readLines('report', file), 200);
});

it('the state of a checkpoint', async () => {
  await writeSafetensors(path.join(root, 'step-3', 'training_state.safetensors'), new Map());
  await expectTakenOrRefused(
    'step-3/training_state.json',
    state,
    /step-3\/training_state\.(json|safetensors).*; /s,
    (file) => readCheckpoint(path.dirname(file)),
    200,
  );
});

it('flags', () => {
  const name = fc.oneof(
    fc.constantFrom(...Object.keys(finetuneSchema.shape)).map((key) => key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)),
    fc.string({ maxLength: 6 }),
    fc.constantFrom('__proto__', 'constructor', 'method-options.a.b', 'method-options.__proto__', 'rank.', '.', '=', ''),
  );
  const value = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom('4', '-1', '1e999', 'null', '[', '{a: 1', '*a', '!!x y', '"', '\u0000', '\ud800', '? ', 'true', '[1, {2: 3}]'),
    fc.double().map(String),
  );
  const word = fc.oneof(
    name.map((one) => [`--${one}`]),
    fc.tuple(name, value).map(([one, its]) => [`--${one}`, its]),
    fc.tuple(name, value).map(([one, its]) => [`--${one}=${its}`]),
    value.map((one) => [one]),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 4 }), (words) => {
      try {
        const { source } = divideArguments('finetune', finetuneSchema, { switches: ['json'], valued: ['note'] }, words.flat());
        validateConfig(finetuneSchema, [{ values: { model: 'm', data: 'd' }, origin: () => 'here' }, source]);
      } catch (error) {
        expect(error, String((error as Error).stack)).toSatisfy((one) => one instanceof UsageError || one instanceof ConfigError);
        expect((error as Error).message).toMatch(/--.*; /s);
      }
      expect(Object.keys({})).toEqual([]);
      expect(Object.getPrototypeOf({ a: 1 })).toBe(Object.prototype);
    }),
    { numRuns: 500 },
  );
});

it('what is not damaged is taken', async () => {
  for (const [name, text, use] of [
    ['run.yaml', config, async (file: string) => validateConfig(finetuneSchema, [await readYaml('finetune', file)])],
    ['sweep.yaml', sweep, async (file: string) => planTrials(validateConfig(sweepSchema, [await readYaml('sweep', file)]))],
    ['rows.jsonl', rows, (file: string) => readDataset(file, tokenizer)],
  ] as const) {
    const file = path.join(root, name);
    writeFileSync(file, text);
    await expect(use(file)).resolves.toBeDefined();
    expect(readFileSync(file, 'utf8')).toBe(text);
  }
});
