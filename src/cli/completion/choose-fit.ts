/** Choosing between biases alone and a low rank on top of them, by entries set aside for that. */
import type { AbortSignalLike, CsrMatrix, HostArray } from '../../index.js';
import {
  additiveState,
  stateError,
  stateResiduals,
  type TwoWayEntries,
  type VariationalState,
  withComponents,
} from '../../problems/index.js';
import { type FitStep, type FittedPath, fitPath } from './fit-path.js';
import { isWorthWhile } from './is-worth-while.js';
import type { Centering } from './offsets.js';

/** A model that was tried. */
export interface Candidate {
  readonly rank: number;
  readonly state: VariationalState;
  /** Over the entries to choose by; absent if there are none. */
  readonly validationRmse?: number;
  /** Its sweeps; none of a model without components. */
  readonly steps: readonly FitStep[];
}

/** What was tried; at least the offsets alone. */
export interface Choice {
  readonly tried: readonly Candidate[];
  readonly best: Candidate;
}

/** What to choose from, and how. */
export interface ChooseFitOptions {
  readonly center: Centering;
  /** The largest rank. */
  readonly rank: number;
  /** Whether to end at that rank even if a lower one predicts better. */
  readonly keepRank: boolean;
  /** In units of what the offsets leave; absent: learned. */
  readonly regularization?: number;
  readonly seed: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  /** The entries to choose by. */
  readonly watched?: CsrMatrix<HostArray>;
  readonly signal: AbortSignalLike;
  /** Called after each sweep. */
  readonly onStep: (step: FitStep) => void;
  /** Called after each candidate. */
  readonly onTried: (candidate: Candidate) => void;
}

/** The ridge on each component where λ is given: λ times the root mean square of what the offsets leave, so that it means the same for values in other units. */
export function ridgeOf(regularization: number | undefined, additive: VariationalState): { readonly ridge?: number } {
  return regularization === undefined ? {} : { ridge: regularization * Math.sqrt(additive.variances.noise) };
}

/** Fits the offsets, then components on top of them, and takes what predicts the watched entries best; without those, what fits best. */
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

  /** On the watched entries; without those the components must at least fit better, which is not much to ask. */
  function predictsBetter(state: VariationalState, offsets: VariationalState): boolean {
    if (watched === undefined) return stateError(state, data.matrix) < stateError(offsets, data.matrix);
    return isWorthWhile(stateResiduals(offsets, watched), stateResiduals(state, watched));
  }
}
