/**
 * Matrix completion from start to end: sets entries aside, raises the rank step by step, and reports errors in the
 * units of the data.
 */
import { ConfigError } from '../core/errors.js';
import { choice, declareOptions, flag, number, option, type Settings as Read, size } from '../core/options.js';
import { checkCsr } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import { type FixedRankManifold, fixedRank } from '../manifolds/fixed-rank.js';
import type { FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import { orthographic } from '../retractions/orthographic.js';
import { hestenesStiefel } from '../solvers/directions/hestenes-stiefel.js';
import { gradientDescent } from '../solvers/gradient-descent.js';
import { minimize } from '../solvers/minimize.js';
import { type AbortSignalLike, type Iteration, iterateOptions } from '../solvers/run.js';
import type { Solver, SolverFor } from '../solvers/solver.js';
import { polynomialSearch } from '../solvers/step-sizes/polynomial.js';
import { any } from '../solvers/stopping/compose.js';
import { costBelow, gradientNormBelow, relativeGradientNormBelow } from '../solvers/stopping/convergence.js';
import { maxIterations } from '../solvers/stopping/limits.js';
import type { StoppingRule } from '../solvers/stopping/stopping-rule.js';
import { trustRegions } from '../solvers/trust-regions/trust-regions.js';
import { arrayBack, arrayInto, inScaledUnits, scaleBeyondSquares } from './completion/value-scale.js';
import { isConnected } from './is-connected.js';
import { matrixCompletion } from './matrix-completion.js';
import { matrixIrls } from './matrix-irls.js';
import { raiseRank } from './raise-rank.js';
import { sampledMatrix } from './sampled-matrix.js';
import { spectralInitialization } from './spectral-initialization.js';
import { splitEntries } from './split-entries.js';

/** Progress of a completion. */
export interface CompletionProgress {
  /** The rank of the iterate. */
  readonly rank: number;
  /** Iterations so far, over all ranks. */
  readonly iteration: number;
  /**
   * Root mean square of the residuals over the fitted entries, in the units of the data and without the regularization.
   */
  readonly trainRmse: number;
  /** Seconds since the start. */
  readonly seconds: number;
}

/** Options of {@link completeMatrix}. */
export interface CompleteMatrixOptions<M> {
  /** Final rank; the run ends earlier if a lower rank leaves no residual. */
  readonly rank: number;
  /**
   * `'continuation'` raises the rank step by step; `'reweighted'` runs {@link matrixIrls} at the final rank, for data
   * without noise of which few entries are known. Default: `'continuation'`.
   */
  readonly method?: 'continuation' | 'reweighted';
  /** Rank of the start. Default: 1. */
  readonly initialRank?: number;
  /** Number of ranks added at each step. Default: 1. */
  readonly rankStep?: number;
  /** Maximum number of iterations at each rank but the last. Default: 6. */
  readonly iterationsPerRank?: number;
  /** Maximum number of iterations at the last rank. Default: 200. */
  readonly maxIterations?: number;
  /** Root mean square of the residuals, relative to that of the data, at which a rank is done. Default: 1e-8. */
  readonly relativeResidual?: number;
  /**
   * λ ≥ 0 of a term ½λ‖X‖²_F over all mn entries, for noisy data; it shrinks X by about λ over the observed fraction.
   * Default: 0.
   */
  readonly regularization?: number;
  /** If true, first subtracts the mean of the fitted entries, the `offset` of the result. Default: false. */
  readonly center?: boolean;
  /** Fraction of the entries to set aside for testing. Default: 0, for none. */
  readonly testFraction?: number;
  /** Seed of the split and of the start. Default: 0. */
  readonly seed?: number;
  /** Geometry at each rank. Default: `fixedRank` with the embedded metric and the orthographic retraction. */
  readonly geometry?: (shape: { readonly m: number; readonly n: number; readonly rank: number }) => FixedRankManifold<M>;
  /** Solver. Default: conjugate gradients of Hestenes and Stiefel, with the step that minimizes along the line. */
  readonly solver?: Solver;
  /**
   * Called after each iteration with the iterate (less the offset), on a device valid until the next iteration.
   * Default: nothing.
   */
  readonly onProgress?: (progress: CompletionProgress, x: FixedRankPoint<M>) => void;
  /** If aborted, the run ends after the current iteration and returns the result so far. Default: none. */
  readonly signal?: AbortSignalLike;
}

const completeMatrixOptions = declareOptions<CompleteMatrixOptions<unknown>>()({
  rank: size({}),
  method: choice(['continuation', 'reweighted'], { default: 'continuation' }),
  initialRank: size({ default: 1 }),
  rankStep: size({ default: 1 }),
  iterationsPerRank: size({ default: 6 }),
  maxIterations: size({ default: 200 }),
  relativeResidual: number({ default: 1e-8, min: 0 }),
  regularization: number({ default: 0, min: 0 }),
  center: flag({ default: false }),
  testFraction: number({ default: 0, min: 0, below: 1 }),
  seed: number({ default: 0 }),
  geometry: option({ optional: true }),
  solver: option({ optional: true }),
  onProgress: option({ optional: true }),
  signal: iterateOptions.options.signal,
});

/** The defaults of {@link completeMatrix}. */
export const completeMatrixDefaults: Required<
  Omit<CompleteMatrixOptions<unknown>, 'rank' | 'geometry' | 'solver' | 'onProgress' | 'signal'>
> = completeMatrixOptions.defaults;

/** Result of {@link completeMatrix}. */
export interface CompletionResult<M> extends CompletionProgress {
  /** The matrix, less the offset. */
  readonly x: FixedRankPoint<M>;
  /** Number to add to each entry of the matrix: the mean that was fitted first, or 0. */
  readonly offset: number;
  /** Root mean square of the errors over the entries set aside; absent without them. */
  readonly testRmse?: number;
  /** True if the last rank converged, by residual or by gradient. */
  readonly converged: boolean;
  /** Reason why the run stopped, in words. */
  readonly stopReason: string;
}

/** Gradient norm, relative to the first one at the same rank, below which further iterations gain nothing. */
const relativeGradient = 1e-10;

/**
 * Completes a partially known matrix with a matrix of low rank.
 *
 * The rank grows by `rankStep` at a time. The first iterate is the spectral start of the initial rank; at each further
 * rank the leading singular pairs of the residual are added to the iterate. A matrix with singular values far apart
 * needs this: in a spectral start of full rank the small ones drown in sampling noise, and descent spends its time
 * rotating that noise. With `method: 'reweighted'` the run begins there all the same, and {@link matrixIrls} gets away
 * from it: from fewer entries, at any condition number, if there is no noise.
 *
 * @param la - the engine of the data.
 * @param data - the known entries.
 * @param options - the rank and how to reach it.
 * @returns the matrix as a point of `fixedRank`, with errors on the fitted entries and on those set aside.
 * @throws ConfigError, ShapeError for invalid options or options of the other method, or if no entry is left to fit.
 *
 * @example
 * ```ts
 * import { csrFromTriplets, hostAlgebra, seededRandom } from 'bures';
 * import { completeMatrix } from 'bures/problems';
 *
 * const la = hostAlgebra();
 * const random = seededRandom(1);
 * const places = Array.from({ length: 60 * 40 }, (_, place) => place).filter(() => random.uniform() < 0.3);
 * const [rowIndices, columnIndices] = [places.map((place) => Math.floor(place / 40)), places.map((place) => place % 40)];
 * const values = places.map((_, e) => Math.sin(rowIndices[e]) + Math.cos(rowIndices[e]) * columnIndices[e]);
 * const data = csrFromTriplets(la, { rows: 60, columns: 40, rowIndices, columnIndices, values });
 * const { testRmse } = await completeMatrix(la, data, { rank: 2, testFraction: 0.1 });
 * console.log(testRmse); // close to zero: the matrix has rank two
 * ```
 * @see Uschmajew and Vandereycken, "Greedy rank updates combined with Riemannian descent methods for low-rank
 * optimization", SampTA 2015; Tan et al., SIAM J. Sci. Comput. 36(6), 2014.
 */
export async function completeMatrix<M>(
  la: LinearAlgebra<M>,
  data: CsrMatrix<M>,
  options: CompleteMatrixOptions<M>,
): Promise<CompletionResult<M>> {
  checkAlgebra('completeMatrix', la);
  checkCsr('completeMatrix', data);
  const settings = completeMatrixOptions.read('completeMatrix', options);
  if (settings.method === 'reweighted') checkReweighted(options);
  if (settings.initialRank > settings.rank) {
    throw new ConfigError(`completeMatrix: initialRank (${settings.initialRank}) must not exceed rank (${settings.rank}); lower it`);
  }
  const { train, test } =
    settings.testFraction === 0
      ? { train: data, test: undefined }
      : await splitEntries(la, data, { fraction: settings.testFraction, seed: settings.seed });
  const count = train.columnIndices.length;
  if (count === 0) throw new ConfigError('completeMatrix: no entry is left to fit; give more data, or a smaller testFraction');
  const scale = await scaleBeyondSquares(la, train.values);
  if (scale === undefined) return fitted(la, train, test, settings);
  const { onProgress, ...rest } = settings;
  const into = (part: CsrMatrix<M>): CsrMatrix<M> => ({ ...part, values: arrayInto(la, part.values, scale) });
  const back = (x: FixedRankPoint<M>): FixedRankPoint<M> => ({ ...x, S: arrayBack(la, x.S, scale) });
  const report: CompleteMatrixOptions<M>['onProgress'] =
    onProgress && (({ trainRmse, ...progress }, x) => onProgress({ ...progress, trainRmse: scale.back(trainRmse) }, back(x)));
  const found = await fitted(la, into(train), test && into(test), { ...rest, ...(report && { onProgress: report }) });
  const { x, offset, trainRmse, testRmse, ...fit } = found;
  const stopReason = inScaledUnits(fit.stopReason, scale);
  const errors = { trainRmse: scale.back(trainRmse), ...(testRmse !== undefined && { testRmse: scale.back(testRmse) }) };
  return { ...fit, ...errors, stopReason, x: back(x), offset: scale.back(offset) };
}

/** Fits entries whose squares are within the range of numbers. */
async function fitted<M>(
  la: LinearAlgebra<M>,
  train: CsrMatrix<M>,
  test: CsrMatrix<M> | undefined,
  settings: Settings<M>,
): Promise<CompletionResult<M>> {
  const offset = settings.center ? (await la.total(train.values)) / train.columnIndices.length : 0;
  const centered = offset === 0 ? train : { ...train, values: shifted(la, train.values, -offset) };
  const { x, ...fit } = await climb(la, centered, settings);
  const found = { ...fit, x, offset };
  if (test === undefined || test.columnIndices.length === 0) return found;
  return { ...found, testRmse: await rmse(la, { ...test, values: shifted(la, test.values, -offset) }, x) };
}

/** @throws ConfigError if an option belongs to rank continuation. */
function checkReweighted<M>(options: CompleteMatrixOptions<M>): void {
  const others = ['initialRank', 'rankStep', 'iterationsPerRank', 'regularization', 'geometry', 'solver'] as const;
  const given = others.filter((name) => options[name] !== undefined);
  if (given.length === 0) return;
  throw new ConfigError(
    `completeMatrix: with method 'reweighted' expected none of ${others.join(', ')}, got ${given.join(', ')}; leave it out, or take method 'continuation'`,
  );
}

type Settings<M> = Read<CompleteMatrixOptions<M>, keyof typeof completeMatrixDefaults>;

/** Runs the solver at each rank, from the initial one up to the last. */
async function climb<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  settings: Settings<M>,
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
    if (rank === lastRank && settings.solver === undefined && mayBeSaddle(observed, result, await enoughResidual(la, observed, settings))) {
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

/**
 * Returns true if a gradient has ended the run and the entries fall into parts. The singular vectors may then be zero
 * on one part, as those of a spectral start are, and stay so on the way to a saddle, which trust regions leave.
 */
function mayBeSaddle<M>(
  observed: CsrMatrix<M>,
  { converged, cost }: { readonly converged: boolean; readonly cost: number },
  enough: number,
): boolean {
  return converged && !(cost <= enough) && !isConnected(observed);
}

/** Returns true if a singular value is zero to rounding, so that nothing was left to add; `fixedRank` rejects this. */
async function losesRank<M>(la: LinearAlgebra<M>, { S }: FixedRankPoint<M>): Promise<boolean> {
  const spectrum = await la.toArray(S);
  return !(spectrum[spectrum.length - 1] > spectrum.length * la.epsilon * spectrum[0]);
}

async function stopping<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>, settings: Settings<M>, rank: number): Promise<StoppingRule> {
  const enough = any(costBelow(await enoughResidual(la, observed, settings)), relativeGradientNormBelow(relativeGradient));
  return any(enough, maxIterations(rank === settings.rank ? settings.maxIterations : settings.iterationsPerRank));
}

/** Returns the cost of the residual at which a rank is done. */
async function enoughResidual<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>, { relativeResidual }: Settings<M>): Promise<number> {
  return 0.5 * (relativeResidual * (await la.norm(observed.values))) ** 2;
}

/** Adds `shift` to each value. */
function shifted<M>(la: LinearAlgebra<M>, values: M, shift: number): M {
  return la.add(values, la.full(la.shape(values), shift));
}

/** Returns the root mean square of P_Ω(X − Z). */
async function rmse<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>, { U, S, V }: FixedRankPoint<M>): Promise<number> {
  const fitted = sampledMatrix(la, observed, { left: la.scaleColumns(U, S), right: V });
  return (await la.norm(la.subtract(fitted.values, observed.values))) / Math.sqrt(observed.columnIndices.length);
}
