/** `--key value` flags of a configuration: for every key of the file one flag, in kebab case, and dots for what lies within. */
import { LineCounter } from 'yaml';
import type { z } from 'zod';
import type { JsonObject } from '../../core/parse-json.js';
import { UsageError, unknownFlag } from '../usage-error.js';
import { mergeValues } from './merge-values.js';
import { nearestKey } from './nearest-key.js';
import { parseYaml } from './parse-yaml.js';
import type { ConfigSource } from './yaml-source.js';

/** The words of a command line, divided. */
export interface DividedArguments {
  /** Flags that are not keys of the configuration, and arguments without a name: for the command itself. */
  readonly rest: readonly string[];
  /** The values of keys. */
  readonly source: ConfigSource;
}

/** `learningRate` as a flag: `learning-rate`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

/** Parts of a key with dots. */
const mostParts = 20;

/**
 * Takes the flags that are keys of a configuration out of a command line.
 *
 * @param command - its name, for messages.
 * @param schema - the keys, and how their values look.
 * @param own - flags of the command's own, without dashes; those named in `switches` take no value.
 * @throws UsageError for a flag that is neither, with the nearest that is, or without a value.
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

/** `--key` alone means true where the key is a switch. */
function valueAfter(command: string, schema: z.ZodObject, key: string, argv: readonly string[], i: number): string | undefined {
  const next = argv[i + 1];
  const isSwitch = accepts(schema.shape[key], true) && !accepts(schema.shape[key], 'x');
  // Not all of these are right, and those that are not get a better answer as values than as arguments.
  if (isSwitch && !/^(true|false|yes|no|on|off|0|1)$/i.test(next ?? '')) return undefined;
  if (next === undefined || next.startsWith('--')) {
    throw new UsageError(`bures ${command}: ${argv[i]} expects a value; write ${argv[i]} VALUE`);
  }
  return next;
}

/** Names with commas between them; a pattern, in which a comma may stand too, has other characters. */
const nameList = /^[\w.-]+(\s*,\s*[\w.-]+)+$/;

/**
 * What was written, as YAML would read it; as text where the key takes no such value but takes text. Where it takes a list, `a,b` is one of names, and a text alone one of itself.
 */
function flagValue(schema: z.core.$ZodType | undefined, text: string): unknown {
  const document = parseYaml(text, new LineCounter());
  let value: unknown = text;
  try {
    if (!('message' in document)) value = document.toJS({ maxAliasCount: 100 });
  } catch {
    // An alias of nothing, such as `*`: text that looks like it.
  }
  if (schema === undefined) return value;
  if (nameList.test(text) && takesNames(schema)) return text.split(/\s*,\s*/);
  if (accepts(schema, value)) return value;
  return accepts(schema, text) ? text : accepts(schema, [text]) ? [text] : value;
}

/** Whether a key takes a list of names; in one of texts a comma is a part of the text. */
function takesNames(schema: z.core.$ZodType): boolean {
  return accepts(schema, ['x']) && !accepts(schema, ['x y']);
}

function accepts(schema: z.core.$ZodType, value: unknown): boolean {
  return (schema as z.ZodType).safeParse(value).success;
}

/** The flag that wrote a path, or the nearest part of it. */
function originOf(written: ReadonlyMap<string, string>, path: readonly PropertyKey[]): string {
  for (let length = path.length; length > 0; length--) {
    const flag = written.get(path.slice(0, length).join('.'));
    if (flag !== undefined) return flag;
  }
  const [inside] = [...written.entries()].filter(([key]) => key.startsWith(`${String(path[0])}.`));
  return inside?.[1] ?? `--${flagName(String(path[0]))}`;
}
