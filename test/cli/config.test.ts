/** Configurations: file and flags, what is refused and how, and the file that is written back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finetune } from '../../src/cli/commands/finetune.js';
import { type FinetuneConfig, finetuneSchema } from '../../src/cli/config/finetune-config.js';
import { flagName } from '../../src/cli/config/keys.js';
import { validateConfig } from '../../src/cli/config/validate.js';
import { configText, readYaml } from '../../src/cli/config/yaml.js';
import { parseArguments } from '../../src/cli/flags.js';
import { BuresError, ConfigError } from '../../src/core/errors.js';
import { runCli } from './run-cli.js';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'bures-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function written(content: string | Uint8Array): string {
  const file = path.join(directory, 'a.yaml');
  writeFileSync(file, content);
  return file;
}

const parse = (argv: readonly string[]) => parseArguments('finetune', finetune, argv);

async function load(content: string | Uint8Array, ...argv: string[]): Promise<FinetuneConfig> {
  return validateConfig(finetuneSchema, [await readYaml('finetune', written(content)), parse(argv).source]);
}

const minimal = 'model: m\ndata: d\n';

describe('a configuration', () => {
  it('has defaults, and flags win over the file', async () => {
    const config = await load(
      `${minimal}rank: 4\nmethodOptions:\n  gauge: svd\n  every: 2\n`,
      '--rank',
      '8',
      '--method-options.gauge',
      'nearest',
    );
    expect(config).toMatchObject({ rank: 8, methodOptions: { gauge: 'nearest', every: 2 }, clip: 1 });
  });

  it('takes numbers, lists, null and switches from flags, and text that looks like a number', async () => {
    const argv = [
      '--learning-rate',
      '1e-3',
      '--clip',
      'null',
      '--target-modules',
      '[q_proj, v_proj]',
      '--packing',
      '--mask-prompt=false',
      '--out',
      '7',
    ];
    expect(await load(minimal, ...argv)).toMatchObject({
      learningRate: 1e-3,
      clip: null,
      targetModules: ['q_proj', 'v_proj'],
      packing: true,
      maskPrompt: false,
      out: '7',
    });
  });

  it.each([
    ['rnak: 4', /a\.yaml:3: unknown key 'rnak'; did you mean 'rank'\?/],
    ['lora_alpha: 4', /a\.yaml:3: unknown key 'lora_alpha'; did you mean 'alpha'\?/],
    ['learning_rate: 4', /did you mean 'learningRate'\?/],
    ['max_grad_norm: 1', /did you mean 'clip'\?/],
    ['rank: 2.5', /a\.yaml:3: rank must be an integer, got 2\.5; it means: rank r of the adapters/],
    ['rank: 0', /a\.yaml:3: rank must be at least 1, got 0/],
    ['rank: four', /a\.yaml:3: rank must be a number, got "four"/],
    ['learningRate: 0', /a\.yaml:3: learningRate must be above 0, got 0/],
    ['schedule: cubic', /a\.yaml:3: schedule must be one of constant, linear, cosine, got "cubic"/],
    ['rankPattern:\n  q: 3\n  v: x', /a\.yaml:5: rankPattern\.v must be a number, got "x"/],
    ['samplePrompts: x', /a\.yaml:3: samplePrompts must be a list, got "x"/],
    ['targetModules: 3', /a\.yaml:3: targetModules must be .* or .*, got 3/],
    ['samplePrompts: [a, 3]', /a\.yaml:3: samplePrompts\.1 must be a string, got 3/],
    ['rank: 1\nrank: 2', /a\.yaml:4: expected YAML, got: the key "rank" occurs twice in one map/],
    ['rank: [1', /a\.yaml:\d: expected YAML/],
    ['a: &x [*x]', /a\.yaml:\d/],
  ])('with %j says what is wrong, and where', async (line, message) => {
    await expect(load(minimal + line)).rejects.toThrow(ConfigError);
    await expect(load(minimal + line)).rejects.toThrow(message);
  });

  it.each<[readonly string[], RegExp]>([
    [['--data-weights', '1,0'], /^--data-weights: dataWeights\.1 must be above 0, got 0;/m],
    [['--data-weights', '1,-2'], /dataWeights\.1 must be above 0, got -2/],
    [['--data-weights', '1,x'], /dataWeights\.1 must be a number, got "x"/],
    [['--data-weights', '0'], /dataWeights\.0 must be above 0, got 0/],
    [['--data-weights', ''], /dataWeights\.0 must be a number, got ""/],
    [['--layers-to-transform', '0,-1'], /layersToTransform\.1 must be at least 0, got -1/],
    [['--layers-to-transform', '0,1.5'], /layersToTransform\.1 must be an integer, got 1\.5/],
    [['--modules-to-save', 'a b'], /modulesToSave\.0 must be a name without spaces, got "a b"/],
    [['--modules-to-save', ''], /modulesToSave\.0 must be a name without spaces, got ""/],
    [['--sample-prompts', ''], /samplePrompts\.0 must not be empty, got ""/],
    [['--start', ''], /--start: must not be empty, got ""/],
    [['--rank', ''], /--rank: must be a number, got ""/],
    [['--clip', ''], /--clip: must be a number, got ""/],
    [['--today', '2020'], /--today: .*, got "2020"/],
    [['--warmup', '1.5'], /--warmup: must be a whole number of steps, or a fraction of the steps below 1, got 1\.5/],
    [['--warmup', '-1'], /--warmup: must be at least 0, got -1/],
  ])('of the flags %j says what is wrong with which entry, as it was typed', async (argv, message) => {
    await expect(load(minimal, ...argv)).rejects.toThrow(message);
  });

  it.each<[readonly string[], object]>([
    [['--start', 'null'], { start: 'null' }],
    [['--out', 'true'], { out: 'true' }],
    [['--modules-to-save', 'null'], { modulesToSave: ['null'] }],
    [['--data-weights', '1,1e-1'], { dataWeights: [1, 0.1] }],
    [['--clip', 'null'], { clip: null }],
    [['--warmup', '0.03'], { warmup: 0.03 }],
  ])('of the flags %j takes what YAML would not leave as it is', async (argv, values) => {
    expect(await load(minimal, ...argv)).toMatchObject(values);
  });

  it.each<[string, RegExp]>([
    ['[{ data: d, promptcolumn: q }]', /a\.yaml:2: unknown key 'data\.0\.promptcolumn'; did you mean 'promptColumn'\?/],
    ['[x, { weight: 2 }]', /data\.1\.data is missing/],
    ['[x, { data: d, weight: 0 }]', /data\.1\.weight must be above 0, got 0/],
    ['[x, { data: d, textColumn: 3 }]', /data\.1\.textColumn must be a string, got 3/],
    ['[x, 3]', /data\.1 must be a string or keys and values, got 3/],
    ['[]', /data must have at least 1 entry/],
  ])('with the data sets %j names the key that is wrong', async (data, message) => {
    await expect(load(`model: m\ndata: ${data}\n`)).rejects.toThrow(message);
  });

  it('says all that is wrong at once, and whether a flag said it', async () => {
    await expect(load('model: 3\nrank: x\n', '--alpha', '-1')).rejects.toThrow(
      /a\.yaml:1: model must be a string.*\ndata is missing.*\n.*a\.yaml:2: rank.*\n--alpha: must be above 0, got -1/,
    );
  });

  it('of something else than keys and values is refused', async () => {
    await expect(load('- 1\n- 2\n')).rejects.toThrow(/a\.yaml:1: expected keys and values/);
    await expect(load('')).rejects.toThrow('model is missing');
    await expect(load(Buffer.concat([Buffer.from(minimal), Buffer.from([0xff, 0xfe])]))).rejects.toThrow(/a\.yaml:3: expected UTF-8/);
    await expect(readYaml('finetune', path.join(directory, 'none.yaml'))).rejects.toThrow(/cannot read .*none\.yaml/);
  });

  it('written back is the same configuration', async () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          model: text,
          data: text,
          samplePrompts: fc.array(text),
          learningRate: fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
          methodOptions: fc.dictionary(text, fc.jsonValue()),
        }),
        async (values) => {
          const config = validateConfig(finetuneSchema, [
            { values: JSON.parse(JSON.stringify(values)) as typeof values, origin: () => 'here' },
          ]);
          expect(await load(configText('finetune', config))).toEqual(config);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of arbitrary bytes is read or refused by name of the file, never with another error', async () => {
    const scraps = fc.constantFrom(
      'model: m\n',
      'rank:',
      ' 4\n',
      '? ',
      '- ',
      '&a ',
      '*a',
      '!!js ',
      '{',
      '}',
      '"',
      '\t',
      '<<: *a\n',
      '%YAML 9\n',
      '---\n',
      '__proto__: 1\n',
    );
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(fc.oneof(scraps, fc.string({ maxLength: 5 })), { maxLength: 8 }).map((parts) => Buffer.from(parts.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(content, async (bytes) => {
        try {
          await load(bytes, '--model', 'm', '--data', 'd');
        } catch (error) {
          expect(error).toBeInstanceOf(BuresError);
          expect((error as Error).message).toMatch(/a\.yaml:\d+: |is missing/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('flags of keys', () => {
  it('are the keys in kebab case, each with a meaning', () => {
    expect(flagName('learningRate')).toBe('learning-rate');
    for (const [key, schema] of Object.entries(finetuneSchema.shape)) expect(`${key}: ${schema.description}`).toMatch(/: .{10}/);
  });

  it.each([
    [['--rnak', '4'], 'unknown flag --rnak; did you mean --rank?'],
    [['--lr', '1e-3'], 'did you mean --learning-rate? Or see bures finetune --help'],
    [['--zzzzzz', '1'], 'unknown flag --zzzzzz; see bures finetune --help'],
    [['--rank'], '--rank expects a value'],
    [['--rank', '--alpha', '1'], '--rank expects a value'],
    [['--rank', '1', '--rank', '2'], '--rank is given twice'],
    [['--rank', '1', '--rank=2'], '--rank is given twice'],
    [['--method-options.every', '1', '--method-options.every', '2'], '--method-options.every is given twice'],
    [['--rank.x=1', '--rnak.x'], 'unknown flag --rnak.x; did you mean --rank?'],
    [['--__proto__', '1'], 'unknown flag --__proto__'],
  ])('%j are refused', (argv, message) => {
    expect(() => parse(argv)).toThrow(message);
  });

  it.each([
    [['--target-modules', 'q_proj,v_proj'], { targetModules: ['q_proj', 'v_proj'] }],
    [['--target-modules', 'q_proj'], { targetModules: 'q_proj' }],
    [['--target-modules', '[q_proj]'], { targetModules: ['q_proj'] }],
    [['--target-modules', String.raw`layers\.\d{1,2}\.q_proj`], { targetModules: String.raw`layers\.\d{1,2}\.q_proj` }],
    [['--modules-to-save', 'lm_head, norm'], { modulesToSave: ['lm_head', 'norm'] }],
    [['--sample-prompts', 'Hello,world'], { samplePrompts: ['Hello,world'] }],
    [['--sample-prompts', 'Q: a: b'], { samplePrompts: ['Q: a: b'] }],
    [['--sample-prompts', '[a, b]'], { samplePrompts: ['a', 'b'] }],
    [['--packing', 'file.yaml'], { packing: true }],
    [['--packing', 'yes'], { packing: 'yes' }],
    [['--model', '"a b" # c'], { model: '"a b" # c' }],
    [['--learningRate', '1'], { learningRate: 1 }],
    [['--rank-pattern.a,b c', '3'], { rankPattern: { 'a,b c': 3 } }],
    [['--method-options.__proto__', '3'], { methodOptions: Object.fromEntries([['__proto__', 3]]) }],
  ])('%j mean %j', (argv, values) => {
    expect(parse(argv).source.values).toEqual(values);
  });

  it('say that a key that is missing may be one', async () => {
    expect(await runCli('finetune', '--data', 'd')).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error: model is missing \(.*\); write it into the file, or pass it as a flag, --model MODEL\n$/),
    });
    await expect(load('data: d')).rejects.toThrow(/^model is missing \(.*\); write it into the file$/);
  });

  it('are told from the flags of every command and from arguments', () => {
    const { positionals, source, common } = parse(['a.yaml', '--json', '--rank', '3']);
    expect(positionals).toEqual(['a.yaml']);
    expect(common).toEqual({ json: true, debug: false, help: false });
    expect(source.values).toEqual({ rank: 3 });
  });
});
