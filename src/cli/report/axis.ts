/** Axes: places and labels of the ticks. */

import { largest as largestOf, least as leastOf } from '../../core/extremes.js';

/** An axis, which maps values to a length in the picture. */
export interface Axis {
  /** Returns the place of a value, in pixels from the beginning of the axis. */
  place(value: number): number;
  /** The values that have a tick, ascending. */
  readonly ticks: readonly number[];
  /** Returns the label of a tick. */
  label(tick: number): string;
}

/** Options of {@link linearAxis}. */
export interface LinearAxisOptions {
  /** Length of the axis in pixels. */
  readonly length: number;
  /** Approximate number of ticks. */
  readonly count: number;
  /** If true, ticks are at integers only, as for steps and indices. Default: false. */
  readonly integers?: boolean;
  /** If true, the axis is widened to end at ticks. Default: false. */
  readonly rounded?: boolean;
}

/** Creates a linear axis over the range of the values. If they are all equal, it is widened and has one tick there. */
export function linearAxis(values: readonly number[], { length, count, integers = false, rounded = false }: LinearAxisOptions): Axis {
  let [least, most] = [leastOf(values), largestOf(values)];
  // A range due to rounding alone has no ticks of its own.
  const single = !(most - least > 1e-13 * Math.max(Math.abs(least), Math.abs(most)) && most - least > 1e-290);
  if (single) {
    // Half of the least positive number would round to zero.
    const half = (Math.abs(least) > 1e-290 ? Math.abs(least) : 1) / 2;
    [least, most] = [least - half, most + half];
  }
  const step = Math.max(niceStep((most - least) / count), integers ? 1 : 0);
  if (rounded) [least, most] = [Math.floor(least / step + 1e-9) * step, Math.ceil(most / step - 1e-9) * step];
  const first = Math.ceil(least / step - 1e-9);
  const ticks =
    single && !rounded ? [values[0]] : Array.from({ length: Math.floor(most / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
  return { place: (value) => ((value - least) / (most - least)) * length, ticks, label: plainLabel };
}

/** Formats a tick without rounding noise, with a power of ten if it would not fit beside the axis. */
function plainLabel(tick: number): string {
  const text = String(Number(tick.toPrecision(10)));
  return text.length <= 6
    ? text
    : String(Number(tick.toPrecision(10)).toExponential())
        .replace('e+', 'e')
        .replace('-', '−');
}

/** Returns the least number of at least the given size that is 1, 2 or 5 times a power of ten. */
function niceStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * ([1, 2, 5].find((factor) => factor * power >= wanted * (1 - 1e-9)) ?? 10);
}

/**
 * Creates a logarithmic axis for positive values. It ends at powers of ten, or at 1, 2 or 5 times one if the values are
 * close together.
 */
export function logAxis(values: readonly number[], length: number, count: number): Axis {
  const [least, most] = [leastOf(values), largestOf(values)];
  const factors = most / least < 30 ? [1, 2, 5] : [1];
  const below = lastRound(least, factors);
  const above = firstRound(most > least ? most : least * 1.5, factors);
  const [from, to] = [Math.log10(below), Math.log10(above)];
  const decades = Array.from({ length: Math.ceil(to) - Math.floor(from) + 1 }, (_, i) => Math.floor(from) + i);
  const stride = Math.max(1, Math.ceil((decades.length - 1) / count));
  const ticks = decades
    .filter((_, i) => i % stride === 0)
    .flatMap((exponent) => factors.map((factor) => factor * 10 ** exponent))
    .filter((tick) => tick >= below * (1 - 1e-9) && tick <= above * (1 + 1e-9));
  const plain = below >= 1e-3 * (1 - 1e-9) && above <= 1e4 * (1 + 1e-9);
  return {
    place: (value) => ((Math.log10(value) - from) / (to - from)) * length,
    ticks,
    label: (tick) => (plain || factors.length > 1 ? plainLabel(tick) : powerLabel(Math.round(Math.log10(tick)))),
  };
}

/** Returns the largest product of a factor and a power of ten that does not exceed the value. */
function lastRound(value: number, factors: readonly number[]): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * (factors.findLast((factor) => factor * power <= value * (1 + 1e-9)) ?? 1);
}

/** Returns the least product of a factor and a power of ten that is at least the value. */
function firstRound(value: number, factors: readonly number[]): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * (factors.find((factor) => factor * power >= value * (1 - 1e-9)) ?? 10);
}

function powerLabel(exponent: number): string {
  return `10${String(exponent).replace(/./g, (character) => (character === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(character)]))}`;
}
