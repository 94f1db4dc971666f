import { parseArgs } from 'node:util';
import { nearestNames } from '../core/nearest-names.js';
import type { Command } from './command.js';
import { type DividedArguments, divideArguments } from './config/flag-source.js';
import type { ConfigSource } from './config/yaml-source.js';
import { commonFlags, type Flag, type Flags, type FlagValues } from './flags.js';
import { UsageError, unknownFlag } from './usage-error.js';

/** A parsed command line. */
export interface ParsedArguments<F extends Flags> {
  readonly positionals: readonly string[];
  readonly flags: FlagValues<F & typeof commonFlags>;
  readonly configSource: ConfigSource;
}

/**
 * Parses `--flag`, `--flag value`, `--flag=value` and positional arguments; `--` ends the flags.
 *
 * @param name - name of the command, for messages.
 * @param command - the command, with its flags and arguments.
 * @param argv - the words after the command's name.
 * @throws UsageError for an unknown flag or a wrong number of arguments, with the nearest flag and the usage.
 */
export function parseArguments<F extends Flags>(name: string, command: Command<F>, argv: readonly string[]): ParsedArguments<F> {
  const known: Flags = { ...command.flags, ...commonFlags };
  const { rest, source: configSource } = configArguments(name, command, known, argv);
  const values: Record<string, boolean | number | string | undefined> = {};
  for (const [flag, { kind }] of Object.entries(known)) values[flag] = kind === 'switch' ? false : undefined;
  const positionals: string[] = [];
  for (const token of tokenize(known, rest)) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (flag === undefined || token.rawName.length === 2) {
      const [nearest] = nearestNames(token.rawName.replace(/^-+/, ''), Object.keys(known), 1);
      throw unknownFlag(name, token.rawName, nearest);
    }
    if (token.name in values && values[token.name] !== undefined && values[token.name] !== false)
      throw new UsageError(`bures ${name}: --${token.name} is given twice; give it once`);
    values[token.name] = flagValue(name, token.name, flag, token.value);
  }
  if (values.help !== true) checkCount(name, command, positionals);
  return { positionals, flags: values as FlagValues<F & typeof commonFlags>, configSource };
}

/** Separates the flags of the command's configuration from the others. */
function configArguments<F extends Flags>(
  name: string,
  { configSchema }: Command<F>,
  known: Flags,
  argv: readonly string[],
): DividedArguments {
  if (configSchema === undefined) return { rest: argv, source: { values: {}, origin: () => 'the command line' } };
  const named = (wanted: (kind: string) => boolean) => Object.keys(known).filter((flag) => wanted(known[flag].kind));
  const own = { switches: named((kind) => kind === 'switch'), valued: named((kind) => kind !== 'switch') };
  return divideArguments(name, configSchema, own, argv);
}

function tokenize(known: Flags, argv: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(known).map(([flag, { kind }]) => [flag, { type: kind === 'switch' ? ('boolean' as const) : ('string' as const) }]),
  );
  // `-3` after a flag is its value; util.parseArgs would take it for another flag.
  const joined: string[] = [];
  for (const word of argv) {
    const before = joined.at(-1);
    const expects = before?.startsWith('--') && !before.includes('=') && options[before.slice(2)]?.type === 'string';
    if (before !== undefined && expects && /^-\.?\d/.test(word)) joined[joined.length - 1] = `${before}=${word}`;
    else joined.push(word);
  }
  return parseArgs({ args: joined, options, strict: false, tokens: true, allowPositionals: true }).tokens;
}

function flagValue(name: string, flagName: string, flag: Flag, value: string | undefined): boolean | number | string {
  if (flag.kind === 'switch') {
    if (value !== undefined) throw new UsageError(`bures ${name}: --${flagName} takes no value, got '${value}'; write --${flagName} alone`);
    return true;
  }
  if (value === undefined || value === '') {
    throw new UsageError(`bures ${name}: --${flagName} expects a value; write --${flagName} ${flag.placeholder}`);
  }
  if (flag.kind === 'number') return numberValue(name, flagName, flag, value);
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    throw new UsageError(`bures ${name}: --${flagName} must be one of ${flag.choices.join(', ')}, got '${value}'; pass one of them`);
  }
  return value;
}

function numberValue(name: string, flagName: string, flag: Flag & { kind: 'number' }, text: string): number {
  const number = Number(text);
  const { integer = false, min = Number.NEGATIVE_INFINITY, max = integer ? Number.MAX_SAFE_INTEGER : Number.POSITIVE_INFINITY } = flag;
  if (Number.isFinite(number) && (!integer || Number.isInteger(number)) && number >= min && number <= max) return number;
  const bound = number > max ? ` of at most ${max}` : Number.isFinite(min) ? ` of at least ${min}` : '';
  const wanted = `${integer ? 'an integer' : 'a number'}${bound}`;
  throw new UsageError(`bures ${name}: --${flagName} must be ${wanted}, got '${text}'; pass one`);
}

function checkCount<F extends Flags>(name: string, { positionals }: Command<F>, given: readonly string[]): void {
  const required = positionals.filter(({ optional }) => !optional);
  if (given.length < required.length) {
    const missing = required[given.length];
    throw new UsageError(`bures ${name}: ${missing.name} is missing (${missing.description}); see bures ${name} --help`);
  }
  if (given.length > positionals.length && positionals.at(-1)?.many !== true) {
    throw new UsageError(
      `bures ${name}: one argument too many, '${given[positionals.length]}'; ` +
        `${positionals.length === 0 ? 'it takes none' : `it takes ${positionals.map((one) => one.name).join(' ')}`}`,
    );
  }
}
