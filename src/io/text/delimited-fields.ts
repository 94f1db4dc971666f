/** Fields of a delimited line. */

const [quote, tab, space] = [34, 9, 32];

/**
 * State at the end of a line: outside of quotes (a record ends there), inside, or after something that follows quotes
 * begun on an earlier line.
 */
export type QuoteState = 'outside' | 'inside' | 'stray';

/** Handles a field, `bytes[from … to)`. */
export type FieldVisitor = (from: number, to: number) => void;

/**
 * Visits the fields of the line `bytes[start … end)`, each without the blanks and the quotes around it.
 *
 * A field that begins with a quote ends at the next quote that is not doubled; the delimiter may occur inside. If the
 * delimiter is one space, a run of spaces is one delimiter, and spaces around the line do not count.
 */
export function splitFields(bytes: Uint8Array, start: number, end: number, delimiter: Uint8Array, visit: FieldVisitor): void {
  const runs = delimiter.length === 1 && delimiter[0] === space;
  let from = start;
  for (;;) {
    if (runs) {
      while (from < end && bytes[from] === space) from++;
      if (from === end) return;
    }
    const to = fieldEnd(bytes, from, end, delimiter);
    visitTrimmed(bytes, from, to, delimiter, visit);
    if (to >= end) return;
    from = to + delimiter.length;
  }
}

/**
 * Returns the state at the end of the line `bytes[start … end)`: inside quotes, {@link splitFields} needs another line.
 *
 * @param inside - true if it begins inside quotes.
 */
export function quoteStateAfter(bytes: Uint8Array, start: number, end: number, delimiter: Uint8Array, inside: boolean): QuoteState {
  let from = start;
  if (inside) {
    const closed = closingQuote(bytes, start, end);
    if (closed === end) return 'inside';
    from = closed + 1;
    while (from < end && isBlank(bytes[from], delimiter)) from++;
    if (from === end) return 'outside';
    if (!startsWith(bytes, from, end, delimiter) && delimiter[0] !== space) return 'stray';
    from += delimiter.length;
  }
  for (;;) {
    while (from < end && isBlank(bytes[from], delimiter)) from++;
    if (from >= end) return 'outside';
    if (bytes[from] === quote) {
      from = closingQuote(bytes, from + 1, end);
      if (from === end) return 'inside';
    }
    from = delimiterAfter(bytes, from, end, delimiter) + delimiter.length;
  }
}

/** Returns the end of the field that begins at `from`: a delimiter, or the end of the line. */
function fieldEnd(bytes: Uint8Array, from: number, end: number, delimiter: Uint8Array): number {
  let at = from;
  while (at < end && isBlank(bytes[at], delimiter)) at++;
  // A field without quotes, or of blanks alone, ends at the next delimiter.
  if (at === end || bytes[at] !== quote) return delimiterAfter(bytes, from, end, delimiter);
  return delimiterAfter(bytes, closingQuote(bytes, at + 1, end), end, delimiter);
}

/** Finds the next quote that is not doubled. */
function closingQuote(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && !(bytes[at] === quote && (at + 1 === end || bytes[at + 1] !== quote))) at += bytes[at] === quote ? 2 : 1;
  return Math.min(at, end);
}

function delimiterAfter(bytes: Uint8Array, from: number, end: number, delimiter: Uint8Array): number {
  const first = delimiter[0];
  for (let at = from; at < end; at++) if (bytes[at] === first && startsWith(bytes, at, end, delimiter)) return at;
  return end;
}

function startsWith(bytes: Uint8Array, at: number, end: number, delimiter: Uint8Array): boolean {
  if (at + delimiter.length > end) return false;
  for (let k = 0; k < delimiter.length; k++) if (bytes[at + k] !== delimiter[k]) return false;
  return true;
}

/** Returns true for a space or a tab that is not the delimiter. */
function isBlank(byte: number, delimiter: Uint8Array): boolean {
  return (byte === space && delimiter[0] !== space) || (byte === tab && delimiter[0] !== tab);
}

function visitTrimmed(bytes: Uint8Array, start: number, end: number, delimiter: Uint8Array, visit: FieldVisitor): void {
  let [from, to] = [start, end];
  while (from < to && (bytes[from] === space || isBlank(bytes[from], delimiter))) from++;
  while (to > from && (bytes[to - 1] === space || isBlank(bytes[to - 1], delimiter))) to--;
  if (to - from >= 2 && bytes[from] === quote && bytes[to - 1] === quote) visit(from + 1, to - 1);
  else visit(from, to);
}

/** Makes doubled quotes single. */
export function unquoted(text: string): string {
  return text.replaceAll('""', '"');
}

/** Words by which programs write that there is no value. */
const missingWords = new Set(['', 'na', 'n/a', '#n/a', 'nan', '-nan', 'null', 'none', '<na>']);
const longestMissingWord = 4;

/** Returns true if a field says that there is no value. */
export function isMissing(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from <= longestMissingWord && missingWords.has(String.fromCharCode(...bytes.subarray(from, to)).toLowerCase());
}
