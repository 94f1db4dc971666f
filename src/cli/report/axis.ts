/** Axes: where the ticks are, and how they are written. */

/** An axis from data to a length in the picture. */
export interface Axis {
  /** Where a value lies, in pixels from the beginning of the axis. */
  place(value: number): number;
  /** Values with a tick, ascending. */
  readonly ticks: readonly number[];
  /** What stands at a tick. */
  label(tick: number): string;
}

/** Linear, over the values' range, which is widened where they are all the same. */
export function linearAxis(values: readonly number[], length: number, count: number): Axis {
  let [least, most] = [Math.min(...values), Math.max(...values)];
  if (!(most > least)) [least, most] = [least - (Math.abs(least) || 1) / 2, most + (Math.abs(most) || 1) / 2];
  const step = niceStep((most - least) / count);
  const first = Math.ceil(least / step - 1e-9);
  const ticks = Array.from({ length: Math.floor(most / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
  return { place: (value) => ((value - least) / (most - least)) * length, ticks, label: plainLabel };
}

/** A tick's number without rounding noise, with a power of ten where it would not fit beside the axis. */
function plainLabel(tick: number): string {
  const text = String(Number(tick.toPrecision(10)));
  return text.length <= 7 ? text : tick.toExponential(1).replace('e+', 'e');
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function niceStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * ([1, 2, 5].find((factor) => factor * power >= wanted * (1 - 1e-9)) ?? 10);
}

/** Logarithmic, from power of ten to power of ten; values must be positive. */
export function logAxis(values: readonly number[], length: number, count: number): Axis {
  const logs = values.map((value) => Math.log10(value));
  const [first, last] = [Math.floor(Math.min(...logs)), Math.max(Math.ceil(Math.max(...logs)), Math.floor(Math.min(...logs)) + 1)];
  const stride = Math.max(1, Math.ceil((last - first) / count));
  const ticks = Array.from({ length: Math.floor((last - first) / stride) + 1 }, (_, i) => 10 ** (first + i * stride));
  return {
    place: (value) => ((Math.log10(value) - first) / (last - first)) * length,
    ticks,
    label: (tick) => powerLabel(Math.round(Math.log10(tick))),
  };
}

function powerLabel(exponent: number): string {
  if (exponent >= -2 && exponent <= 3) return String(Number((10 ** exponent).toPrecision(3)));
  return `10${String(exponent).replace(/./g, (character) => (character === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(character)]))}`;
}
