/** Sizes of the values of Jinja programs, and what going through them costs: see bounded-interpreter.ts. */

/** Characters that cost as much as the evaluation of a node. */
export const CHARACTERS_PER_UNIT = 32;

/** What is used of the library's values; its own declarations cannot be resolved by TypeScript's rules for Node. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
}

/** Whether a value holds others. */
export function isContainer(value: Value): boolean {
  return ['ArrayValue', 'TupleValue', 'ObjectValue', 'NamespaceValue', 'KeywordArgumentsValue'].includes(value.type);
}

/** The values that a container holds, each with its key; those of a list have an empty one. */
export function entriesOf({ value }: Value): Iterable<readonly [string, Value]> {
  if (value instanceof Map) return value as Map<string, Value>;
  return (value as unknown as readonly Value[]).map((inner) => ['', inner] as const);
}

/** Characters of a text, elements of a list or an object. */
export function length(value: Value | undefined): number {
  const inner: unknown = value?.value;
  if (typeof inner === 'string' || Array.isArray(inner)) return inner.length;
  return inner instanceof Map ? inner.size : 1;
}

/** How many values a value holds, at any depth. */
export function elements(value: Value): number {
  let count = 1;
  if (isContainer(value)) for (const [, inner] of entriesOf(value)) count += elements(inner);
  return count;
}

/** How many containers lie inside one another. */
export function nesting(value: Value): number {
  let most = 0;
  if (isContainer(value)) for (const [, inner] of entriesOf(value)) most = Math.max(most, 1 + nesting(inner));
  return most;
}

/** Line breaks of a text. */
export function lineBreaks({ value }: Value): number {
  let count = 0;
  if (typeof value === 'string') for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** A search may compare what is sought at every place; V8's is as bad as that for long texts that repeat themselves. */
export function searchCost(where: Value, sought: number): number {
  return (length(where) * Math.max(1, sought / 64)) / CHARACTERS_PER_UNIT;
}
