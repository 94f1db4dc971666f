/** The ends of a list's range. Spread arguments, as `Math.max(...values)`, overflow the stack from about a hundred thousand values on. */

/** The largest of some numbers; -Infinity of none, NaN where one is. */
export function largest(values: Iterable<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** The least of some numbers; Infinity of none, NaN where one is. */
export function least(values: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (const value of values) found = Math.min(found, value);
  return found;
}
