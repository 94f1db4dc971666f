/** Sizes of the values of Jinja programs, and the cost of going through them: see bounded-interpreter.ts. */

/** Characters that cost as much as the evaluation of a node. */
export const CHARACTERS_PER_UNIT = 32;

/** The part of the library's values that is used; TypeScript's rules for Node cannot resolve its own declarations. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
}

/** Returns true if a value holds others. */
export function isContainer(value: Value): boolean {
  return ['ArrayValue', 'TupleValue', 'ObjectValue', 'NamespaceValue', 'KeywordArgumentsValue'].includes(value.type);
}

/** Returns the values that a container holds, each with its key; those of a list have an empty one. */
export function entriesOf({ value }: Value): Iterable<readonly [string, Value]> {
  if (value instanceof Map) return value as Map<string, Value>;
  return (value as unknown as readonly Value[]).map((inner) => ['', inner] as const);
}

/** Returns the characters of a text, or the elements of a list or an object. */
export function length(value: Value | undefined): number {
  const inner: unknown = value?.value;
  if (typeof inner === 'string' || Array.isArray(inner)) return inner.length;
  return inner instanceof Map ? inner.size : 1;
}

/** Counts a value and all values in it, at any depth. */
export function elements(value: Value): number {
  let count = 1;
  if (isContainer(value)) for (const [, inner] of entriesOf(value)) count += elements(inner);
  return count;
}

/** Counts how deep containers are nested in a value. */
export function nesting(value: Value): number {
  let most = 0;
  if (isContainer(value)) for (const [, inner] of entriesOf(value)) most = Math.max(most, 1 + nesting(inner));
  return most;
}

/** Counts the line breaks of a text. */
export function lineBreaks({ value }: Value): number {
  let count = 0;
  if (typeof value === 'string') for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** Cost of a search, which may compare at every place, as V8's does for long texts that repeat themselves. */
export function searchCost(where: Value, sought: number): number {
  return (length(where) * Math.max(1, sought / 64)) / CHARACTERS_PER_UNIT;
}
