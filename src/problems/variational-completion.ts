/**
 * Matrix completion that learns its own regularization by variational Bayes. The model of entry (i, j) is
 *
 *     z_ij = μ + u_i·v_j + b_i + c_j + ε_ij,   ε_ij ~ N(0, σ²),   u_ip ~ N(0, α_p),   v_jp ~ N(0, β_p),   b_i ~ N(0, α_b),   c_j ~ N(0, β_b),
 *
 * and the posterior is approximated by a product of Gaussians, one for w_i = (u_i, b_i) of each row and one for (v_j,
 * c_j) of each column. With the columns fixed and Ω_i the entries of row i, the Gaussian of the row is
 *
 *     N(G_i⁻¹ r_i, σ² G_i⁻¹),   G_i = Σ_{j∈Ω_i} E[(v_j, 1)(v_j, 1)ᵀ] + σ² diag(α)⁻¹,   r_i = Σ_{j∈Ω_i} E[(z_ij − μ − c_j)(v_j, 1)]:
 *
 * a ridge regression in which the uncertainty of the columns shrinks as well. μ, σ² and the variances maximize the same
 * lower bound of the evidence, which no sweep decreases.
 *
 * @see Lim and Teh, "Variational Bayesian approach to movie rating prediction", KDD Cup 2007; Ilin and Raiko,
 * "Practical approaches to principal component analysis in the presence of missing values", JMLR 11, 2010.
 */
import type { InParts } from '../core/event-loop.js';
import { declareOptions, number } from '../core/options.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';
import { type Alignment, align, transformPosterior } from './variational-alignment.js';
import type { TwoWayEntries } from './variational-entries.js';
import type { Posterior } from './variational-posterior.js';
import { type RowSums, updateRows } from './variational-rows.js';

/** Variances of the Gaussians from which the entries of a model are drawn. */
export interface Variances {
  /** Variance of the noise. */
  readonly noise: number;
  /** Prior variance of each unknown of a row: one per component, then that of the biases if there are any. */
  readonly rows: Float64Array;
  /** Prior variance of each unknown of a column, likewise. */
  readonly columns: Float64Array;
}

/** A model: entry (i, j) is mean + (row i's components)·(column j's) + both biases, if there are any, + noise. */
export interface VariationalState {
  /** Number of components. */
  readonly rank: number;
  /** True if rows and columns have biases. */
  readonly biases: boolean;
  /** Constant part of every entry. */
  readonly mean: number;
  /** Variances of the noise and of the priors. */
  readonly variances: Variances;
  /** Posteriors of the rows, rewritten by each sweep. */
  readonly rows: Posterior;
  /** Posteriors of the columns, rewritten by each sweep. */
  readonly columns: Posterior;
}

/** Options of {@link sweepParts}. */
export interface SweepOptions {
  /**
   * Ridge on each component instead of the one from the variances, with point estimates in place of posteriors.
   * Default: none.
   */
  readonly ridge?: number;
}

/** Declares the ridge of a sweep. */
export const sweepOptions = declareOptions<SweepOptions>()({ ridge: number({ optional: true, min: 0 }) });

/** Sums from a sweep, from which variances are learned. */
export interface SweepSums {
  /** Sums over the rows. */
  readonly rows: RowSums;
  /** Sums over the columns. */
  readonly columns: RowSums;
}

/** Returns the number of unknowns of a row or column. */
export function unknownsOf({ rank, biases }: Pick<VariationalState, 'rank' | 'biases'>): number {
  return rank + (biases ? 1 : 0);
}

/**
 * Updates the posteriors of the rows and then those of the columns: the coordinate ascent of variational Bayes or, with
 * a ridge, alternating least squares.
 *
 * A sweep takes 2·nnz·k(k+5) + (m + n)k³ flops for k unknowns, in parts of a few milliseconds. A state whose sweep is
 * abandoned between two parts is of no further use.
 */
export function* sweepParts(state: VariationalState, data: TwoWayEntries, options: SweepOptions): InParts<SweepSums> {
  const { ridge } = sweepOptions.read('sweepParts', options);
  const { variances, biases, mean, rows, columns, rank } = state;
  const ridges = (prior: Float64Array): Float64Array =>
    prior.map((variance, p) => (ridge !== undefined && p < rank ? ridge : variances.noise / variance));
  const shared = { unknowns: unknownsOf(state), biases, mean, noise: ridge === undefined ? variances.noise : 0 };
  return {
    rows: yield* updateRows({ ...shared, entries: data.byRow, beside: columns, posterior: rows, ridge: ridges(variances.rows) }),
    columns: yield* updateRows({ ...shared, entries: data.byColumn, beside: rows, posterior: columns, ridge: ridges(variances.columns) }),
  };
}

/** Learned variances, and the change of coordinates that makes the posterior of the columns agree with them. */
export interface Learned {
  /** State with the same posteriors and new variances. Its columns agree with the variances only after `carryOn`. */
  readonly state: VariationalState;
  /** Change of coordinates that belongs to the variances. */
  readonly alignment: Alignment;
  /** Brings the columns into the coordinates of the new variances; the rows must be updated next. */
  carryOn(): void;
}

/**
 * Learns the variances and the mean from a sweep. In the new coordinates the components of the rows have unit
 * covariance, those of the columns a diagonal one, largest first, and all of them mean zero: coordinate ascent alone is
 * slow along these directions.
 *
 * @see Luttinen and Ilin, "Transformations in variational Bayesian factor analysis to speed up learning",
 * Neurocomputing 73, 2010.
 */
export function learnVariances(state: VariationalState, data: TwoWayEntries, sums: SweepSums): Learned {
  const { rank, biases } = state;
  const floor = data.rounding;
  const alignment: Alignment = align(sums.rows, sums.columns, rank, biases);
  const noise = Math.max(sums.columns.squares / data.byRow.values.length, floor);
  const least = (variances: Float64Array): Float64Array => variances.map((variance) => Math.max(variance, 1e-8 * floor + Number.MIN_VALUE));
  const variances = { noise, rows: least(alignment.rowVariances), columns: least(alignment.columnVariances) };
  return {
    state: { ...state, mean: state.mean + alignment.mean, variances },
    alignment,
    carryOn: () => transformPosterior(state.columns, data.byColumn, alignment),
  };
}

/** Returns the residuals z − ẑ of some entries, in their order, where ẑ is predicted by the means. */
export function stateResiduals(state: VariationalState, part: CsrMatrix<HostArray>): Float64Array {
  const values = hostAlgebra().peek(part.values);
  const residuals = new Float64Array(values.length);
  for (let i = 0; i < part.rows; i++) rowResiduals(state, part, values, i, residuals, part.rowPointers[i]);
  return residuals;
}

/** Writes the residuals of row i from place `at` on. */
function rowResiduals(
  { rank, biases, mean, rows, columns }: VariationalState,
  { rowPointers, columnIndices }: CsrMatrix<HostArray>,
  values: Float64Array,
  i: number,
  into: Float64Array,
  at: number,
): void {
  const [left, right] = [rows.means, columns.means];
  const first = rowPointers[i];
  const last = rowPointers[i + 1];
  const k = rank + (biases ? 1 : 0);
  const row = i * k;
  const offset = mean + (biases ? left[row + rank] : 0);
  for (let e = first; e < last; e++) {
    const column = columnIndices[e] * k;
    let error = values[e] - offset - (biases ? right[column + rank] : 0);
    for (let p = 0; p < rank; p++) error -= left[row + p] * right[column + p];
    into[at + e - first] = error;
  }
}

/** Returns their root mean square, 0 for no entries. It forms one row at a time, since a fit asks after each sweep. */
export function stateError(state: VariationalState, part: CsrMatrix<HostArray>): number {
  const { rows, rowPointers } = part;
  const values = hostAlgebra().peek(part.values);
  const residuals = new Float64Array(part.columns);
  let squares = 0;
  for (let i = 0; i < rows; i++) {
    const count = rowPointers[i + 1] - rowPointers[i];
    rowResiduals(state, part, values, i, residuals, 0);
    for (let e = 0; e < count; e++) squares += residuals[e] * residuals[e];
  }
  return values.length === 0 ? 0 : Math.sqrt(squares / values.length);
}
