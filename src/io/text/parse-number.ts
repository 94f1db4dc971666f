import { textOf } from './split-lines.js';

/**
 * Float64 holds integers of up to this many digits, and powers of ten up to this one, exactly: one multiplication or
 * division then rounds once, correctly.
 */
const [exactDigits, exactPower] = [15, 22];
const powersOfTen = Array.from({ length: exactPower + 1 }, (_, k) => Number(`1e${k}`));
const [plus, minus, zero, nine] = [43, 45, 48, 57];
/** Default byte between whole and decimal digits. */
const decimalPoint = 46;

/** Longest number in bytes: a float64 written out has 1075 digits. */
const longestNumber = 2000;

/** A decimal number as JavaScript writes it, without what else `Number` accepts (hexadecimal, an empty string). */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Parses the number written in `bytes[start … end)`, correctly rounded.
 *
 * Short decimals without an exponent, common in data files, are read digit by digit; others go through a string.
 *
 * @param point - the byte between whole and decimal digits: a point, or the comma of much of Europe.
 * @returns NaN if it is not a finite decimal number.
 * @see Clinger, "How to read floating point numbers accurately", PLDI 1990 (the fast path).
 */
export function parseNumber(bytes: Uint8Array, start: number, end: number, point = decimalPoint): number {
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
      return parseSlowly(bytes, start, end, point);
    }
  }
  if (digits === 0 || digits > exactDigits) return parseSlowly(bytes, start, end, point);
  const magnitude = decimals === 0 ? mantissa : mantissa / powersOfTen[decimals];
  return negative ? -magnitude : magnitude;
}

function parseSlowly(bytes: Uint8Array, start: number, end: number, point: number): number {
  // No number is longer, but labels in its place may be.
  if (end - start > longestNumber) return Number.NaN;
  const written = textOf(bytes, start, end);
  const text = point === decimalPoint ? written : written.replace(/[.,]/g, (mark) => (mark.charCodeAt(0) === point ? '.' : '?'));
  const value = decimal.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}
