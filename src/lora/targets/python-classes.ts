/** Character classes of Python's `re`, in RE2's notation. */

/** Members of Python's shorthand classes under `(?a)`, to stand between brackets. Capitals are the complements. */
const ascii: Readonly<Record<string, string>> = {
  d: '0-9',
  w: '0-9A-Za-z_',
  s: '\\t-\\r ',
  D: '\\x00-/:-\\x{10FFFF}',
  W: '\\x00-/:-@\\[-^`\\{-\\x{10FFFF}',
  S: '\\x00-\\x08\\x0E-\\x1F!-\\x{10FFFF}',
};

/** The same without `(?a)`: `str.isdecimal`, `str.isalnum` or `_`, and `str.isspace`. */
const unicode: Readonly<Record<string, string>> = {
  d: '\\p{Nd}',
  w: '\\p{L}\\p{N}_',
  s: '\\t-\\r\\x1C- \\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}',
  D: '\\P{Nd}',
  S: '\\x00-\\x08\\x0E-\\x1B!-\\x{84}\\x{86}-\\x{9F}\\x{A1}-\\x{167F}\\x{1681}-\\x{1FFF}\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}\\x{3001}-\\x{10FFFF}',
};

/**
 * Characters that are neither a letter, a number nor `_`. RE2 cannot put the complement of two properties into a class,
 * so the ranges are found once, when a pattern needs them.
 */
let otherThanWord: string | undefined;

function rangesOfOthers(): string {
  const word = /[\p{L}\p{N}_]/u;
  const ranges: string[] = [];
  let start = -1;
  for (let point = 0; point <= 0x110000; point++) {
    const outside = point < 0x110000 && !word.test(String.fromCodePoint(point));
    if (outside && start < 0) start = point;
    if (outside || start < 0) continue;
    ranges.push(`${codePoint(start)}-${codePoint(point - 1)}`);
    start = -1;
  }
  return ranges.join('');
}

/**
 * Returns the members of one of Python's shorthands, to stand between brackets.
 *
 * @param letter - one of `dDwWsS`.
 * @param asciiOnly - true if the flag `a` is set.
 */
export function shorthandMembers(letter: string, asciiOnly: boolean): string {
  if (asciiOnly) return ascii[letter];
  if (letter !== 'W') return unicode[letter];
  otherThanWord ??= rangesOfOthers();
  return otherThanWord;
}

/** Writes a code point, inside a class or outside of one. */
export function codePoint(point: number): string {
  return `\\x{${point.toString(16).toUpperCase()}}`;
}
