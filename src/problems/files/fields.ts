/** Fields of a delimited line. */

const [quote, tab, space] = [34, 9, 32];

/**
 * Visits the fields of the line `bytes[start … end)`, each without the blanks and the quotes around it.
 *
 * A field that begins with a quote ends at the next quote that is not doubled; the delimiter may occur inside. Where the delimiter is one space, a run of them is one delimiter, and those around the line are none.
 */
export function splitFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  delimiter: Uint8Array,
  visit: (from: number, to: number) => void,
): void {
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

/** Where the field ends that begins at `from`: at a delimiter, or at the end of the line. */
function fieldEnd(bytes: Uint8Array, from: number, end: number, delimiter: Uint8Array): number {
  let at = from;
  if (bytes[at] === quote && at < end) {
    at++;
    while (at < end && !(bytes[at] === quote && bytes[at + 1] !== quote)) at += bytes[at] === quote ? 2 : 1;
  }
  const first = delimiter[0];
  for (; at < end; at++) if (bytes[at] === first && startsWith(bytes, at, end, delimiter)) return at;
  return end;
}

function startsWith(bytes: Uint8Array, at: number, end: number, delimiter: Uint8Array): boolean {
  if (at + delimiter.length > end) return false;
  for (let k = 1; k < delimiter.length; k++) if (bytes[at + k] !== delimiter[k]) return false;
  return true;
}

function visitTrimmed(
  bytes: Uint8Array,
  start: number,
  end: number,
  delimiter: Uint8Array,
  visit: (from: number, to: number) => void,
): void {
  let [from, to] = [start, end];
  const blank = (byte: number): boolean => byte === space || (byte === tab && delimiter[0] !== tab);
  while (from < to && blank(bytes[from])) from++;
  while (to > from && blank(bytes[to - 1])) to--;
  if (to - from >= 2 && bytes[from] === quote && bytes[to - 1] === quote) visit(from + 1, to - 1);
  else visit(from, to);
}

/** Doubled quotes made single. */
export function unquoted(text: string): string {
  return text.replaceAll('""', '"');
}
