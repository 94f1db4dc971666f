/** The flags of a command, one for each key of its schema, and its help: read and laid out by commander. */
import { Option, Command as Parser } from 'commander';
import type { z } from 'zod';
import type { JsonObject } from '../io/parse-json.js';
import { type Command, commonSchema, UsageError } from './command.js';
import { accepts, bare, choicesOf, flagName, metaOf, nearestKey, remedyElsewhere } from './config/keys.js';
import { mergeValues, nestedValue, validateConfig } from './config/validate.js';
import type { ConfigSource } from './config/yaml.js';
import { flagValue } from './flag-value.js';

/** A parsed command line. */
export interface ParsedArguments {
  readonly positionals: readonly string[];
  /** The flags of every command. */
  readonly common: z.infer<typeof commonSchema>;
  /** The values of the other flags, not validated yet. */
  readonly source: ConfigSource;
}

/** Maximum number of parts of a dotted key. */
const mostParts = 20;

/**
 * Parses `--flag`, `--flag value`, `--flag=value`, `--key.within value` and positional arguments; `--` ends the flags.
 *
 * @param name - name of the command, for messages.
 * @throws UsageError for an unknown flag, with the nearest one, a flag that is given twice or lacks its value, or a
 * wrong number of arguments; ConfigError if the value of a flag of every command is invalid.
 */
export function parseArguments(name: string, command: Command, argv: readonly string[]): ParsedArguments {
  const parser = parserOf(name, command);
  const shape: z.core.$ZodShape = { ...command.schema.shape, ...commonSchema.shape };
  const written = new Map<string, string>();
  let values: JsonObject = {};
  const read = (option: Option, path: readonly string[]): Option =>
    option.argParser((text: string) => {
      const place = path.join('.');
      if (path.length === 1 && metaOf(shape[place]).repeats === true) {
        // Each text is one of the list, just as it is written. The only one is no list if it need not be one.
        written.set(place, option.long ?? '');
        const before = [values[place] ?? []].flat();
        values = mergeValues(values, { [place]: before.length === 0 && accepts(shape[place], text) ? text : [...before, text] });
        return;
      }
      if (written.has(place)) throw new UsageError(`bures ${name}: ${option.long} is given twice; give it once`);
      written.set(place, option.long ?? '');
      values = mergeValues(values, nestedValue(path, flagValue(path.length === 1 ? shape[path[0]] : undefined, text)));
    });
  const keys = Object.keys(shape);
  for (const [index, option] of parser.options.entries()) read(option, [keys[index]]);
  const words = argv.map((word, i) => (word === '-h' && argv.slice(0, i).every((one) => one !== '--') ? '--help' : word));
  for (let i = 0; i < words.length && words[i] !== '--'; i++) {
    const [flag] = words[i].split('=', 1);
    const [key, ...within] = pathOf(name, shape, flag);
    if (key === undefined) continue;
    if (!parser.options.some(({ long }) => long === flag)) {
      // What lies within a key, or a key as a file spells it.
      const option = new Option('--key <VALUE>');
      option.long = flag;
      parser.addOption(read(option, [key, ...within]));
    }
    if (flag !== words[i]) continue;
    // Commander would take the word after a switch, or the next flag, for the value.
    const next = words.at(i + 1);
    if (within.length === 0 && isSwitch(shape[key])) {
      // Some of these are invalid, but are reported better as values than as arguments.
      const given = /^(true|false|yes|no|on|off|0|1)$/i.test(next ?? '');
      words.splice(i, given ? 2 : 1, `${flag}=${given ? next : true}`);
    } else if (next === undefined || next.startsWith('--'))
      throw new UsageError(
        `bures ${name}: ${flag} expects a value; write ${flag} ${within.length === 0 ? placeholderOf(shape[key]) : 'VALUE'}`,
      );
  }
  const { operands, unknown } = parser.parseOptions(words);
  if (unknown.length > 0) throw unknownFlag(name, keys, unknown[0]);
  const { json, debug, help, ...own } = values;
  const origin: ConfigSource['origin'] = (path) => originOf(written, path);
  const given = Object.fromEntries(Object.entries({ json, debug, help }).filter(([, value]) => value !== undefined));
  const common = validateConfig(commonSchema, [{ values: given, origin }]);
  if (!common.help) checkCount(name, command, operands);
  return { positionals: operands, common, source: { values: own, origin } };
}

/** Returns the path of the key that a flag gives; empty if it is no flag, or an unknown one. */
function pathOf(name: string, shape: z.core.$ZodShape, flag: string): readonly string[] {
  const [head, ...within] = flag.slice(2).split('.', mostParts + 1);
  const key = flag.startsWith('--') ? Object.keys(shape).find((one) => head === flagName(one) || head === one) : undefined;
  if (key === undefined) return [];
  if (within.length < mostParts) return [key, ...within];
  throw new UsageError(`bures ${name}: ${flag.slice(0, 40)}… has more than ${mostParts} parts; name a key`);
}

/** Returns the error for a flag that the command does not have. */
function unknownFlag(name: string, keys: readonly string[], word: string): UsageError {
  const [flag] = word.split('=', 1);
  const key = flag.replace(/^-+/, '').split('.', 1)[0];
  const elsewhere = remedyElsewhere(key);
  if (elsewhere !== undefined) return new UsageError(`bures ${name}: unknown flag ${flag}; ${elsewhere}`);
  const nearest = nearestKey(key, keys);
  const hint = nearest === undefined ? '' : `did you mean --${flagName(nearest)}? Or `;
  return new UsageError(`bures ${name}: unknown flag ${flag}; ${hint}see bures ${name} --help`);
}

/** Returns the flag that wrote a path, or the nearest part of it. */
function originOf(written: ReadonlyMap<string, string>, path: readonly PropertyKey[]): string {
  for (let length = path.length; length > 0; length--) {
    const flag = written.get(path.slice(0, length).join('.'));
    if (flag !== undefined) return flag;
  }
  const [inside] = [...written.entries()].filter(([key]) => key.startsWith(`${String(path[0])}.`));
  return inside?.[1] ?? `--${flagName(String(path[0]))}`;
}

function checkCount(name: string, { positionals }: Command, given: readonly string[]): void {
  const required = positionals.filter(({ optional }) => !optional);
  if (given.length < required.length) {
    const missing = required[given.length];
    throw new UsageError(`bures ${name}: ${missing.name} is missing (${missing.description}); see bures ${name} --help`);
  }
  if (given.length > positionals.length && positionals.at(-1)?.many !== true) {
    throw new UsageError(
      `bures ${name}: unexpected argument '${given[positionals.length]}'; ` +
        `${positionals.length === 0 ? 'the command takes none' : `the command takes ${positionals.map((one) => one.name).join(' ')}`}`,
    );
  }
}

/** Returns the flag of a key as it is given: `--out DIR`. */
export function flagUsage(schema: z.ZodObject, key: string): string {
  return `--${flagName(key)} ${placeholderOf(schema.shape[key])}`.trimEnd();
}

/** Formats `bures COMMAND --help`. */
export function commandHelp(name: string, command: Command): string {
  return parserOf(name, command).helpInformation();
}

/** Formats `bures --help`, with one line per command. */
export function programHelp(version: string, commands: readonly { readonly name: string; readonly summary: string }[]): string {
  const parser = quiet(new Parser('bures'))
    .usage('COMMAND …')
    .description(`bures ${version}: fine-tunes language models with LoRA and balanced LoRA, and inspects, balances and merges adapters.`);
  for (const { name, summary } of commands) parser.command(name).helpOption(false).description(summary);
  return `${parser.helpInformation()}
bures COMMAND --help explains a command. Every command takes --json and --debug.
The exit status is 0 for success, 1 for failure and 2 for misuse.
`;
}

/** Returns a parser that neither prints nor ends the process, and has no options of its own. */
function quiet(parser: Parser): Parser {
  return parser
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .configureHelp({ helpWidth: 92 })
    .helpOption(false)
    .helpCommand(false);
}

/** Returns the parser of a command, with an option for each key of its schema and for each flag of every command. */
function parserOf(name: string, { summary, details, positionals, schema, fromFile = false }: Command): Parser {
  const parser = quiet(new Parser(`bures ${name}`)).description(details === '' ? summary : `${summary}\n\n${details}`);
  for (const { name: word, description, optional = false, many = false } of positionals) {
    const repeated = many ? `${word}...` : word;
    parser.argument(optional ? `[${repeated}]` : `<${repeated}>`, description);
  }
  for (const { shape } of [schema, commonSchema]) {
    let group = 'Flags:';
    for (const [key, value] of Object.entries(shape)) {
      group = metaOf(value).group ?? group;
      parser.addOption(optionOf(key, value, fromFile).helpGroup(group));
    }
  }
  return parser;
}

function optionOf(key: string, schema: z.core.$ZodType, fromFile: boolean): Option {
  const { description = '' } = schema as z.ZodType;
  const placeholder = placeholderOf(schema);
  const needed = !fromFile && !accepts(schema, undefined) ? ' (required)' : '';
  const option = new Option(`--${flagName(key)}${placeholder === '' ? '' : ` <${placeholder}>`}`, description + needed);
  // The value of a switch is added to it before commander reads it.
  option.required = true;
  const choices = choicesOf(schema);
  if (choices !== undefined) option.choices(choices);
  const { data: standard } = (schema as z.ZodType).safeParse(undefined);
  const empty = typeof standard === 'object' && standard !== null && Object.keys(standard).length === 0;
  return standard === undefined || standard === false || empty ? option : option.default(standard);
}

function isSwitch(schema: z.core.$ZodType): boolean {
  return accepts(schema, true) && !accepts(schema, 'x');
}

/** Placeholders of values, by the type of the schema. */
const placeholders: Readonly<Record<string, string>> = { number: 'X', enum: 'WORD', array: 'LIST', record: 'KEYS' };

/** Returns the placeholder of a key's value; empty for a switch that is off unless it is given. */
function placeholderOf(schema: z.core.$ZodType): string {
  const { placeholder } = metaOf(schema);
  if (placeholder !== undefined) return placeholder;
  if (isSwitch(schema)) return (schema as z.ZodType).safeParse(undefined).data === false ? '' : 'true|false';
  const { type, format } = (bare(schema) as { readonly def: { readonly type: string; readonly format?: string } }).def;
  return format === 'safeint' ? 'N' : (placeholders[type] ?? 'TEXT');
}
