/**
 * Maximum and minimum of lists of any length; `Math.max(...values)` overflows the stack from about a hundred thousand
 * values on.
 */

/** Returns the largest of some numbers: -Infinity for an empty list, NaN if one of them is NaN. */
export function largest(values: Iterable<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** Returns the least of some numbers: Infinity for an empty list, NaN if one of them is NaN. */
export function least(values: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (const value of values) found = Math.min(found, value);
  return found;
}
