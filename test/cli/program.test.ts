/** The frame of the command: arguments, help, exit statuses, and where its words go. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Command, commonSchema, defineCommand, UsageError } from '../../src/cli/command.js';
import { flagName } from '../../src/cli/config/keys.js';
import { validateConfig } from '../../src/cli/config/validate.js';
import { parseArguments } from '../../src/cli/flags.js';
import { commandEntries } from '../../src/cli/registry.js';
import { BuresError, ConfigError } from '../../src/core/errors.js';
import { commandLine } from '../support/command-line.js';
import { runCli } from './run-cli.js';

const repository = path.resolve(import.meta.dirname, '../..');

describe('the program', () => {
  it('explains itself, and every command', async () => {
    const { status, stdout, stderr } = await runCli('--help');
    expect(status).toBe(0);
    expect(stderr).toBe('');
    for (const { name } of commandEntries) {
      expect(stdout).toContain(`\n  ${name} `);
      const help = await runCli(name, '--help');
      expect(help).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining(`Usage: bures ${name}`) });
      expect(help).toEqual(await runCli('help', name));
      expect(Math.max(...help.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(92);
    }
  });

  it('shows of a flag what its schema says', async () => {
    const { stdout } = await runCli('finetune', '--help');
    const text = stdout.replaceAll(/\s+/g, ' ');
    for (const part of [
      'Usage: bures finetune [options] [config.yaml]',
      'Method: --method <NAME> LoRA method, such as lora or balora (default: "balora")',
      '--rank <N> rank r of the adapters (default: 16)',
      '--bias <WORD> biases that are trained as well (choices: "none", "all", "lora_only", default: "none")',
      '--packing whether rows, which do not see each other, are packed into full sequences',
      '--mask-prompt <true|false> whether the model is trained on completions only, not on prompts (default: true)',
      'Flags of every command: --json print only the result',
    ])
      expect(text).toContain(part);
    expect((await runCli('balance', '--help')).stdout).toContain('--out <DIR>   folder for the balanced adapter (required)');
  });

  it('names a required flag that is missing, with the command', async () => {
    expect(await runCli('balance', 'nowhere')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'error: bures balance: --out DIR is missing (folder for the balanced adapter); add it\n',
    });
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
    expect(await runCli('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('takes an unknown command or flag for misuse, and suggests the nearest', async () => {
    expect(await runCli('docter')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('did you mean doctor?') });
    expect(await runCli('doctor', '--secnds', '1')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean --seconds?'),
    });
    expect(await runCli('doctor', 'twice')).toMatchObject({ status: 2, stderr: expect.stringContaining("unexpected argument 'twice'") });
  });

  it('shows a stack trace only when asked', async () => {
    expect((await runCli('docter')).stderr).not.toContain('    at ');
    expect((await runCli('docter', '--debug')).stderr).toContain('    at ');
  });

  it('shows what a terminal would act on instead of passing it through', async () => {
    const { stderr } = await runCli('a\u001b[31m\u202eb\ufeff');
    expect(stderr).toContain("unknown command 'a\\u{1b}[31m\\u{202e}b\\u{feff}'");
  });

  it('as a process: status, streams, JSON', async () => {
    const { status, stdout } = await runProcess('doctor', '--seconds', '0', '--json');
    expect(status).toBe(0);
    const found = JSON.parse(stdout) as {
      environment: { versions: object };
      backends: { name: string; available: boolean; reason?: string }[];
    };
    expect(found.environment.versions).toMatchObject({ node: process.version });
    expect(found.backends.map(({ name }) => name)).toEqual(['tensorflow', 'webgpu', 'wasm', 'cpu']);
    expect(found.backends.find(({ name }) => name === 'cpu')?.available).toBe(true);
    for (const { available, reason } of found.backends) expect(available || (reason ?? '').length > 20).toBe(true);
    expect(await runProcess('doctor', '--backend', 'metal')).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('arguments', () => {
  const command = defineCommand({
    summary: '',
    details: '',
    positionals: [
      { name: 'FIRST', description: 'the first' },
      { name: 'REST', description: 'the rest', optional: true, many: true },
    ],
    schema: z.strictObject({
      on: z.boolean().default(false).describe('whether it is on'),
      rate: z.number().optional().describe('how fast'),
      count: z.int().min(1).default(3).describe('how many'),
      mode: z.enum(['a', 'b']).optional(),
      noteText: z.string().min(1).optional().meta({ placeholder: 'WORDS' }),
    }),
    run: async () => ({ data: null, text: '' }),
  });
  const parse = (...argv: string[]) => {
    const { source, ...rest } = parseArguments('try', command, argv);
    return { ...rest, values: validateConfig(command.schema, [source]) };
  };

  it('are read in any order, joined by = or not, negative numbers among them', () => {
    const { positionals, values, common } = parse('x', '--rate', '-1e-3', '--on', 'y', '--note-text=a=b', '-7', '--', '--rate');
    expect(positionals).toEqual(['x', 'y', '-7', '--rate']);
    expect(values).toEqual({ rate: -1e-3, on: true, noteText: 'a=b', count: 3 });
    expect(common).toEqual({ json: false, debug: false, help: false });
    expect(parse('x', '--on', 'false', '--json=true')).toMatchObject({ values: { on: false }, common: { json: true } });
  });

  it.each([
    [['x', '--note-text'], '--note-text expects a value; write --note-text WORDS'],
    [['x', '--note-text', '--rate'], '--note-text expects a value'],
    [['x', '--rate', '1', '--rate', '2'], '--rate is given twice'],
    [['x', '--on', '--on'], '--on is given twice'],
    [['x', '-r'], 'unknown flag -r'],
    [['x', '--constructor', '1'], 'unknown flag --constructor'],
    [[], 'FIRST is missing (the first)'],
  ])('%j is misuse', (argv, message) => {
    expect(() => parse(...argv)).toThrow(UsageError);
    expect(() => parse(...argv)).toThrow(message);
  });

  it.each([
    [['x', '--rate', 'fast'], '--rate: must be a number, got "fast"; it means: how fast'],
    [['x', '--rate', 'Infinity'], '--rate: must be a number, got "Infinity"'],
    [['x', '--count', '1.5'], '--count: must be an integer, got 1.5; it means: how many'],
    [['x', '--count', '0'], '--count: must be at least 1, got 0'],
    [['x', '--mode', 'c'], '--mode: must be one of a, b, got "c"'],
    [['x', '--on=yes'], '--on: must be a boolean, got "yes"'],
    [['x', '--json=2'], '--json: must be a boolean, got 2'],
  ])('%j have a wrong value', (argv, message) => {
    expect(() => parse(...argv)).toThrow(ConfigError);
    expect(() => parse(...argv)).toThrow(message);
  });

  it('that are arbitrary words give a result, or an error of ours', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--rate', '--on', '--', '--note-text', '-', '---', '--=', '--no-on', '--__proto__', '--on.x'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
        try {
          expect(parse(...argv).positionals.every((one) => typeof one === 'string')).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(BuresError);
        }
      }),
    );
  });

  it('that the documentation writes are there', async () => {
    const flagsOf = new Map<string, readonly string[]>();
    for (const { name, load } of commandEntries)
      flagsOf.set(name, [...Object.keys((await load()).schema.shape), ...Object.keys(commonSchema.shape)].map(flagName));
    // The page of completions writes flags alone, of either command.
    flagsOf.set('', [...(flagsOf.get('complete') ?? []), ...(flagsOf.get('recommend') ?? [])]);
    let checked = 0;
    for (const page of ['README.md', 'docs/fine-tuning.md', 'docs/completion.md']) {
      const text = readFileSync(path.join(repository, page), 'utf8');
      const calls = [...text.matchAll(/\bbures(?: --)? ([a-z]+)((?: [^\n`|#]*)?)/g)].filter(([, name]) => flagsOf.has(name));
      const inline = page === 'docs/completion.md' ? [...text.matchAll(/`()(--[^`]*)`/g)] : [];
      for (const [, name, words] of [...calls, ...inline])
        for (const [, flag] of words.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)) {
          expect(flagsOf.get(name), `${page}: ${name} ${words}`).toContain(flag);
          checked++;
        }
    }
    expect(checked).toBeGreaterThan(30);
  });

  it('of every command have a description', async () => {
    for (const { load } of commandEntries) {
      const { schema, positionals, summary }: Command = await load();
      expect(summary).toMatch(/\.$/);
      for (const { description } of [...Object.values(schema.shape as Record<string, z.ZodType>), ...positionals])
        expect(description).toMatch(/.{8}/);
    }
  });
});

function runProcess(...argv: readonly string[]): Promise<{ status: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...commandLine, ...argv], { cwd: repository }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}
