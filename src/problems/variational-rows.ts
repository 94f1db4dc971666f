/**
 * One half of a sweep of variational completion: updates the posterior of every row with the columns fixed.
 *
 * @see Lim and Teh, "Variational Bayesian approach to movie rating prediction", KDD Cup 2007.
 */

import type { InParts } from '../core/event-loop.js';
import { factorize, invertFactored, solveFactored } from './packed-cholesky.js';
import type { EntriesByRow } from './variational-entries.js';
import type { Posterior } from './variational-posterior.js';

/** Arguments of {@link updateRows}. */
export interface RowUpdate {
  readonly entries: EntriesByRow;
  /** Posterior of the columns. */
  readonly beside: Posterior;
  /** Posterior of the rows, written to. */
  readonly posterior: Posterior;
  /** Number of unknowns of a row. */
  readonly unknowns: number;
  readonly biases: boolean;
  /** Mean, subtracted from every value. */
  readonly mean: number;
  /** Ridge of each unknown: noise over prior variance. */
  readonly ridge: Float64Array;
  /** Variance of the noise; 0 for point estimates, whose moments are products of their means. */
  readonly noise: number;
}

/** Sums over the rows that have entries. */
export interface RowSums {
  /** Number of rows that have entries. */
  readonly rows: number;
  /** Σ E[w], of length k. */
  readonly means: Float64Array;
  /** Σ E[wwᵀ], packed. */
  readonly moments: Float64Array;
  /** Σ over the entries of the expected squared residual. */
  readonly squares: number;
}

/** Flops between two yields of an update: a few milliseconds. */
const partFlops = 1e7;

/**
 * Solves the k×k normal equations of every row with the second moments of the columns, in 2·nnz·k(k+5)/2 + rows·k³
 * flops. Rows without entries get zero means and the prior variance.
 *
 * @returns sums over the rows, for the variances of the prior and of the noise; yields after each part of the rows.
 */
export function* updateRows(update: RowUpdate): InParts<RowSums> {
  const { entries, posterior, unknowns: k, biases, noise, ridge } = update;
  const packed = (k * (k + 1)) / 2;
  const work = workspace(k);
  const sums = { means: new Float64Array(k), moments: new Float64Array(packed) };
  let [rows, squares, flops] = [0, 0, 0];
  for (let i = 0; i < entries.count; i++) {
    const count = entries.pointers[i + 1] - entries.pointers[i];
    if (count === 0) {
      emptyRow(posterior, i, k, noise, ridge);
      continue;
    }
    gatherRow(update, i, work);
    const constant = normalEquations(work, k, biases, update.mean, count);
    factorize(work.gram, ridge, work.factor);
    solveFactored(work.factor, work.right, work.solution);
    squares += storeRow(work, posterior, i, k, noise, constant, sums);
    rows++;
    flops += count * k * (k + 5) + k ** 3;
    if (flops < partFlops) continue;
    flops = 0;
    yield;
  }
  return { rows, ...sums, squares };
}

/** Buffers of one row. */
interface Workspace {
  /** Σ of the columns' second moments, then the normal matrix, packed. */
  readonly gram: Float64Array;
  /** Σ of the columns' means, and Σ of the means times the values. */
  readonly means: Float64Array;
  readonly weighted: Float64Array;
  /** Σ of the values and of their squares. */
  readonly values: Float64Array;
  readonly right: Float64Array;
  readonly solution: Float64Array;
  /** Cholesky factor, its inverse, and the inverse of the normal matrix; packed. */
  readonly factor: Float64Array;
  readonly inverse: Float64Array;
}

function workspace(k: number): Workspace {
  const packed = (k * (k + 1)) / 2;
  const make = (length: number): Float64Array => new Float64Array(length);
  return {
    gram: make(packed),
    means: make(k),
    weighted: make(k),
    values: make(2),
    right: make(k),
    solution: make(k),
    factor: make(packed),
    inverse: make(packed),
  };
}

function emptyRow({ means, moments }: Posterior, i: number, k: number, noise: number, ridge: Float64Array): void {
  const packed = (k * (k + 1)) / 2;
  means.fill(0, i * k, (i + 1) * k);
  moments.fill(0, i * packed, (i + 1) * packed);
  for (let p = 0; p < k; p++) moments[i * packed + (p * (p + 3)) / 2] = ridge[p] > 0 ? noise / ridge[p] : 0;
}

/** Sums over the entries of row i, four at a time, so that a sum is loaded and stored once for four entries. */
function gatherRow({ entries, beside, unknowns: k }: RowUpdate, i: number, work: Workspace): void {
  const { indices, values, pointers } = entries;
  const { means, moments } = beside;
  const { gram, means: sums, weighted } = work;
  const packed = gram.length;
  gram.fill(0);
  sums.fill(0);
  weighted.fill(0);
  let [total, squares] = [0, 0];
  let e = pointers[i];
  const last = pointers[i + 1];
  for (; e + 3 < last; e += 4) {
    const j0 = indices[e];
    const j1 = indices[e + 1];
    const j2 = indices[e + 2];
    const j3 = indices[e + 3];
    const z0 = values[e];
    const z1 = values[e + 1];
    const z2 = values[e + 2];
    const z3 = values[e + 3];
    const a0 = j0 * packed;
    const a1 = j1 * packed;
    const a2 = j2 * packed;
    const a3 = j3 * packed;
    for (let p = 0; p < packed; p++) gram[p] += moments[a0 + p] + moments[a1 + p] + (moments[a2 + p] + moments[a3 + p]);
    const b0 = j0 * k;
    const b1 = j1 * k;
    const b2 = j2 * k;
    const b3 = j3 * k;
    for (let p = 0; p < k; p++) {
      const m0 = means[b0 + p];
      const m1 = means[b1 + p];
      const m2 = means[b2 + p];
      const m3 = means[b3 + p];
      sums[p] += m0 + m1 + (m2 + m3);
      weighted[p] += z0 * m0 + z1 * m1 + (z2 * m2 + z3 * m3);
    }
    total += z0 + z1 + z2 + z3;
    squares += z0 * z0 + z1 * z1 + z2 * z2 + z3 * z3;
  }
  for (; e < last; e++) {
    const [j, z] = [indices[e], values[e]];
    for (let p = 0; p < packed; p++) gram[p] += moments[j * packed + p];
    for (let p = 0; p < k; p++) {
      sums[p] += means[j * k + p];
      weighted[p] += z * means[j * k + p];
    }
    total += z;
    squares += z * z;
  }
  work.values[0] = total;
  work.values[1] = squares;
}

/**
 * Turns the sums into normal matrix and right-hand side. With biases, the columns' last unknown c is moved to the left
 * of the equations: entry z − μ − c is explained by (v, 1).
 *
 * @returns Σ E[(z − μ − c)²].
 */
function normalEquations(work: Workspace, k: number, biases: boolean, mean: number, count: number): number {
  const { gram, means, weighted, values, right } = work;
  const [total, squares] = [values[0], values[1]];
  const centered = squares - 2 * mean * total + count * mean * mean;
  for (let p = 0; p < k; p++) right[p] = weighted[p] - mean * means[p];
  if (!biases) return centered;
  const bias = k - 1;
  const row = (bias * k) / 2;
  const constant = centered - 2 * right[bias] + gram[row + bias];
  right[bias] = total - count * mean - means[bias];
  for (let p = 0; p < bias; p++) {
    right[p] -= gram[row + p];
    gram[row + p] = means[p];
  }
  gram[row + bias] = count;
  return constant;
}

/** Writes the row's mean and moments, adds them to the sums, and returns the expected squares of its residuals. */
function storeRow(
  work: Workspace,
  { means, moments }: Posterior,
  i: number,
  k: number,
  noise: number,
  constant: number,
  sums: { readonly means: Float64Array; readonly moments: Float64Array },
): number {
  const { gram, right, solution } = work;
  const at = i * gram.length;
  if (noise > 0) invertFactored(work.factor, work.inverse, k);
  let squares = constant;
  for (let p = 0, place = 0; p < k; p++) {
    means[i * k + p] = solution[p];
    sums.means[p] += solution[p];
    squares -= 2 * right[p] * solution[p];
    for (let q = 0; q <= p; q++, place++) {
      const moment = solution[p] * solution[q] + (noise > 0 ? noise * work.inverse[place] : 0);
      moments[at + place] = moment;
      sums.moments[place] += moment;
      squares += (p === q ? 1 : 2) * gram[place] * moment;
    }
  }
  return squares;
}
