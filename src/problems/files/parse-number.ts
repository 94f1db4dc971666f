/** Decimal numbers from bytes. */
import { textOf } from './read-lines.js';

/** Up to this many digits a decimal's digits are an integer that float64 holds, and up to this power of ten too: one multiplication or division then rounds once, correctly. */
const [exactDigits, exactPower] = [15, 22];
const powersOfTen = Array.from({ length: exactPower + 1 }, (_, k) => Number(`1e${k}`));
const [plus, minus, point, zero, nine] = [43, 45, 46, 48, 57];

/** How JavaScript writes a decimal number; what `Number` accepts besides (hexadecimal, an empty string) is none. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * The number written in `bytes[start … end)`, correctly rounded.
 *
 * Short decimals without an exponent, which data files are full of, are read digit by digit; others by way of a string.
 *
 * @returns NaN if it is not a finite decimal number.
 * @see Clinger, "How to read floating point numbers accurately", PLDI 1990 (the fast path).
 */
export function parseNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = bytes[at] === minus;
  if (negative || bytes[at] === plus) at++;
  let mantissa = 0;
  let digits = 0;
  let decimals = 0;
  let seenPoint = false;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte >= zero && byte <= nine) {
      mantissa = mantissa * 10 + (byte - zero);
      digits++;
      if (seenPoint) decimals++;
    } else if (byte === point && !seenPoint) {
      seenPoint = true;
    } else {
      return parseSlowly(bytes, start, end);
    }
  }
  if (digits === 0 || digits > exactDigits) return parseSlowly(bytes, start, end);
  const magnitude = decimals === 0 ? mantissa : mantissa / powersOfTen[decimals];
  return negative ? -magnitude : magnitude;
}

function parseSlowly(bytes: Uint8Array, start: number, end: number): number {
  const text = textOf(bytes, start, end);
  const value = decimal.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}
