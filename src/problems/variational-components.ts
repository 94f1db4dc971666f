/** Components of a variational completion: adding and dropping them. */
import { hostAlgebra } from '../linalg/host/host-algebra.js';
import { stateResiduals, unknownsOf, type VariationalState } from './variational-completion.js';
import type { TwoWayEntries } from './variational-entries.js';
import { packedIndex, selectUnknowns } from './variational-posterior.js';
import { type SpectralStart, spectralStart } from './variational-start.js';

/** Fraction of the noise of a model without components that new components are assumed to explain at first. */
const explained = 0.3;

/** Components to start with beyond those that the spectrum shows: sweeps bring up weaker ones and drop the surplus. */
const slack = 2;

/** Options of {@link withComponents}. */
export interface AddedComponents {
  /** Largest number of components to add; the resulting rank is at most min(m, n). */
  readonly most: number;
  /** If true, adds exactly `most` components, otherwise those that the spectrum shows and a few more. */
  readonly exactly: boolean;
  /** Seed of the random signs and of the subspace iteration. */
  readonly seed: number;
}

/**
 * Adds components that start from the leading right singular vectors of the residual.
 *
 * @param state - a state with posteriors of the columns; the rows must be updated next.
 */
export function withComponents(state: VariationalState, data: TwoWayEntries, { most, exactly, seed }: AddedComponents): VariationalState {
  const la = hostAlgebra();
  const { biases, rank: before, variances } = state;
  const residuals = stateResiduals(state, data.matrix);
  const residual = { ...data.matrix, values: la.fromArray(residuals, [residuals.length]) };
  const start: SpectralStart = spectralStart(residual, most, seed);
  const added = exactly ? most : Math.min(most, start.shown + slack);
  const rank = before + added;
  const share = (explained * variances.noise) / (before + most);
  const kept = [...Array.from({ length: rank }, (_, p) => (p < before ? p : -1)), ...(biases ? [before] : [])];
  const k = kept.length;
  const [m, n] = [data.byRow.count, data.byColumn.count];
  const columns = selectUnknowns(state.columns, n, unknownsOf(state), kept);
  for (let j = 0; j < n; j++) {
    for (let p = 0; p < added; p++) columns.means[j * k + before + p] = Math.sqrt(share) * start.columns[j * most + p];
    for (let p = before; p < k; p++) {
      for (let q = 0; q <= p; q++) {
        if (p >= rank && (q < before || q >= rank)) continue;
        columns.moments[j * columns.packed + packedIndex(p, q)] = columns.means[j * k + p] * columns.means[j * k + q];
      }
    }
  }
  const extended = (own: Float64Array, fresh: number): Float64Array => Float64Array.from(kept, (p) => (p < 0 ? fresh : own[p]));
  return {
    ...state,
    rank,
    rows: selectUnknowns(state.rows, m, unknownsOf(state), kept),
    columns,
    variances: {
      noise: variances.noise - (before === 0 ? added * share : 0),
      rows: extended(variances.rows, 1),
      columns: extended(variances.columns, share),
    },
  };
}

/** Returns a copy of a state with its first components; the state itself if it has no others. */
export function firstComponents(state: VariationalState, rank: number): VariationalState {
  if (rank === state.rank) return state;
  const kept = [...Array.from({ length: rank }, (_, p) => p), ...(state.biases ? [state.rank] : [])];
  const k = unknownsOf(state);
  const { noise, rows, columns } = state.variances;
  const pick = (variances: Float64Array): Float64Array => Float64Array.from(kept, (p) => variances[p]);
  return {
    ...state,
    rank,
    rows: selectUnknowns(state.rows, state.rows.means.length / Math.max(1, k), k, kept),
    columns: selectUnknowns(state.columns, state.columns.means.length / Math.max(1, k), k, kept),
    variances: { noise, rows: pick(rows), columns: pick(columns) },
  };
}
