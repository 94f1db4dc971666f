import { unquoted } from '../text/delimited-fields.js';
import { parseNumber } from '../text/parse-number.js';
import { textOf } from '../text/split-lines.js';

/** A date of ISO 8601, with a time of day or without; the offset from UTC may be left out. */
const isoDate = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * Returns a function that reads the time in a field, or says what it should be. All times are numbers, or all are
 * dates, which are read as milliseconds since 1970, in UTC unless they name an offset.
 */
export function timeReader(): (bytes: Uint8Array, from: number, to: number) => number | string {
  let kind: 'number' | 'date' | undefined;
  return (bytes, from, to) => {
    const number = parseNumber(bytes, from, to);
    const text = Number.isNaN(number) ? unquoted(textOf(bytes, from, to)) : '';
    const isDate = isoDate.test(text);
    const hasZone = /(Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10));
    const date = isDate ? Date.parse(`${text.replace(' ', 'T')}${text.length > 10 && !hasZone ? 'Z' : ''}`) : Number.NaN;
    const found = Number.isNaN(number) ? 'date' : 'number';
    const when = Number.isNaN(number) ? date : number;
    if (Number.isNaN(when) || (kind !== undefined && found !== kind)) {
      return kind === undefined
        ? 'a time, as a number or a date such as 2024-05-31 12:00:00,'
        : `a time as a ${kind}, as on the lines before,`;
    }
    kind = found;
    return when;
  };
}
