import type { z } from 'zod';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import { flagName, keysAt, nearestKey, remedyElsewhere } from './keys.js';
import type { ConfigSource } from './yaml.js';

/** Lays one configuration over another. Records are merged key by key; other values are replaced by those of `over`. */
export function mergeValues(under: JsonObject, over: JsonObject): JsonObject {
  // A Map, because assigning to an object's '__proto__' does not add a key.
  const merged = new Map(Object.entries(under));
  for (const [key, value] of Object.entries(over)) {
    const below = merged.get(key);
    merged.set(key, isJsonObject(below) && isJsonObject(value) ? mergeValues(below, value) : value);
  }
  return Object.fromEntries(merged);
}

/** Returns the configuration that has a value at a path of keys, and nothing else. */
export function nestedValue(path: readonly string[], value: unknown): JsonObject {
  return path.reduceRight<unknown>((inner, key) => Object.fromEntries([[key, inner]]), value) as JsonObject;
}

/** Returns the message about a key without a value, which has that meaning. */
export type MissingText = (key: string, meaning: string) => string;

const missingInFile: MissingText = (key, meaning) => `${key} is missing (${meaning}); write it into the file`;

/**
 * Validates a configuration and reports all faults in one message.
 *
 * @param schema - an object schema; the descriptions of its keys become remedies.
 * @param sources - the sources of the values; later ones take precedence.
 * @param missing - the message about a key without a value. Default: it belongs into the file.
 * @returns the parsed values, with defaults filled in.
 * @throws ConfigError with one line per fault: its place, the expected and the actual value, the nearest key.
 */
export function validateConfig<Schema extends z.ZodObject>(
  schema: Schema,
  sources: readonly ConfigSource[],
  missing: MissingText = missingInFile,
): z.infer<Schema> {
  const values = sources.reduce<JsonObject>((merged, source) => mergeValues(merged, source.values), {});
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  throw new ConfigError(issueLines(schema, values, sources, missing, result.error.issues).join('\n'));
}

/** Maximum number of faults listed. More of them have a common cause, such as a file of another kind. */
const mostIssues = 20;

function issueLines(
  schema: z.ZodObject,
  values: JsonObject,
  sources: readonly ConfigSource[],
  missing: MissingText,
  issues: readonly z.core.$ZodIssue[],
): readonly string[] {
  const lines: string[] = [];
  let total = 0;
  for (const issue of issues) {
    const room = mostIssues - lines.length;
    const faults = issue.code === 'unrecognized_keys' ? issue.keys.length : 1;
    total += faults;
    if (room <= 0) continue;
    const listed = issue.code === 'unrecognized_keys' ? { ...issue, keys: issue.keys.slice(0, room) } : issue;
    lines.push(...describeIssue(schema, values, sources, missing, listed));
  }
  return total > lines.length ? [...lines, `and ${total - lines.length} more; correct these first`] : lines;
}

/** Shortens a key for a message. */
function shown(key: string): string {
  return key.length <= 100 ? key : `${key.slice(0, 100)}…`;
}

function describeIssue(
  schema: z.ZodObject,
  values: JsonObject,
  sources: readonly ConfigSource[],
  missing: MissingText,
  issue: z.core.$ZodIssue,
): readonly string[] {
  const nearest = issue.code === 'invalid_union' ? issue.errors.find(isWithin) : undefined;
  if (nearest !== undefined)
    return nearest.flatMap((one) => describeIssue(schema, values, sources, missing, { ...one, path: [...issue.path, ...one.path] }));
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => {
      const elsewhere = issue.path.length === 0 ? remedyElsewhere(key) : undefined;
      const nearest = nearestKey(key, known);
      const hint = elsewhere ?? (nearest === undefined ? `the keys are ${known.join(', ')}` : `did you mean '${nearest}'?`);
      return `${originOf(sources, [...issue.path, key])}: unknown key '${shown([...issue.path, key].join('.'))}'; ${hint}`;
    });
  }
  const came = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], values);
  const meaning = descriptionOf(schema, issue.path);
  const remedy = meaning === undefined ? 'correct it' : `it means: ${meaning}`;
  if (came === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_union')) {
    return [missing(issue.path.join('.'), briefly(meaning ?? issue.message))];
  }
  const origin = originOf(sources, issue.path);
  const key = issue.path.join('.');
  // A flag names its key.
  const where = key === '' || origin === `--${flagName(key)}` ? '' : `${shown(key)} `;
  return [`${origin}: ${where}${expectation(issue)}, got ${describeValue(came)}; ${remedy}`];
}

/** Returns true for the faults of an alternative that the value is of the kind of: they are within it. */
function isWithin(faults: readonly z.core.$ZodIssue[]): boolean {
  return faults.length > 0 && faults.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys');
}

/** Returns the beginning of a meaning, without its forms, defaults and exceptions: the help has all of it. */
function briefly(meaning: string): string {
  return meaning.split(/ \(|[;:] /, 1)[0];
}

/** Names of kinds of values, where zod's word with an article is not an everyday one. */
const kindNames: Readonly<Record<string, string>> = {
  array: 'a list',
  int: 'an integer',
  record: 'keys and values',
  object: 'keys and values',
};

/** Puts zod's expectation as the middle of a sentence. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union')
    return `must be ${[...new Set(issue.errors.flat().map((one) => expectation(one).replace('must be ', '')))].join(' or ')}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map((value) => String(value)).join(', ')}`;
  if (issue.code === 'invalid_type') return `must be ${kindNames[issue.expected] ?? `a ${issue.expected}`}`;
  const bound = issue.code === 'too_small' ? issue.minimum : issue.code === 'too_big' ? issue.maximum : undefined;
  if (bound === undefined || !('origin' in issue)) return issue.message;
  if (issue.origin === 'array')
    return `must have ${issue.code === 'too_small' ? 'at least' : 'at most'} ${bound} ${bound === 1 ? 'entry' : 'entries'}`;
  if (issue.origin === 'string') return bound === 1 ? 'must not be empty' : issue.message;
  const inclusive = 'inclusive' in issue && issue.inclusive;
  if (issue.code === 'too_small') return `must be ${inclusive ? 'at least' : 'above'} ${bound}`;
  return `must be ${inclusive ? 'at most' : 'below'} ${bound}`;
}

/** Returns the origin of a path in the last source that has it, or has its first key. */
export function originOf(sources: readonly ConfigSource[], path: readonly PropertyKey[]): string {
  const written = sources.findLast(({ values }) => has(values, path)) ?? sources.findLast(({ values }) => has(values, path.slice(0, 1)));
  return (written ?? sources[0]).origin(path);
}

function has(values: unknown, path: readonly PropertyKey[]): boolean {
  const [key, ...rest] = path;
  if (key === undefined) return true;
  return (
    typeof values === 'object' && values !== null && Object.hasOwn(values, key) && has((values as Record<PropertyKey, unknown>)[key], rest)
  );
}

function descriptionOf(schema: z.ZodObject, path: readonly PropertyKey[]): string | undefined {
  const [key] = path;
  return key === undefined ? undefined : (schema.shape[String(key)] as z.ZodType | undefined)?.description;
}
