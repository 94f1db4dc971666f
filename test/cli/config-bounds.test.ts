/** Configurations and sweeps of any size: bounded before anything is built from them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finetune } from '../../src/cli/commands/finetune.js';
import { finetuneSchema } from '../../src/cli/config/finetune-config.js';
import { validateConfig } from '../../src/cli/config/validate.js';
import { configText, readYaml } from '../../src/cli/config/yaml.js';
import { parseArguments } from '../../src/cli/flags.js';
import { sweepSchema } from '../../src/cli/sweep/sweep-config.js';
import { planTrials } from '../../src/cli/sweep/trials.js';
import { methodOf } from '../../src/cli/training/training-plan.js';
import { nearestNames } from '../../src/core/nearest-names.js';
import { runCli } from './run-cli.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-bounds-'));
});
afterAll(() => rmSync(root, { recursive: true }));
const written = (content: string | Buffer): string => {
  writeFileSync(path.join(root, 'a.yaml'), content);
  return path.join(root, 'a.yaml');
};
const load = async (content: string | Buffer) => validateConfig(finetuneSchema, [await readYaml('finetune', written(content))]);
const minimal = 'model: m\ndata: d\n';
const nested = (levels: number): string => `methodOptions: ${'['.repeat(levels)}${']'.repeat(levels)}\n`;
const many = (count: number, line: (k: number) => string): string => Array.from({ length: count }, (_, k) => line(k)).join('\n');

describe('a configuration', () => {
  it('of 4,000 unknown keys has twenty of them listed', async () => {
    const outcome = load(`${minimal}${many(4000, (k) => `learningRate${k}: 1`)}`);
    await expect(outcome).rejects.toThrow(/^\S+a\.yaml:3: unknown key 'learningRate0'; did you mean 'learningRate'\?\n/);
    const message = await outcome.catch((error: Error) => error.message);
    expect(String(message).split('\n')).toHaveLength(21);
    expect(message).toMatch(/\nand 3980 more; correct these first$/);
  });

  it.each<[string, string | Buffer, RegExp]>([
    ['of wrong values has twenty of them listed', `${minimal}rankPattern:\n${many(3000, (k) => `  m${k}: no`)}\n`, /\nand 2980 more/],
    [
      'with a key twice among many',
      `${minimal}${many(10_000, (k) => `k${k}: 1`)}\nk17: 2\n`,
      /a\.yaml:10003: expected YAML, got: the key "k17" occurs twice in one map/,
    ],
    ['nested deeply', `${minimal}${nested(101)}`, /a\.yaml:3: expected YAML, got: more than 100 nested levels/],
    ['nested as deep as the stack', `${minimal}${nested(30_000)}`, /a\.yaml:3: expected YAML, got: more than 100 nested levels/],
    ['of block sequences', `a: \n  ${'- '.repeat(3000)}1\n`, /a\.yaml:\d+: expected YAML, got: more than 100 nested levels/],
    [
      'of aliases of aliases',
      many(30, (k) => (k === 0 ? 'k0: &a0 [x, x]' : `k${k}: &a${k} [*a${k - 1}, *a${k - 1}]`)),
      /a\.yaml:1: expected plain YAML, got: .*alias/,
    ],
    ['that contains itself', 'a: &a [*a]\n', /a\.yaml:1: expected plain YAML, got an alias within the value that it names/],
    ['of a map within itself', `${minimal}a: &a {b: [*a]}\n`, /a\.yaml:1: expected plain YAML, got an alias within/],
    ['of a long key', `${minimal}${'k'.repeat(1e5)}: 1\n`, /a\.yaml:\d+: .{0,400}$/],
    ['of a long value', `${minimal}rank: ${'x'.repeat(1e5)}\n`, /a\.yaml:3: rank must be a number, got "x{200}" …; /],
    ['of five megabytes', `${minimal}#${' '.repeat(5e6)}\n`, /expected \S+a\.yaml to have at most 131072 bytes, got 50000\d\d; give lists/],
    ['of 50,000 keys', `${minimal}${many(50_000, (k) => `k${k}: 1`)}`, /at most 131072 bytes, got \d+; .*divide a sweep/],
    // V8 ends the process where its stack runs out while it compiles a regular expression of the YAML library.
    [
      'of braces that nobody closes',
      `${minimal}methodOptions: ${'{'.repeat(100_000)}`,
      /a\.yaml:3: expected YAML, got: more than 100 nested levels/,
    ],
    ['of questions within questions', `${minimal}${'? '.repeat(50_000)}`, /a\.yaml:3: expected YAML, got: more than 100 nested levels/],
    ['of several documents', `${minimal}---\nrank: 3\n`, /a\.yaml:\d: expected YAML, got: several documents/],
    ['in Latin-1', Buffer.from(`${minimal}out: é\n`, 'latin1'), /a\.yaml:3: expected UTF-8 text, got 0xE9 at byte 6 of line 3/],
    ['in UTF-16', Buffer.from(`\ufeff${minimal}`, 'utf16le'), /a\.yaml:1: expected UTF-8 text, got UTF-16LE by its byte-order mark/],
  ])('%s is refused in few words', async (_name, content, message) => {
    const outcome = load(content);
    await expect(outcome).rejects.toThrow(message);
    expect(String(await outcome.catch((error: Error) => error.message)).length).toBeLessThan(20_000);
  });

  it('of a hundred levels is read', async () => {
    const values = `${minimal}methodOptions: { a: ${'['.repeat(97)}${']'.repeat(97)} }\n`;
    expect((await load(values)).methodOptions).toHaveProperty('a');
  });

  it('is refused where it is too long to be read again once it is written', () => {
    expect(() => configText('finetune', { samplePrompts: Array.from({ length: 30_000 }, () => 'x') })).toThrow(
      /^finetune: expected a configuration of at most 131072 characters when it is written as YAML, got \d+; /,
    );
  });

  it.each(['{'.repeat(20_000), '- '.repeat(20_000), 'x'.repeat(200_000), '{a: 1, a: 2}'])('in flags that is no YAML is a text', (text) => {
    const { source } = parseArguments('finetune', finetune, ['--model', text]);
    expect(source.values.model).toBe(text);
  });

  it('in flags has keys of few parts', () => {
    const name = `--method-options${'.a'.repeat(60_000)}`;
    const divide = () => parseArguments('finetune', finetune, [name, '1']);
    expect(divide).toThrow(/has more than 20 parts; name a key/);
  });
});

describe('a count in a configuration or a flag', () => {
  it.each<[Readonly<Record<string, unknown>>, RegExp]>([
    [{ accumulate: 1e9 }, /accumulate must be at most 4096, got 1000000000; it means: batches whose gradients make one step/],
    [{ rank: 1e9 }, /rank must be at most 65536, got 1000000000/],
    [{ rankPattern: { q_proj: 1e9 } }, /rankPattern.q_proj must be at most 65536, got 1000000000/],
    [{ epochs: 1e300 }, /epochs must be at most 1000000, got 1e\+300/],
  ])('%j is refused', async (values, message) => {
    await expect(load(`${minimal}${JSON.stringify(values).slice(1, -1)}`.replaceAll('"', '').replaceAll(':', ': '))).rejects.toThrow(
      message,
    );
  });

  it.each([
    ['lora-ga', { batches: 1e9 }, /methodOptions: loraGa: batches must be a finite number at most 4096, got 1000000000/],
    ['lora-ga', { batches: 1e300 }, /methodOptions: loraGa: batches must be a finite number at most 4096, got 1e\+300/],
  ])('of the method %s, %j, is refused', (method, methodOptions, message) => {
    const config = validateConfig(finetuneSchema, [{ values: { model: 'm', data: 'd', method, methodOptions }, origin: () => 'here' }]);
    expect(() => methodOf(config)).toThrow(message);
  });

  /** Where a value of 2⁵³ − 1 costs nothing: nothing is made of that size, and no loop goes there. */
  it('that is none of these may be any', async () => {
    const free = ['warmup', 'steps', 'batchSize', 'maxLength', 'seed', 'evalEvery', 'evalRows', 'patience', 'saveEvery'];
    const more = ['keepCheckpoints', 'sampleTokens', 'logEvery', 'layersToTransform'];
    const counts = Object.entries(finetuneSchema.shape).filter(
      ([, schema]) => schema.safeParse(3).success && !schema.safeParse(3.5).success,
    );
    expect(counts.map(([name]) => name).sort()).toEqual([...free, ...more, 'rank', 'accumulate'].sort());
    for (const name of [...free, ...more]) expect(await load(`${minimal}${name}: ${Number.MAX_SAFE_INTEGER}`)).toHaveProperty(name);
  });

  it.each([
    ['complete', '--seed', String(Number.MAX_SAFE_INTEGER), 'be at most 9007199254740990, got 9007199254740991'],
    ['complete', '--max-iterations', '1e300', 'be at most 9007199254740991, got 1e+300'],
    ['generate', '--top-k', '0', 'be at least 1, got 0'],
  ])('%s %s %s is refused', async (command, flag, value, wanted) => {
    const { status, stderr } = await runCli(command, 'nowhere', flag, value);
    expect([status, stderr]).toEqual([2, expect.stringContaining(`${flag}: must ${wanted}; it means: `)]);
  });
});

describe('a sweep', () => {
  const plan = (values: object) =>
    planTrials(validateConfig(sweepSchema, [{ values: { out: 'o', base: {}, ...values }, origin: () => 'here' }]));
  const list = (length: number) => Array.from({ length }, (_, k) => k);

  it.each<[string, object, string]>([
    [
      'trials',
      { random: { alpha: { min: 1, max: 2 } }, trials: 100_000_000 },
      'got 100000000: 100000000 draws (trials) × 1 combination (grid) × 1 seed',
    ],
    ['seeds', { seeds: list(300_000) }, 'got 300000: 1 draw (trials) × 1 combination (grid) × 300000 seeds'],
    ['a grid', { grid: Object.fromEntries(list(40).map((k) => [`k${k}`, list(10)])) }, 'e+39: 1 draw (trials) × '],
    [
      'all of them',
      { grid: { rank: list(30) }, seeds: list(20), random: { alpha: [1] }, trials: 17 },
      'got 10200: 17 draws (trials) × 30 combinations (grid) × 20 seeds',
    ],
  ])('of too many runs by %s is counted before it is built', (_name, values, message) => {
    expect(() => plan(values)).toThrow(message);
  });

  it('of as many runs as there may be is planned', () => {
    expect(plan({ grid: { rank: list(100) }, seeds: list(100) })).toHaveLength(10_000);
    // Draws from nothing are one.
    expect(plan({ trials: 100_000_000 })).toHaveLength(1);
  });

  it.each([
    [{ parallel: 1e9 }, 'parallel must be at most 1024, got 1000000000'],
    [{ random: { alpha: { min: -1e308, max: 1e308 } } }, 'must span a range that float64 can hold'],
  ])('%j is refused', (values, message) => {
    expect(() => plan(values)).toThrow(message);
  });

  it('is refused by the command with the count', async () => {
    const file = written('base: { model: m, data: d }\nrandom: { alpha: { min: 1, max: 2 } }\ntrials: 100000000\nout: o\n');
    const { status, stderr } = await runCli('sweep', file, '--plan');
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/sweep: expected at most 10000 runs, got 100000000/);
  });
});

describe('the nearest names', () => {
  it('are those of the first candidates, and of names that a person would write', () => {
    function* candidates(): Generator<string> {
      for (let k = 0; k < 1e4; k++) yield `name-${k}`;
      throw new Error('read further than bounded');
    }
    expect(nearestNames('name-77', candidates(), 1)).toEqual(['name-77']);
    expect(nearestNames('x'.repeat(1e6), ['x'])).toEqual([]);
    expect(nearestNames('rank', ['r'.repeat(1e6), 'rnak'])).toEqual(['rnak']);
  });
});
