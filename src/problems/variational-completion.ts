/** Completion that learns its own regularization: the state of a fit, its sweeps, and the variances that it learns. */
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';
import { type Alignment, align, transformPosterior } from './variational-alignment.js';
import { type EntriesByRow, emptyPosterior, type Posterior, packedIndex, type RowSums, updateRows } from './variational-rows.js';
import { spectralColumns } from './variational-start.js';

/** The entries of a matrix in both orders. */
export interface TwoWayEntries {
  readonly matrix: CsrMatrix<HostArray>;
  readonly byRow: EntriesByRow;
  readonly byColumn: EntriesByRow;
  /** Variance of the values below which nothing is told apart from rounding. */
  readonly rounding: number;
}

/** What the entries of a model are thought to be drawn from. */
export interface Variances {
  /** Of the noise. */
  readonly noise: number;
  /** Of each unknown of a row, and of a column: one a component, then that of the biases if there are any. */
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}

/** A model: entry (i, j) is mean + (row i's components)·(column j's) + both biases, if there are any, + noise. */
export interface VariationalState {
  readonly rank: number;
  readonly biases: boolean;
  readonly mean: number;
  readonly variances: Variances;
  /** Rewritten by each sweep. */
  readonly rows: Posterior;
  readonly columns: Posterior;
}

/** How a sweep treats what it is unsure of. */
export interface SweepOptions {
  /** A ridge on each component instead of what the variances give, with point estimates in place of posteriors. */
  readonly ridge?: number;
}

/** What a sweep found, to learn variances from. */
export interface SweepSums {
  readonly rows: RowSums;
  readonly columns: RowSums;
}

/** Unknowns of a row or column. */
export function unknownsOf({ rank, biases }: Pick<VariationalState, 'rank' | 'biases'>): number {
  return rank + (biases ? 1 : 0);
}

/** The entries in both orders: O(nnz + m + n). */
export function twoWayEntries(matrix: CsrMatrix<HostArray>): TwoWayEntries {
  const { rows, columns, rowPointers, columnIndices } = matrix;
  const source = hostAlgebra().peek(matrix.values);
  const pointers = new Int32Array(columns + 1);
  for (const column of columnIndices) pointers[column + 1]++;
  for (let j = 0; j < columns; j++) pointers[j + 1] += pointers[j];
  const next = pointers.slice(0, columns);
  const [indices, values] = [new Int32Array(source.length), new Float64Array(source.length)];
  for (let i = 0; i < rows; i++) {
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      const place = next[columnIndices[e]]++;
      indices[place] = i;
      values[place] = source[e];
    }
  }
  let squares = 0;
  for (const value of source) squares += value * value;
  return {
    matrix,
    byRow: { count: rows, pointers: rowPointers, indices: columnIndices, values: source },
    byColumn: { count: columns, pointers, indices, values },
    rounding: (1e-15 * squares) / Math.max(1, source.length) + Number.MIN_VALUE,
  };
}

/** Sweeps of the additive model, and the change of its noise after which no more is to be had. */
const [additiveSweeps, additiveChange] = [20, 1e-5];

/**
 * The model without components: a mean, or nothing, and biases with variances that the data show.
 *
 * @param centered - whether there is a mean.
 */
export function additiveState(
  data: TwoWayEntries,
  { centered, biases }: { readonly centered: boolean; readonly biases: boolean },
): VariationalState {
  const { values, count } = data.byRow;
  let [sum, squares] = [0, 0];
  for (const value of values) sum += value;
  const mean = centered ? sum / Math.max(1, values.length) : 0;
  for (const value of values) squares += (value - mean) ** 2;
  const variance = Math.max(squares / Math.max(1, values.length), data.rounding);
  const k = biases ? 1 : 0;
  const prior = new Float64Array(k).fill(0.2 * variance);
  const begin = { rank: 0, biases, mean, rows: emptyPosterior(count, k), columns: emptyPosterior(data.byColumn.count, k) };
  let state: VariationalState = { ...begin, variances: { noise: (biases ? 0.6 : 1) * variance, rows: prior, columns: prior } };
  for (let sweep = 0; biases && sweep < additiveSweeps; sweep++) {
    const sums = sweepState(state, data, {});
    const last = sweep === additiveSweeps - 1;
    const { noise } = state.variances;
    const learned = learnVariances(state, data, sums);
    if (last || Math.abs(learned.state.variances.noise - noise) <= additiveChange * noise) break;
    learned.carryOn();
    state = learned.state;
  }
  return state;
}

/** Of the noise of the additive model, the share that components are supposed to explain at first. */
const explained = 0.3;

/**
 * The additive model with components that begin with what is largest in its residual.
 *
 * @param rank - at most min(m, n).
 */
export function withComponents(additive: VariationalState, data: TwoWayEntries, rank: number, seed: number): VariationalState {
  const { biases } = additive;
  const k = rank + (biases ? 1 : 0);
  const [m, n] = [data.byRow.count, data.byColumn.count];
  const share = (explained * additive.variances.noise) / rank;
  const directions = spectralColumns(residualOfAdditive(additive, data.matrix), rank, seed);
  const columns = emptyPosterior(n, k);
  for (let j = 0; j < n; j++) {
    for (let p = 0; p < rank; p++) columns.means[j * k + p] = Math.sqrt(share) * directions[j * rank + p];
    if (biases) columns.means[j * k + rank] = additive.columns.means[j];
  }
  setPointMoments(columns, n, k);
  if (biases) for (let j = 0; j < n; j++) columns.moments[j * columns.packed + packedIndex(rank, rank)] = additive.columns.moments[j];
  const extended = (own: number, rest: Float64Array): Float64Array =>
    Float64Array.from({ length: k }, (_, p) => (p < rank ? own : rest[0]));
  return {
    rank,
    biases,
    mean: additive.mean,
    rows: emptyPosterior(m, k),
    columns,
    variances: {
      noise: (1 - explained) * additive.variances.noise,
      rows: extended(1, additive.variances.rows),
      columns: extended(share, additive.variances.columns),
    },
  };
}

/** Moments of estimates without doubt. */
function setPointMoments({ means, moments, packed }: Posterior, count: number, k: number): void {
  for (let j = 0; j < count; j++) {
    for (let p = 0; p < k; p++) for (let q = 0; q <= p; q++) moments[j * packed + packedIndex(p, q)] = means[j * k + p] * means[j * k + q];
  }
}

function residualOfAdditive({ mean, biases, rows, columns }: VariationalState, matrix: CsrMatrix<HostArray>): CsrMatrix<HostArray> {
  const la = hostAlgebra();
  const values = la.toArray(matrix.values);
  for (let i = 0; i < matrix.rows; i++) {
    for (let e = matrix.rowPointers[i]; e < matrix.rowPointers[i + 1]; e++) {
      values[e] -= mean + (biases ? rows.means[i] + columns.means[matrix.columnIndices[e]] : 0);
    }
  }
  return { ...matrix, values: la.fromArray(values, [values.length]) };
}

/**
 * Replaces the posteriors of the rows, and then those of the columns: the coordinate ascent of variational Bayes, or, with a ridge, alternating least squares.
 *
 * 2·nnz·k(k+5) flops and (m + n)k³ for k unknowns.
 */
export function sweepState(state: VariationalState, data: TwoWayEntries, { ridge }: SweepOptions): SweepSums {
  const { variances, biases, mean, rows, columns, rank } = state;
  const ridges = (prior: Float64Array): Float64Array =>
    prior.map((variance, p) => (ridge !== undefined && p < rank ? ridge : variances.noise / variance));
  const shared = { unknowns: unknownsOf(state), biases, mean, noise: ridge === undefined ? variances.noise : 0 };
  return {
    rows: updateRows({ ...shared, entries: data.byRow, beside: columns, posterior: rows, ridge: ridges(variances.rows) }),
    columns: updateRows({ ...shared, entries: data.byColumn, beside: rows, posterior: columns, ridge: ridges(variances.columns) }),
  };
}

/** Variances learned, and what makes the posterior of the columns agree with them. */
export interface Learned {
  /** The same posteriors with new variances. Its columns do not agree with them before `carryOn`. */
  readonly state: VariationalState;
  /** Brings the columns into the coordinates of the new variances; the rows are to be updated next. */
  carryOn(): void;
}

/**
 * Learns the variances and the mean from a sweep, in coordinates in which the components of the rows have unit covariance and those of the columns a diagonal one, largest first, and all of
 * them mean zero: coordinate ascent alone creeps along those directions.
 *
 * @see Luttinen and Ilin, "Transformations in variational Bayesian factor analysis to speed up learning", Neurocomputing 73, 2010.
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
    carryOn: () => transformPosterior(state.columns, data.byColumn, alignment),
  };
}

/** The first components of a state, in buffers of their own. */
export function firstComponents(state: VariationalState, rank: number): VariationalState {
  if (rank === state.rank) return state;
  const from = unknownsOf(state);
  const kept = [...Array.from({ length: rank }, (_, p) => p), ...(state.biases ? [state.rank] : [])];
  const k = kept.length;
  const select = (posterior: Posterior): Posterior => {
    const count = posterior.means.length / from;
    const selected = emptyPosterior(count, k);
    for (let i = 0; i < count; i++) {
      for (let p = 0; p < k; p++) {
        selected.means[i * k + p] = posterior.means[i * from + kept[p]];
        for (let q = 0; q <= p; q++)
          selected.moments[i * selected.packed + packedIndex(p, q)] =
            posterior.moments[i * posterior.packed + packedIndex(kept[p], kept[q])];
      }
    }
    return selected;
  };
  const { noise, rows, columns } = state.variances;
  const pick = (variances: Float64Array): Float64Array => Float64Array.from(kept, (p) => variances[p]);
  return {
    ...state,
    rank,
    rows: select(state.rows),
    columns: select(state.columns),
    variances: { noise, rows: pick(rows), columns: pick(columns) },
  };
}

/** What the means leave of some entries, one number an entry. */
export function stateResiduals(
  state: VariationalState,
  { rows: m, rowPointers, columnIndices, values }: CsrMatrix<HostArray>,
): Float64Array {
  const { rank, biases, mean, rows, columns } = state;
  const k = unknownsOf(state);
  const residuals = hostAlgebra().toArray(values);
  for (let i = 0; i < m; i++) {
    const row = i * k;
    const offset = mean + (biases ? rows.means[row + rank] : 0);
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      const column = columnIndices[e] * k;
      let error = residuals[e] - offset - (biases ? columns.means[column + rank] : 0);
      for (let p = 0; p < rank; p++) error -= rows.means[row + p] * columns.means[column + p];
      residuals[e] = error;
    }
  }
  return residuals;
}

/** Root mean square of those; 0 of none. */
export function stateError(state: VariationalState, part: CsrMatrix<HostArray>): number {
  const residuals = stateResiduals(state, part);
  let squares = 0;
  for (const residual of residuals) squares += residual * residual;
  return residuals.length === 0 ? 0 : Math.sqrt(squares / residuals.length);
}

/** A copy that further sweeps leave alone. */
export function copyState(state: VariationalState): VariationalState {
  const copy = ({ means, moments, packed }: Posterior): Posterior => ({ means: means.slice(), moments: moments.slice(), packed });
  return { ...state, rows: copy(state.rows), columns: copy(state.columns) };
}
