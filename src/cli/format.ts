/** Formats numbers and tables for people. */
import { largest } from '../core/extremes.js';

/** Lays out rows of cells as lines with padded columns. Columns of numbers (below the header) are aligned right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => largest(rows.map((row) => width(row[column] ?? ''))));
  // A name may begin with a digit, but has a word.
  const isNumeric = (cell: string): boolean => /^([-+±]?[\d.∞]|$)/.test(cell) && !/[a-z]{3}/.test(cell);
  const numeric = rows[0].map((_, column) => rows.slice(1).every((row) => isNumeric(row[column] ?? '')) && rows.length > 2);
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column], numeric[column]))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n');
}

function pad(text: string, columns: number, right: boolean): string {
  const space = ' '.repeat(columns - width(text));
  return right ? space + text : text + space;
}

/** Counts characters as a terminal does, for the alphabets used here. */
function width(text: string): number {
  return [...text].length;
}

/** Formats a number with three significant digits, and with a power of ten if it is very large or small. */
export function short(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '∞';
  if (!Number.isFinite(value) || value === 0) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude >= 1e5 || magnitude < 1e-3) return value.toExponential(2).replace('e+', 'e');
  return String(Number(value.toPrecision(magnitude >= 1000 ? 4 : 3)));
}

/** Formats bytes as GiB or MiB. */
export function gibibytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** Formats a duration, given in seconds. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return `${short(seconds)} s`;
  if (seconds < 99.5) return `${seconds < 9.95 ? seconds.toFixed(1) : seconds.toFixed(0)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${String(minutes).padStart(2, '0')} min` : `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** Formats seconds as a countdown: 0:07, 12:30, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), String(whole % 60).padStart(2, '0')];
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}
