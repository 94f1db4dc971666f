/** The flags `--key value` of a configuration: one flag per key, in kebab case, with dots for nested keys. */
import { LineCounter } from 'yaml';
import type { z } from 'zod';
import type { JsonObject } from '../../io/parse-json.js';
import { UsageError, unknownFlag } from '../usage-error.js';
import { mergeValues } from './merge-values.js';
import { nearestKey } from './nearest-key.js';
import { parseYaml } from './parse-yaml.js';
import type { ConfigSource } from './yaml-source.js';

/** The words of a command line, divided between command and configuration. */
export interface DividedArguments {
  /** The command's own flags and the positional arguments. */
  readonly rest: readonly string[];
  /** The values of the configuration's keys. */
  readonly source: ConfigSource;
}

/** Returns the flag of a key: `learning-rate` for `learningRate`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

/** Maximum number of parts of a dotted key. */
const mostParts = 20;

/**
 * Extracts the flags that are keys of a configuration from a command line.
 *
 * @param command - name of the command, for messages.
 * @param schema - schema of the configuration.
 * @param own - the command's own flags, without dashes; those in `switches` take no value.
 * @throws UsageError for an unknown flag, with the nearest known one, or for a flag without its value.
 */
export function divideArguments(
  command: string,
  schema: z.ZodObject,
  own: { readonly switches: readonly string[]; readonly valued: readonly string[] },
  argv: readonly string[],
): DividedArguments {
  const keys = new Map(Object.keys(schema.shape).map((key) => [flagName(key), key]));
  const rest: string[] = [];
  let values: JsonObject = {};
  const written = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    const [, name = '', joined] = word.match(/^--([^=]+)(?:=([\s\S]*))?$/) ?? [];
    if (word === '--') {
      rest.push(...argv.slice(i));
      break;
    }
    if (name === '' || own.switches.includes(name)) rest.push(word);
    else if (own.valued.includes(name)) rest.push(word, ...(joined === undefined && i + 1 < argv.length ? [argv[++i]] : []));
    else {
      const [head, ...within] = name.split('.', mostParts + 1);
      if (within.length === mostParts)
        throw new UsageError(`bures ${command}: --${name.slice(0, 40)}… has more than ${mostParts} parts; name a key`);
      const key = keys.get(head) ?? (Object.hasOwn(schema.shape, head) ? head : undefined);
      if (key === undefined) {
        const nearest = nearestKey(name, [...keys.values(), ...own.switches, ...own.valued]);
        throw unknownFlag(command, `--${name}`, nearest === undefined ? undefined : flagName(nearest));
      }
      const text = joined ?? valueAfter(command, schema, key, argv, i);
      if (joined === undefined && text !== undefined) i++;
      const path = [key, ...within];
      if (written.has(path.join('.'))) throw new UsageError(`bures ${command}: --${name} is given twice; give it once`);
      written.set(path.join('.'), `--${name}`);
      const value = text === undefined ? true : flagValue(within.length === 0 ? schema.shape[key] : undefined, text);
      values = mergeValues(values, path.reduceRight<unknown>((inner, part) => Object.fromEntries([[part, inner]]), value) as JsonObject);
    }
  }
  return { rest, source: { values, origin: (path) => originOf(written, path) } };
}

/** Returns the value after a flag; `undefined` for a switch that stands alone, which means true. */
function valueAfter(command: string, schema: z.ZodObject, key: string, argv: readonly string[], i: number): string | undefined {
  const next = argv[i + 1];
  const isSwitch = accepts(schema.shape[key], true) && !accepts(schema.shape[key], 'x');
  // Some of these are invalid, but are reported better as values than as arguments.
  if (isSwitch && !/^(true|false|yes|no|on|off|0|1)$/i.test(next ?? '')) return undefined;
  if (next === undefined || next.startsWith('--')) {
    throw new UsageError(`bures ${command}: ${argv[i]} expects a value; write ${argv[i]} VALUE`);
  }
  return next;
}

/** Matches names separated by commas. A pattern, which may also contain commas, has other characters. */
const nameList = /^[\w.-]+(\s*,\s*[\w.-]+)+$/;

/**
 * Parses a value as YAML, or keeps it as text if the key takes text and not that value. If the key takes a list, `a,b`
 * is a list of names, and a single text is a list of one.
 */
function flagValue(schema: z.core.$ZodType | undefined, text: string): unknown {
  const document = parseYaml(text, new LineCounter());
  let value: unknown = text;
  try {
    if (!('message' in document)) value = document.toJS({ maxAliasCount: 100 });
  } catch {
    // An alias without a target, such as `*`, is plain text.
  }
  if (schema === undefined) return value;
  if (nameList.test(text) && takesNames(schema)) return text.split(/\s*,\s*/);
  if (accepts(schema, value)) return value;
  return accepts(schema, text) ? text : accepts(schema, [text]) ? [text] : value;
}

/** Returns true if a key takes a list of names. In a list of texts, a comma belongs to the text. */
function takesNames(schema: z.core.$ZodType): boolean {
  return accepts(schema, ['x']) && !accepts(schema, ['x y']);
}

function accepts(schema: z.core.$ZodType, value: unknown): boolean {
  return (schema as z.ZodType).safeParse(value).success;
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
