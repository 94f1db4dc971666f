/**
 * Linear algebra as the textbook's first page has it: row-major numbers and triple loops, to compare engines against.
 */

/** An m×n matrix, row-major. */
export interface Dense {
  readonly m: number;
  readonly n: number;
  readonly values: Float64Array;
}

/** A matrix from its entries. */
export function dense(m: number, n: number, entry: (i: number, j: number) => number): Dense {
  const values = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) values[i * n + j] = entry(i, j);
  return { m, n, values };
}

/** A B. */
export function multiply(a: Dense, b: Dense): Dense {
  return dense(a.m, b.n, (i, j) => {
    let sum = 0;
    for (let k = 0; k < a.n; k++) sum += a.values[i * a.n + k] * b.values[k * b.n + j];
    return sum;
  });
}

/** Aᵀ. */
export function transposed(a: Dense): Dense {
  return dense(a.n, a.m, (i, j) => a.values[j * a.n + i]);
}

/** A diag(d). */
export function timesDiagonal(a: Dense, d: ArrayLike<number>): Dense {
  return dense(a.m, a.n, (i, j) => a.values[i * a.n + j] * d[j]);
}

/** The identity. */
export function identity(n: number): Dense {
  return dense(n, n, (i, j) => (i === j ? 1 : 0));
}

/** Largest magnitude. */
export function largest(values: ArrayLike<number>): number {
  let bound = 0;
  for (let i = 0; i < values.length; i++) bound = Math.max(bound, Math.abs(values[i]));
  return bound;
}

/** Row-major values of a batch cut into its matrices. */
export function members(values: Float64Array, m: number, n: number): Dense[] {
  const list: Dense[] = [];
  for (let start = 0; start < values.length; start += m * n) list.push({ m, n, values: values.slice(start, start + m * n) });
  return list;
}
