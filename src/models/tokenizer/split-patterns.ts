/** Which regular expressions of a tokenizer are safe to run on any text. They are run by JavaScript's engine, which backtracks. */

/** Characters of a pattern; the longest of known tokenizers has some six hundred. */
const MOST_CHARACTERS = 10_000;
/** Repetitions above this count as unbounded. */
const SMALL = 16;

/** What was read of a group, or of the whole pattern. */
interface Group {
  /** Whether it holds alternatives or quantifiers: repeated, it can match one text in exponentially many ways. */
  varies: boolean;
  /** Unbounded quantifiers of the alternative being read after which nothing mandatory has come yet, and those after which something has. */
  pending: number;
  failing: number;
  /** The most of `failing` in any alternative. */
  worst: number;
}

/**
 * Says why a pattern may take exponential time, or time of a high power of the length of the text: a repeated group with alternatives or quantifiers inside, or several
 * unbounded quantifiers before something that can fail. Patterns of known tokenizers have neither.
 *
 * @returns undefined if the pattern is safe.
 */
export function describeRisk(pattern: string): string | undefined {
  if (pattern.length > MOST_CHARACTERS) return `has ${pattern.length} characters, above the ${MOST_CHARACTERS} that are allowed`;
  const open: Group[] = [newGroup()];
  const mark = /\\[pPxuk]\{[^}]*\}|\\[\s\S]|\(\?(?:[a-z-]*:|<?[=!]|>|<\w+>)|[[(|)*+?]|\{\d*,?\d*\}|[^\\]/gu;
  /** Whether the last thing read was a group that varies, or an item. */
  let last: 'varying' | 'item' | 'none' = 'none';
  for (let match = mark.exec(pattern); match !== null; match = mark.exec(pattern)) {
    const [sign] = match;
    const group = open[open.length - 1];
    if (sign.startsWith('(')) {
      open.push(newGroup());
      last = 'none';
    } else if (sign === '|') {
      endAlternative(group);
      group.varies = true;
      last = 'none';
    } else if (sign === ')' && open.length > 1) {
      endAlternative(group);
      open.pop();
      const outer = open[open.length - 1];
      if (group.worst > 1) return 'has several unbounded repetitions before something that can fail';
      last = group.varies ? 'varying' : 'item';
      // A quantifier that lets it be left out takes this back.
      outer.varies ||= group.varies;
      mandatory(outer);
      outer.pending += group.pending;
    } else if (/^[*+?]$/.test(sign) || /^\{(?:\d+,?\d*|,\d+)\}$/.test(sign)) {
      const [low, high] = bounds(sign);
      if (last === 'varying' && high > 1) return 'repeats a group that has alternatives or repetitions inside';
      if (last === 'none') continue;
      if (low === 0) optional(group);
      if (high > SMALL) group.pending += 1;
      if (low !== high) group.varies = true;
      last = 'none';
    } else {
      if (sign === '[') mark.lastIndex = endOfClass(pattern, match.index);
      mandatory(group);
      last = 'item';
    }
  }
  endAlternative(open[0]);
  return open[0].worst > 1 ? 'has several unbounded repetitions before something that can fail' : undefined;
}

function newGroup(): Group {
  return { varies: false, pending: 0, failing: 0, worst: 0 };
}

/** What comes can fail, so that the repetitions before it are tried again. */
function mandatory(group: Group): void {
  group.failing += group.pending;
  before = group.pending;
  group.pending = 0;
}

/** What the last call of {@link mandatory} moved. */
let before = 0;

/** The last item turned out to be one that cannot fail. */
function optional(group: Group): void {
  group.failing -= before;
  group.pending += before;
  before = 0;
}

function endAlternative(group: Group): void {
  group.worst = Math.max(group.worst, group.failing);
  group.failing = 0;
  group.pending = 0;
}

function bounds(sign: string): readonly [number, number] {
  if (sign === '*') return [0, Number.POSITIVE_INFINITY];
  if (sign === '+') return [1, Number.POSITIVE_INFINITY];
  if (sign === '?') return [0, 1];
  const [low, high] = sign.slice(1, -1).split(',');
  return [Number(low), high === undefined ? Number(low) : high === '' ? Number.POSITIVE_INFINITY : Number(high)];
}

/** The index after a class in brackets, classes inside it included. */
function endOfClass(pattern: string, start: number): number {
  let depth = 0;
  for (let index = start; index < pattern.length; index++) {
    if (pattern[index] === '\\') index += 1;
    else if (pattern[index] === '[') depth += 1;
    else if (pattern[index] === ']' && index > start + 1) depth -= 1;
    if (depth === 0) return index + 1;
  }
  return pattern.length;
}
