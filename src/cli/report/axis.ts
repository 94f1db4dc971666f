/** Axes: where the ticks are, and how they are written. */

import { largest as largestOf, least as leastOf } from '../../core/extremes.js';

/** An axis from data to a length in the picture. */
export interface Axis {
  /** Where a value lies, in pixels from the beginning of the axis. */
  place(value: number): number;
  /** Values with a tick, ascending. */
  readonly ticks: readonly number[];
  /** What stands at a tick. */
  label(tick: number): string;
}

/** How a linear axis is divided. */
export interface LinearAxisOptions {
  /** Its length in pixels. */
  readonly length: number;
  /** Ticks, about. */
  readonly count: number;
  /** Whether ticks between integers would mean nothing: steps, indices. */
  readonly integers?: boolean;
  /** Whether it is widened to end at ticks. */
  readonly rounded?: boolean;
}

/** Linear, over the values' range. Where they are all the same it is widened, with a tick there. */
export function linearAxis(values: readonly number[], { length, count, integers = false, rounded = false }: LinearAxisOptions): Axis {
  let [least, most] = [leastOf(values), largestOf(values)];
  // A range that rounding alone fills has no ticks of its own.
  const single = !(most - least > 1e-13 * Math.max(Math.abs(least), Math.abs(most)) && most - least > 1e-290);
  if (single) {
    // Half of the least number there is would round to nothing.
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

/** A tick's number without rounding noise, with a power of ten where it would not fit beside the axis. */
function plainLabel(tick: number): string {
  const text = String(Number(tick.toPrecision(10)));
  return text.length <= 6
    ? text
    : String(Number(tick.toPrecision(10)).toExponential())
        .replace('e+', 'e')
        .replace('-', '−');
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function niceStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * ([1, 2, 5].find((factor) => factor * power >= wanted * (1 - 1e-9)) ?? 10);
}

/** Logarithmic; values must be positive. It ends at powers of ten, or at 1, 2 or 5 times one where the values are close together. */
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

/** The largest of the factors times powers of ten that is no larger. */
function lastRound(value: number, factors: readonly number[]): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * (factors.findLast((factor) => factor * power <= value * (1 + 1e-9)) ?? 1);
}

/** The least of the factors times powers of ten that is no smaller. */
function firstRound(value: number, factors: readonly number[]): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * (factors.find((factor) => factor * power >= value * (1 - 1e-9)) ?? 10);
}

function powerLabel(exponent: number): string {
  return `10${String(exponent).replace(/./g, (character) => (character === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(character)]))}`;
}
