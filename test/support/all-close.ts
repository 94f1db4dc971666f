/** Comparison of arrays of numbers that says where they differ most. */
import type { HostArray } from '../../src/linalg/host/host-array.js';
import { packed } from '../../src/linalg/host/host-array.js';

/** What {@link compareAll} reads: numbers, an array of them, or a host array. */
export type Numbers = number | ArrayLike<number> | HostArray;

/** The outcome of a comparison. */
export interface Closeness {
  readonly pass: boolean;
  /** What differs, in words. */
  readonly report: string;
}

/**
 * Whether all entries differ by at most `tolerance`. Equal infinities and two NaNs at one place count as equal.
 *
 * @param tolerance - absolute; see `tolerance()` for one that follows from ε.
 */
export function compareAll(received: Numbers, expected: Numbers, tolerance: number): Closeness {
  const [x, y] = [read(received), read(expected)];
  if (x.values.length !== y.values.length) {
    return { pass: false, report: `lengths differ: received ${x.values.length}, expected ${y.values.length}` };
  }
  if (x.shape && y.shape && x.shape.join() !== y.shape.join()) {
    return { pass: false, report: `shapes differ: received [${x.shape.join(', ')}], expected [${y.shape.join(', ')}]` };
  }
  let worst = -1;
  let largest = 0;
  for (let i = 0; i < x.values.length; i++) {
    if (Object.is(x.values[i], y.values[i]) || x.values[i] === y.values[i]) continue;
    const difference = Math.abs(x.values[i] - y.values[i]);
    const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    if (worst >= 0 && error <= largest) continue;
    worst = i;
    largest = error;
  }
  if (worst < 0) return { pass: true, report: 'all entries are equal' };
  const place = indexIn(worst, x.shape ?? y.shape ?? [x.values.length]);
  return {
    pass: largest <= tolerance,
    report: `largest error ${largest.toExponential(3)} at [${place.join(', ')}], where ${x.values[worst]} was received and ${y.values[worst]} expected; tolerance ${tolerance.toExponential(3)}`,
  };
}

function read(numbers: Numbers): { readonly values: ArrayLike<number>; readonly shape?: readonly number[] } {
  if (typeof numbers === 'number') return { values: [numbers] };
  if ('stride' in numbers) return { values: packed('toBeAllClose', numbers), shape: numbers.shape };
  return { values: numbers };
}

function indexIn(position: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const length of [...shape].reverse()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index;
}
