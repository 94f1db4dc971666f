/**
 * Tells which regular expressions of a tokenizer are safe to run on any text. JavaScript's engine backtracks: if
 * something fails, it tries every other way in which what came before could have matched.
 */
import { type PatternNode, type PatternSequence, parsePattern } from './parse-pattern.js';

/** Most characters of a pattern; the longest of known tokenizers has some six hundred. */
const MOST_CHARACTERS = 10_000;
/**
 * Most steps at one place of the text, for each character that an unbounded repetition takes there. Patterns of known
 * tokenizers take some thirty.
 */
const MOST_STEPS = 1024;

/** Upper bounds on matching a part of a pattern at one place of a text. */
interface Cost {
  /** Number of ways in which the part can match, if they are tried; `scans` counts unbounded repetitions. */
  readonly ways: number;
  /** Number of unbounded repetitions that multiply the ways, each by the length of the text. */
  readonly scans: number;
  /** Steps until no way is left, without the factors of `degree`. */
  readonly steps: number;
  /** Power of the length of the text by which the steps are multiplied. */
  readonly degree: number;
}

/** Signals an exponential pattern within this file. */
class Exponential extends Error {}

/**
 * Says why a pattern may take more than a small multiple of the length of the text: choices before something that can
 * fail multiply (`?`, `{m,n}`, alternatives), or a long run of characters is read again from each of its places.
 * Patterns of known tokenizers read each run a few times.
 *
 * @returns undefined if the pattern is safe.
 */
export function describeRisk(pattern: string): string | undefined {
  if (pattern.length > MOST_CHARACTERS) return `has ${pattern.length} characters, above the ${MOST_CHARACTERS} that are allowed`;
  const alternatives = parsePattern(pattern);
  if (typeof alternatives === 'string') return alternatives;
  let costs: readonly Cost[];
  try {
    costs = alternatives.map((sequence) => costOfSequence(sequence, false));
  } catch (error) {
    if (error instanceof Exponential) return 'repeats a group that has alternatives or repetitions inside';
    throw error;
  }
  if (costs.some(({ degree }) => degree > 1)) return 'has several unbounded repetitions before something that can fail';
  if (costs.reduce((sum, { steps }) => sum + steps, 0) > MOST_STEPS)
    return `has choices before something that can fail, with more than ${MOST_STEPS} ways to try at each character`;
  if (costs.some(({ degree }, index) => degree === 1 && !isCovered(alternatives, index)))
    return 'has an unbounded repetition before something that can fail, and no alternative after it that takes the same characters';
  return undefined;
}

/**
 * @param retried - true if something after it can fail, so that all ways to match are tried.
 * @throws Exponential if the ways grow exponentially with the text.
 */
function costOf(node: PatternNode, retried: boolean): Cost {
  if (node.kind === 'item') return { ways: 1, scans: 0, steps: 1, degree: 0 };
  if (node.kind === 'repeat') return costOfRepeat(node, retried);
  // What a look-around takes is not part of the match: it is read again from the next place, whether it fails or not.
  const costs = node.alternatives.map((sequence) => costOfSequence(sequence, retried || node.looksAround));
  const steps = costs.reduce((sum, cost) => sum + cost.steps, 0);
  const scans = Math.max(...costs.map((cost) => cost.scans));
  const degree = Math.max(...costs.map((cost) => cost.degree));
  if (node.looksAround) return { ways: 1, scans: 0, steps, degree: Math.max(degree, scans) };
  return { ways: retried ? costs.reduce((sum, cost) => sum + cost.ways, 0) : 1, scans, steps, degree };
}

function costOfSequence(sequence: PatternSequence, retried: boolean): Cost {
  const lastFailing = sequence.findLastIndex(canFail);
  let [ways, scans, steps, degree] = [1, 0, 1, 0];
  for (const [index, node] of sequence.entries()) {
    const cost = costOf(node, retried || index < lastFailing);
    steps += ways * cost.steps;
    if (canFail(node) || cost.degree > 0) degree = Math.max(degree, scans + cost.degree);
    ways *= cost.ways;
    scans += cost.scans;
  }
  return { ways, scans, steps, degree };
}

function costOfRepeat({ of, low, high }: PatternNode & { kind: 'repeat' }, retried: boolean): Cost {
  if (high === 0) return { ways: 1, scans: 0, steps: 1, degree: 0 };
  const one = costOf(of, retried || low > 1);
  const varies = one.ways > 1 || one.scans > 0;
  const unbounded = high === Number.POSITIVE_INFINITY;
  // If nothing after it can fail, the repetition ends at its first failure, and nothing is tried again.
  const tried = retried ? high : low;
  if (varies && (tried === Number.POSITIVE_INFINITY || low > MOST_STEPS || one.scans * tried > 1)) throw new Exponential();
  const times = unbounded ? low + 1 : retried ? high : Math.min(low + 1, high);
  const steps = one.steps * powers(one.ways, 0, times - 1);
  if (!retried) return { ways: 1, scans: 0, steps, degree: one.degree };
  if (unbounded) return { ways: 1, scans: 1, steps, degree: one.degree };
  return { ways: powers(one.ways, low, high), scans: one.scans * high, steps, degree: one.degree };
}

/** base^first + … + base^last, or infinity where it is far above any bound. */
function powers(base: number, first: number, last: number): number {
  if (base === 1) return last - first + 1;
  let sum = 0;
  for (let exponent = first; exponent <= last && sum <= MOST_STEPS; exponent++) sum += base ** exponent;
  return sum > MOST_STEPS ? Number.POSITIVE_INFINITY : sum;
}

/** Returns true if a part of a pattern can fail to match. */
function canFail(node: PatternNode): boolean {
  if (node.kind === 'item') return true;
  if (node.kind === 'repeat') return node.low > 0 && canFail(node.of);
  return node.looksAround || node.alternatives.every((sequence) => sequence.some(canFail));
}

/**
 * Returns true if what an alternative has read in vain becomes the match of a later one, so that the next match begins
 * after it and no run of characters is read from each of its places. So it is in `\s*[\r\n]+|\s+(?!\S)|\s+`, where runs
 * of spaces are read at most three times. Alternatives between the two must read the same run, and greedily: they
 * cannot match what they leave of it a second time.
 */
function isCovered(alternatives: readonly PatternSequence[], index: number): boolean {
  const sequence = alternatives[index];
  const lastFailing = sequence.findLastIndex(canFail);
  const start = sequence.findIndex((node, place) => place < lastFailing && costOf(node, true).scans > 0);
  const run = sequence[start] as PatternNode | undefined;
  if (run?.kind !== 'repeat' || run.high !== Number.POSITIVE_INFINITY) return false;
  if (sequence.some((node, place) => costOf(node, place < lastFailing).degree > 0)) return false;
  const before = textOf(sequence.slice(0, start));
  for (const later of alternatives.slice(index + 1)) {
    const same = later[start] as PatternNode | undefined;
    if (textOf(later.slice(0, start)) !== before || same?.kind !== 'repeat' || !same.greedy) return false;
    if (same.of.text !== run.of.text || same.low > 1 || same.high !== Number.POSITIVE_INFINITY) return false;
    if (!later.slice(start + 1).some(canFail)) return true;
  }
  return false;
}

function textOf(sequence: PatternSequence): string {
  return sequence.map(({ text }) => text).join('');
}
