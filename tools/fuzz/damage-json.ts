/**
 * Damage that knows JSON: a value becomes another, extreme or of another kind; keys go, come twice, or change their
 * names.
 */
import type { Draw } from './draw.js';

/** A value as it is written: JavaScript's own values cannot hold one key twice, `1.0` or `1e999`. */
export type JsonNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, JsonNode])[] };

/** A value written as `text`, which need not be JSON. */
function written(text: string): JsonNode {
  return { kind: 'text', text };
}

/** Any value that JSON holds as a node. */
export function nodeOf(value: unknown): JsonNode {
  if (Array.isArray(value)) return { kind: 'array', items: value.map(nodeOf) };
  if (typeof value === 'object' && value !== null) {
    return { kind: 'object', entries: Object.entries(value).map(([key, part]) => [JSON.stringify(key), nodeOf(part)]) };
  }
  return written(JSON.stringify(value));
}

/** The text of a node. */
export function jsonText(node: JsonNode): string {
  if (node.kind === 'text') return node.text;
  if (node.kind === 'array') return `[${node.items.map(jsonText).join(',')}]`;
  return `{${node.entries.map(([key, part]) => `${key}:${jsonText(part)}`).join(',')}}`;
}

/** Numbers at the edges of what programs count with. */
const extremeNumbers = [
  ...['0', '-0', '-1', '1', '2', '1.5', '1.0', '1e0', '0.1', '-1e-9', '5e-324', '1e9', '1e15', '1e308', '-1e308', '1e999', '1e-400'],
  ...['255', '256', '65536', '1000000', '100000000', '2147483647', '2147483648', '4294967296', '-2147483649', '9007199254740993'],
  ...['18446744073709551616', '123456789012345678901234567890'],
];

/** Values of every other kind. */
const otherValues = [
  ...['null', 'true', 'false', '""', '" "', '"1.0"', '"7"', '"NaN"', '"Infinity"', '"null"', '"a\\u0000b"', '"\\ud83d"', '"é😀\\u202e"'],
  ...['[]', '{}', '[[]]', '[null]', '[1,"a",{}]', '{"a":1}', '{"__proto__":{"a":1}}', '{"length":-1}', '{"":0}', '{"toString":1}'],
  ...['"__proto__"', '"constructor"', '"hasOwnProperty"', '"../../etc/passwd"', '"/dev/zero"', '"(a+)+$"', '"["', '"{{ x }}"'],
];

/** A value in a place where another stood. */
export function strangeValue(draw: Draw): JsonNode {
  if (draw.chance(0.45)) return written(draw.pick(extremeNumbers));
  if (draw.chance(0.85)) return written(draw.pick(otherValues));
  const depth = draw.pick([20, 200, 2000, 20_000]);
  const length = draw.pick([300, 10_000, 300_000]);
  return draw.pick([
    written(`"${draw.pick(['a', ' ', '\\n', 'é', '(', '\\\\'])}"`.replace(/^"(.*)"$/, (_, unit: string) => `"${unit.repeat(length)}"`)),
    written(`${'['.repeat(depth)}${']'.repeat(depth)}`),
    written(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
    written(`[${Array.from({ length: Math.min(length, 50_000) }, (_, i) => i).join(',')}]`),
    written(`{${Array.from({ length: Math.min(length, 20_000) }, (_, i) => `"k${i}":${i}`).join(',')}}`),
  ]);
}

/** The document with `changes` places changed. */
export function damageJson(draw: Draw, document: unknown, changes = draw.chance(0.7) ? 1 : 1 + draw.below(4)): JsonNode {
  return Array.from({ length: changes }).reduce<JsonNode>((node) => damageNode(draw, node), nodeOf(document));
}

/** Goes down a random way, and changes what is at its end. */
function damageNode(draw: Draw, node: JsonNode): JsonNode {
  if (node.kind === 'text' || draw.chance(0.08)) return replaced(draw, node);
  if (node.kind === 'array') {
    if (node.items.length === 0 || draw.chance(0.2)) return { ...node, items: changedList(draw, node.items, () => strangeValue(draw)) };
    const at = draw.below(node.items.length);
    return { ...node, items: node.items.with(at, damageNode(draw, node.items[at])) };
  }
  if (node.entries.length === 0 || draw.chance(0.2)) return { ...node, entries: changedEntries(draw, node.entries) };
  const at = draw.below(node.entries.length);
  const [key, part] = node.entries[at];
  return { ...node, entries: node.entries.with(at, [key, damageNode(draw, part)]) };
}

/** Another value; of a number often one near it, so that not every change is absurd. */
function replaced(draw: Draw, node: JsonNode): JsonNode {
  const number = node.kind === 'text' ? Number(node.text) : Number.NaN;
  if (!Number.isFinite(number) || draw.chance(0.6)) return strangeValue(draw);
  return written(draw.pick([String(number + 1), String(number - 1), String(number * 2), String(number / 2), `${number}.0`, `${number}e0`]));
}

function changedList<T>(draw: Draw, items: readonly T[], other: () => T): readonly T[] {
  const at = draw.below(items.length + 1);
  const kind = draw.pick(['remove', 'insert', 'double', 'swap', 'empty'] as const);
  if (kind === 'insert' || items.length === 0) return items.toSpliced(at, 0, other());
  if (kind === 'remove') return items.toSpliced(at, 1);
  if (kind === 'double') return items.toSpliced(at, 0, draw.pick(items));
  return kind === 'swap' ? items.toReversed() : [];
}

const strangeKeys = ['""', '"__proto__"', '"constructor"', '"toString"', '"a.b"', '"é"', '" "', `"${'k'.repeat(5000)}"`];

function changedEntries(draw: Draw, entries: readonly (readonly [string, JsonNode])[]): readonly (readonly [string, JsonNode])[] {
  if (entries.length > 0 && draw.chance(0.2)) {
    const at = draw.below(entries.length);
    const [key, part] = entries[at];
    return entries.with(at, [draw.chance(0.5) ? draw.pick(strangeKeys) : key.replace(/"$/, 's"'), part]);
  }
  return changedList(draw, entries, () => [draw.pick(strangeKeys), strangeValue(draw)]);
}
