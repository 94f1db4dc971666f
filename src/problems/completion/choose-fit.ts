/** Choice between offsets alone and low-rank components on top of them, by entries set aside for this. */

import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import type { HostArray } from '../../linalg/host/host-algebra.js';
import type { AbortSignalLike } from '../../solvers/run.js';
import { additiveState } from '../variational-additive.js';
import { stateError, stateResiduals, type VariationalState } from '../variational-completion.js';
import { withComponents } from '../variational-components.js';
import type { TwoWayEntries } from '../variational-entries.js';
import { type FitStep, type FittedPath, fitPath } from './fit-path.js';
import { isWorthWhile } from './is-worth-while.js';
import type { Centering } from './offsets.js';

/** A model that was tried. */
export interface Candidate {
  readonly rank: number;
  readonly state: VariationalState;
  /** Root mean square error over the watched entries; absent without them. */
  readonly validationRmse?: number;
  /** Sweeps of the fit; empty for a model without components. */
  readonly steps: readonly FitStep[];
}

/** Models that were tried, at least the offsets alone, and the best of them. */
export interface Choice {
  readonly tried: readonly Candidate[];
  readonly best: Candidate;
}

/** Options of {@link chooseFit}. */
export interface ChooseFitOptions {
  readonly center: Centering;
  /** Largest rank. */
  readonly rank: number;
  /** If true, ends at `rank` even if a lower rank predicts better. */
  readonly keepRank: boolean;
  /** λ in units of what the offsets leave. Default: learned. */
  readonly regularization?: number;
  readonly seed: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  /** Entries by which the model is chosen. */
  readonly watched?: CsrMatrix<HostArray>;
  readonly signal: AbortSignalLike;
  /** Called after each sweep. */
  readonly onStep: (step: FitStep) => void;
  /** Called after each candidate. */
  readonly onTried: (candidate: Candidate) => void;
}

/**
 * Returns the ridge on each component if λ is given: λ times the root mean square of what the offsets leave, so that λ
 * does not depend on the units of the values.
 */
export function ridgeOf(regularization: number | undefined, additive: VariationalState): { readonly ridge?: number } {
  return regularization === undefined ? {} : { ridge: regularization * Math.sqrt(additive.variances.noise) };
}

/**
 * Fits the offsets, then components on top of them, and chooses the model that predicts the watched entries best or,
 * without those, fits best.
 */
export async function chooseFit(data: TwoWayEntries, options: ChooseFitOptions): Promise<Choice & { readonly additive: VariationalState }> {
  const { center, rank, keepRank, regularization, seed, watched, signal, onStep, onTried } = options;
  const additive = await additiveState(data, { centered: center !== 'none', biases: center === 'biases', signal });
  const errorOf = (state: VariationalState) => (watched === undefined ? {} : { validationRmse: stateError(state, watched) });
  const alone: Candidate = { rank: 0, state: additive, steps: [], ...errorOf(additive) };
  onTried(alone);
  if (signal.aborted) return { tried: [alone], best: alone, additive };
  const { ridge } = ridgeOf(regularization, additive);
  const path: FittedPath | undefined = await fitPath(
    data,
    withComponents(additive, data, { most: rank, exactly: keepRank || ridge !== undefined, seed }),
    {
      most: rank,
      seed,
      ...(ridge === undefined ? {} : { ridge }),
      learn: ridge === undefined,
      keepRank,
      maxIterations: options.maxIterations,
      tolerance: options.tolerance,
      ...(watched === undefined ? {} : { watched }),
      signal,
      onStep,
    },
  );
  if (path === undefined) return { tried: [alone], best: alone, additive };
  const { best } = path;
  const low: Candidate = {
    rank: best.rank,
    state: path.state,
    steps: path.steps,
    ...(best.validationRmse === undefined ? {} : { validationRmse: best.validationRmse }),
  };
  onTried(low);
  return { tried: [alone, low], best: keepRank || predictsBetter(low.state, alone.state) ? low : alone, additive };

  /** Compares on the watched entries; without those, the components only have to fit better. */
  function predictsBetter(state: VariationalState, offsets: VariationalState): boolean {
    if (watched === undefined) return stateError(state, data.matrix) < stateError(offsets, data.matrix);
    return isWorthWhile(stateResiduals(offsets, watched), stateResiduals(state, watched));
  }
}
