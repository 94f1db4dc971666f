/** The structure of a tokenizer's regular expression, as far as its running time depends on it. */

/**
 * One character, class or assertion; a group; a repetition. `text` is the part of the pattern that it was read from.
 */
export type PatternNode =
  | { readonly kind: 'item'; readonly text: string }
  | { readonly kind: 'group'; readonly alternatives: readonly PatternSequence[]; readonly looksAround: boolean; readonly text: string }
  | {
      readonly kind: 'repeat';
      readonly of: PatternNode;
      readonly low: number;
      readonly high: number;
      readonly greedy: boolean;
      readonly text: string;
    };

/** Nodes that must match one after another. */
export type PatternSequence = readonly PatternNode[];

/** Most groups within groups. */
const MOST_DEPTH = 100;

/** Whole escapes such as `\p{L}`, openings of groups, quantifiers with their mark of laziness, single characters. */
const marks = /\\(?:[pPxuk]\{[^}]*\}|[\s\S])|\((?:\?(?:[A-Za-z-]*[:)]|<?[=!]|>|<\w+>))?|(?:[*+?]|\{(?:\d+,?\d*|,\d+)\})\??|[\s\S]/gu;

interface OpenGroup {
  readonly start: number;
  readonly looksAround: boolean;
  readonly alternatives: PatternNode[][];
}

/**
 * Reads a pattern in the syntax of Oniguruma. Invalid patterns are left to the engine that compiles them.
 *
 * @returns the alternatives of the pattern, or the reason why it cannot be read.
 */
export function parsePattern(pattern: string): readonly PatternSequence[] | string {
  const root: OpenGroup = { start: 0, looksAround: false, alternatives: [[]] };
  const open = [root];
  marks.lastIndex = 0;
  for (let match = marks.exec(pattern); match !== null; match = marks.exec(pattern)) {
    const [sign] = match;
    const { index } = match;
    const group = open[open.length - 1];
    const sequence = group.alternatives[group.alternatives.length - 1];
    if (/^\\(?:[1-9]|k)/.test(sign)) return 'refers back to a group';
    if (sign.startsWith('(')) {
      // Marks such as (?i) apply to what follows, and match nothing.
      if (sign.endsWith(')')) continue;
      if (open.length > MOST_DEPTH) return `has groups more than ${MOST_DEPTH} deep`;
      open.push({ start: index, looksAround: /^\(\?<?[=!]/.test(sign), alternatives: [[]] });
    } else if (sign === '|') {
      group.alternatives.push([]);
    } else if (sign === ')' && open.length > 1) {
      open.pop();
      const { start, looksAround, alternatives } = group;
      const outer = open[open.length - 1].alternatives;
      outer[outer.length - 1].push({ kind: 'group', alternatives, looksAround, text: pattern.slice(start, marks.lastIndex) });
    } else if (/^(?:[*+?]|\{.)/.test(sign)) {
      const of = sequence.pop();
      if (of === undefined) continue;
      const greedy = sign.length === 1 || !sign.endsWith('?');
      const [low, high] = bounds(greedy ? sign : sign.slice(0, -1));
      sequence.push({ kind: 'repeat', of, low, high, greedy, text: of.text + sign });
    } else {
      if (sign === '[') marks.lastIndex = endOfClass(pattern, index);
      sequence.push({ kind: 'item', text: pattern.slice(index, marks.lastIndex) });
    }
  }
  return root.alternatives;
}

function bounds(sign: string): readonly [number, number] {
  if (sign === '*') return [0, Number.POSITIVE_INFINITY];
  if (sign === '+') return [1, Number.POSITIVE_INFINITY];
  if (sign === '?') return [0, 1];
  const [low, high] = sign.slice(1, -1).split(',');
  return [Number(low), high === undefined ? Number(low) : high === '' ? Number.POSITIVE_INFINITY : Number(high)];
}

/**
 * Returns the index after a class in brackets, classes inside it included. A bracket that closes right after the
 * opening one stands for itself.
 */
function endOfClass(pattern: string, start: number): number {
  let depth = 0;
  for (let index = start; index < pattern.length; index++) {
    if (pattern[index] === '\\') index += 1;
    else if (pattern[index] === '[') {
      depth += 1;
      if (pattern[index + 1] === '^') index += 1;
      if (pattern[index + 1] === ']') index += 1;
    } else if (pattern[index] === ']') depth -= 1;
    if (depth === 0) return index + 1;
  }
  return pattern.length;
}
