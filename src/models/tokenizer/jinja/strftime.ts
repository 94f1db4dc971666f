/** Python's `strftime` in the C locale, in which transformers gives templates the date. */

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;

const padded = (value: number, width = 2): string => String(value).padStart(width, '0');

/** Day of the year, from 1. */
function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return 1 + Math.round((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000);
}

/** Week of the year; the first begins with the first day of the week in it. */
const weekOfYear = (date: Date, firstDay: number): number => Math.floor((dayOfYear(date) + 6 - ((date.getDay() - firstDay + 7) % 7)) / 7);

const twelve = (date: Date): number => date.getHours() % 12 || 12;

const directives: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => days[date.getDay()].slice(0, 3),
  A: (date) => days[date.getDay()],
  b: (date) => months[date.getMonth()].slice(0, 3),
  h: (date) => months[date.getMonth()].slice(0, 3),
  B: (date) => months[date.getMonth()],
  c: (date) => strftime(date, '%a %b %e %H:%M:%S %Y'),
  d: (date) => padded(date.getDate()),
  D: (date) => strftime(date, '%m/%d/%y'),
  e: (date) => String(date.getDate()).padStart(2),
  F: (date) => strftime(date, '%Y-%m-%d'),
  H: (date) => padded(date.getHours()),
  I: (date) => padded(twelve(date)),
  j: (date) => padded(dayOfYear(date), 3),
  m: (date) => padded(date.getMonth() + 1),
  M: (date) => padded(date.getMinutes()),
  n: () => '\n',
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  R: (date) => strftime(date, '%H:%M'),
  S: (date) => padded(date.getSeconds()),
  t: () => '\t',
  T: (date) => strftime(date, '%H:%M:%S'),
  u: (date) => String(date.getDay() || 7),
  U: (date) => padded(weekOfYear(date, 0)),
  w: (date) => String(date.getDay()),
  W: (date) => padded(weekOfYear(date, 1)),
  x: (date) => strftime(date, '%m/%d/%y'),
  X: (date) => strftime(date, '%H:%M:%S'),
  y: (date) => padded(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  '%': () => '%',
};

/**
 * Writes a date.
 *
 * @param format - text with Python's directives; `%-d` and its like leave out zeros in front.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (all, bare: string, directive: string) => {
    if (!Object.hasOwn(directives, directive)) return all;
    const written = directives[directive](date);
    return bare === '' ? written : written.replace(/^[0 ]+(?=.)/, '');
  });
}
