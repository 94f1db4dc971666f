/**
 * Numbers of a JSON text as they are written: what JavaScript's only kind of number would round or take for an integer
 * keeps its value and its kind, so that a template that writes it out again writes the same.
 */

/** A number that is written as a fraction or with an exponent, and whose value is whole, such as `1.0`. */
export class WholeFloat {
  /** The value. */
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** Returns the number with a fraction, as Python writes it. */
  toString(): string {
    return pythonFloat(this.value);
  }
}

/** Most digits of an integer that is read exactly, as in Python. */
const MOST_DIGITS = 4300;

/** Numbers of valid JSON; strings are matched so as to be passed over. */
const numbersAndQuotes = /"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Puts numbers that `JSON.parse` alters back into the value that it gave: integers beyond 2⁵³ as `bigint`, floats whose
 * value is whole as {@link WholeFloat}.
 *
 * @param text - the valid JSON that was parsed.
 * @param parsed - the value of it.
 * @returns the value itself if it has no such number, and a new one otherwise. Cost: one pass over the text.
 */
export function withExactNumbers(text: string, parsed: unknown): unknown {
  const altered = alteredNumbers(text);
  if (altered.length === 0) return parsed;
  // No string of the text has a run of so many marks, written out or escaped.
  const mark = '\uF8FF'.repeat(1 + (text.match(/\uF8FF|\\uf8ff/gi)?.length ?? 0));
  const pieces: string[] = [];
  let done = 0;
  for (const [index, { start, end }] of altered.entries()) {
    pieces.push(text.slice(done, start), `"${mark}${index}"`);
    done = end;
  }
  pieces.push(text.slice(done));
  const root = { value: JSON.parse(pieces.join('')) as unknown };
  // A list of places instead of recursion: records may nest deeper than the stack.
  const open: Record<string, unknown>[] = [root];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    for (const [key, inner] of Object.entries(place)) {
      if (typeof inner === 'string' && inner.startsWith(mark)) set(place, key, altered[Number(inner.slice(mark.length))].value);
      else if (typeof inner === 'object' && inner !== null) open.push(inner as Record<string, unknown>);
    }
  }
  return root.value;
}

/** Assigns a property, one of the name `__proto__` too. */
function set(place: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(place, key, { value, writable: true, enumerable: true, configurable: true });
}

interface AlteredNumber {
  readonly start: number;
  readonly end: number;
  readonly value: bigint | WholeFloat;
}

function alteredNumbers(text: string): readonly AlteredNumber[] {
  const found: AlteredNumber[] = [];
  numbersAndQuotes.lastIndex = 0;
  for (let match = numbersAndQuotes.exec(text); match !== null; match = numbersAndQuotes.exec(text)) {
    const [literal] = match;
    if (literal === '"') {
      numbersAndQuotes.lastIndex = endOfString(text, match.index);
      continue;
    }
    const value = exactValue(literal);
    if (value !== undefined) found.push({ start: match.index, end: match.index + literal.length, value });
  }
  return found;
}

/** Returns the value of a number that JavaScript alters; undefined for others. */
function exactValue(literal: string): bigint | WholeFloat | undefined {
  const value = Number(literal);
  if (!/[.eE]/.test(literal)) return Number.isSafeInteger(value) || literal.length > MOST_DIGITS ? undefined : BigInt(literal);
  return Number.isInteger(value) ? new WholeFloat(value) : undefined;
}

/** Returns the index after a string's closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (; text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
  return at + 1;
}

/** Writes a float as Python's `repr` does: always with a fraction or an exponent. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  if (value === 0) return '0.0';
  const [digits, exponentText] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const plain = exponent < 0 ? value.toFixed(Math.max(0, digits.replace(/^-?\d\.?/, '').length - exponent)) : String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}
