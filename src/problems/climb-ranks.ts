/** The run of `completeMatrix`: a fit at each rank, from the initial one up to the last. */
import { ConfigError } from '../core/errors.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { fixedRank } from '../manifolds/fixed-rank.js';
import type { FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import { orthographic } from '../retractions/orthographic.js';
import { hestenesStiefel } from '../solvers/directions/hestenes-stiefel.js';
import { gradientDescent } from '../solvers/gradient-descent.js';
import { minimize } from '../solvers/minimize.js';
import type { Iteration } from '../solvers/run.js';
import type { SolverFor } from '../solvers/solver.js';
import { polynomialSearch } from '../solvers/step-sizes/polynomial.js';
import { any } from '../solvers/stopping/compose.js';
import { costBelow, gradientNormBelow, relativeGradientNormBelow } from '../solvers/stopping/convergence.js';
import { maxIterations } from '../solvers/stopping/limits.js';
import type { StoppingRule } from '../solvers/stopping/stopping-rule.js';
import { trustRegions } from '../solvers/trust-regions/trust-regions.js';
import type { CompletionProgress, CompletionResult, CompletionSettings } from './complete-matrix-options.js';
import { isConnected } from './is-connected.js';
import { matrixCompletion } from './matrix-completion.js';
import { matrixIrls } from './matrix-irls.js';
import { raiseRank } from './raise-rank.js';
import { spectralInitialization } from './spectral-initialization.js';

/** Gradient norm, relative to the first one at the same rank, below which further iterations gain nothing. */
const relativeGradient = 1e-10;

/** Residual of reweighting, relative to that of the data, in units of rounding, below which it does not fall. */
const rounding = 64;

/** Runs the solver at each rank, from the initial one up to the last. */
export async function climbRanks<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  settings: CompletionSettings<M>,
): Promise<Omit<CompletionResult<M>, 'offset' | 'testRmse'>> {
  const begun = performance.now();
  const { rank: lastRank, rankStep, signal, seed } = settings;
  const atOnce = settings.method === 'reweighted';
  const solver: SolverFor<FixedRankPoint<M>, FixedRankTangent<M>> = atOnce
    ? matrixIrls(la, observed)
    : (settings.solver ?? gradientDescent({ direction: hestenesStiefel(), stepSize: polynomialSearch() }));
  const geometry = settings.geometry ?? ((shape) => fixedRank({ ...shape, retraction: orthographic(), algebra: la }));
  const count = observed.columnIndices.length;
  let rank = atOnce ? lastRank : settings.initialRank;
  let initial = spectralInitialization(la, observed, { rank, seed });
  if (atOnce && (await losesRank(la, initial)))
    throw new ConfigError(
      `completeMatrix: expected entries of a matrix of rank ${lastRank}, but those given have fewer singular values above rounding; lower the rank`,
    );
  let iteration = 0;
  for (;;) {
    const manifold = geometry({ m: observed.rows, n: observed.columns, rank });
    const problem = matrixCompletion({ manifold, observed, regularization: settings.regularization });
    const progress = (cost: number, done: number, norm: number): CompletionProgress => ({
      rank,
      iteration: iteration + done,
      trainRmse: Math.sqrt(Math.max(0, 2 * cost - settings.regularization * norm ** 2) / count),
      seconds: (performance.now() - begun) / 1000,
    });
    const reports: Promise<void>[] = [];
    const onIteration = ({ iteration: done, cost, state }: Iteration<FixedRankPoint<M>, FixedRankTangent<M>>): void => {
      const { onProgress } = settings;
      if (onProgress === undefined || done === 0) return;
      const norm = la.norm(state.x.S);
      // Reported at once if the norm is known at once, so that a caller's abort ends the run at this iteration.
      if (typeof norm === 'number') onProgress(progress(cost, done, norm), state.x);
      else reports.push(norm.then((known) => onProgress(progress(cost, done, known), state.x)));
    };
    const stop = await stopping(la, observed, settings, rank);
    let result = await minimize(problem, { solver, initial, stop, onIteration, ...(signal && { signal }) });
    const endedByItself = result.iterations < settings.maxIterations && signal?.aborted !== true;
    const unfit = endedByItself && !(result.cost <= (await enoughResidual(la, observed, settings)));
    if (rank === lastRank && settings.solver === undefined && unfit && !isConnected(observed)) {
      // Singular vectors that are zero on one part of the entries, as those of a spectral start are, may stay so on the
      // way to a saddle, which trust regions leave.
      iteration += result.iterations;
      const leave = any(
        costBelow(await enoughResidual(la, observed, settings)),
        gradientNormBelow(Math.max(Number.MIN_VALUE, relativeGradient * result.history[0].gradientNorm)),
        maxIterations(settings.maxIterations),
      );
      result = await minimize(problem, { solver: trustRegions(), initial: result.x, stop: leave, onIteration, ...(signal && { signal }) });
    }
    await Promise.all(reports);
    const reached = progress(result.cost, result.iterations, await la.norm(result.x.S));
    iteration = reached.iteration;
    if (rank === lastRank || signal?.aborted) {
      const { x, converged, stopReason } = result;
      return { ...reached, x, converged: converged && rank === lastRank, stopReason };
    }
    const next = Math.min(lastRank, rank + rankStep);
    initial = await raiseRank(la, observed, result.x, { by: next - rank, seed: seed + next });
    if (await losesRank(la, initial)) {
      const stopReason = `${result.stopReason}, at rank ${rank}: the residual has no further singular pair above rounding, rank ${next} would fit no better`;
      return { ...reached, x: result.x, converged: true, stopReason };
    }
    rank = next;
  }
}

/** Returns true if a singular value is zero to rounding, so that nothing was left to add; `fixedRank` rejects this. */
async function losesRank<M>(la: LinearAlgebra<M>, { S }: FixedRankPoint<M>): Promise<boolean> {
  const spectrum = await la.toArray(S);
  return !(spectrum[spectrum.length - 1] > spectrum.length * la.epsilon * spectrum[0]);
}

async function stopping<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  settings: CompletionSettings<M>,
  rank: number,
): Promise<StoppingRule> {
  const residual = costBelow(await enoughResidual(la, observed, settings));
  // The gradient of small singular values is small from the start.
  const enough = settings.method === 'reweighted' ? residual : any(residual, relativeGradientNormBelow(relativeGradient));
  return any(enough, maxIterations(rank === settings.rank ? settings.maxIterations : settings.iterationsPerRank));
}

/** Returns the cost of the residual at which a rank is done. */
async function enoughResidual<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  { method, relativeResidual: asked }: CompletionSettings<M>,
): Promise<number> {
  const relativeResidual = method === 'reweighted' ? Math.max(asked, rounding * la.epsilon) : asked;
  return 0.5 * (relativeResidual * (await la.norm(observed.values))) ** 2;
}
