/** Choosing how much to regularize, the rank and when to stop, by entries set aside for that. */
import type { AbortSignalLike, CsrMatrix, HostArray } from '../../index.js';
import { type FitPathOptions, type FitStep, type FittedPath, fitPath } from './fit-path.js';

/** A fit that was tried. */
export interface Candidate {
  readonly regularization: number;
  readonly path: FittedPath;
}

/** What to choose from, and how. */
export interface ChooseFitOptions {
  /** The entries to fit, offsets taken away. */
  readonly train: CsrMatrix<HostArray>;
  /** The entries to choose by, offsets taken away. */
  readonly watched: CsrMatrix<HostArray>;
  /** All other settings of the fits. */
  readonly fit: Omit<FitPathOptions, 'watched' | 'regularization' | 'signal' | 'onStep'>;
  /** The regularization, if it is not to be chosen. */
  readonly regularization?: number;
  readonly signal: AbortSignalLike;
  /** Called before each fit. */
  onCandidate(regularization: number): void;
  /** Called after each iteration. */
  onStep(step: FitStep): void;
  /** Called after each fit. */
  onTried(candidate: Candidate): void;
}

/** Regularizations that are tried, in units of the fraction observed: an entry that is predicted p is shrunk to about p/(1 + t). */
const strengths = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] as const;
/** Where the search begins: about what noisy ratings want. */
const firstStrength = strengths.indexOf(0.3);

/** What was tried, in that order; at least one. */
export interface Choice {
  readonly tried: readonly Candidate[];
  readonly best: Candidate;
}

/** Fits with several regularizations, going from one to the next as long as the watched entries are predicted better. */
export async function chooseFit(options: ChooseFitOptions): Promise<Choice> {
  const { train, watched, fit, regularization, signal, onCandidate, onStep, onTried } = options;
  const tried: Candidate[] = [];
  const attempt = async (lambda: number): Promise<number> => {
    onCandidate(lambda);
    const path = await fitPath(train, { ...fit, watched, regularization: lambda, signal, onStep });
    const candidate = { regularization: lambda, path };
    tried.push(candidate);
    onTried(candidate);
    return errorOf(candidate);
  };
  if (regularization !== undefined) await attempt(regularization);
  else {
    const observed = train.columnIndices.length / (train.rows * train.columns);
    const attemptAt = (index: number): Promise<number> => attempt(strengths[index] * observed);
    await climb(strengths.length, firstStrength, attemptAt, signal);
  }
  return { tried, best: tried.reduce((best, one) => (errorOf(one) < errorOf(best) ? one : best)) };
}

function errorOf({ path }: Candidate): number {
  return path.best.validationRmse ?? Number.POSITIVE_INFINITY;
}

/** From a place in a list to its neighbours, first upwards and then down, as long as the error falls. */
async function climb(length: number, start: number, errorAt: (index: number) => Promise<number>, signal: AbortSignalLike): Promise<void> {
  const begin = await errorAt(start);
  for (const direction of [1, -1]) {
    let least = begin;
    for (let index = start + direction; index >= 0 && index < length && !signal.aborted; index += direction) {
      const error = await errorAt(index);
      if (error >= least) break;
      least = error;
    }
    // Better above: below it is worse.
    if (least < begin) return;
  }
}
