/** Runs of sweeps: how they begin, how they end, and what they have found. */
import { ShapeError } from '../../core/errors.js';
import { declareOptions, describeValue, number, option, size } from '../../core/options.js';
import { seededRandom } from '../../core/random.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { iterateFor } from '../../solvers/iterate.js';
import { type AbortSignalLike, iterateOptions } from '../../solvers/run.js';
import { type FactorizationProblem, factorSweeps, type SolvedRows } from './factorization-problem.js';
import type { RatingModel } from './rating-model.js';

/** A sweep of a factorization. */
export interface FactorSweep {
  /** Number of sweeps so far. */
  readonly sweep: number;
  /** Cost after it. */
  readonly cost: number;
}

/** Options that both fits share. */
export interface SweepLimits {
  /** Seed of the start. Default: 0. */
  readonly seed?: number;
  /** Maximum number of sweeps. Default: 30. */
  readonly maxSweeps?: number;
  /** Relative change of the cost in a sweep below which the fit ends. Default: 2e-3. */
  readonly tolerance?: number;
  /**
   * Factors of the columns to start from, n×r. Default: random ones; for ratings, where columns have many entries,
   * those that a few sweeps over a part of the rows find.
   */
  readonly start?: HostArray;
  /** Called after each sweep; returning true ends the fit. Default: nothing. */
  readonly onSweep?: (sweep: FactorSweep) => boolean | undefined;
  /** If aborted, ends the fit after the current sweep. Default: none. */
  readonly signal?: AbortSignalLike;
}

/** Declares the options that both fits share. */
export const sweepLimits = declareOptions<SweepLimits>()({
  seed: iterateOptions.options.seed,
  maxSweeps: size({ default: 30 }),
  tolerance: number({ default: 2e-3, min: 0 }),
  start: option({ optional: true }),
  onSweep: option({ optional: true }),
  signal: iterateOptions.options.signal,
});

/** Result of a fit. */
export interface FactorizedRatings {
  /** The model. */
  readonly model: RatingModel;
  /** Cost of the model. */
  readonly cost: number;
  /** Sweeps of the fit. */
  readonly sweeps: readonly FactorSweep[];
  /** True if the cost changed by less than the tolerance, or `onSweep` returned true. */
  readonly converged: boolean;
  /** Reason why the fit ended, in words. */
  readonly stopReason: string;
}

/**
 * Entries of a column, for each of its unknowns, that are enough to begin with; and the least part of the rows that is
 * taken.
 */
const [enoughEntries, smallestPart] = [8, 0.1];

/** End of the sweeps over a part of the rows: they only have to come near, since others follow. */
const coarseEnd = { maxSweeps: 10, tolerance: 5e-3 } as const;

/**
 * Finds unknowns of the columns to start from by sweeps over a part of the rows, if columns have so many entries that a
 * part is enough: the sweeps over all rows that follow are then few.
 *
 * @returns `undefined` if there are too few entries for it.
 */
export async function coarseStart(
  caller: string,
  observed: CsrMatrix<HostArray>,
  { unknowns: [n, k] }: FactorizationProblem,
  problemOf: (part: CsrMatrix<HostArray>) => FactorizationProblem,
  size: number,
  { seed, signal }: Pick<SweepLimits, 'signal'> & { readonly seed: number },
): Promise<HostArray | undefined> {
  const stride = Math.min(Math.round(1 / smallestPart), Math.floor(observed.columnIndices.length / (enoughEntries * k * n)));
  if (stride < 2) return undefined;
  const problem = problemOf(everyRow(observed, stride));
  const { unknowns } = await runSweeps(caller, problem, size, { ...coarseEnd, seed, ...(signal && { signal }) });
  return unknowns;
}

/** Returns every `stride`-th row of a table, as a table of those rows. */
function everyRow({ rows, columns, rowPointers, columnIndices, values }: CsrMatrix<HostArray>, stride: number): CsrMatrix<HostArray> {
  const la = hostAlgebra();
  const numbers = la.peek(values);
  const kept = Math.ceil(rows / stride);
  const pointers = new Int32Array(kept + 1);
  for (let i = 0; i < kept; i++) pointers[i + 1] = pointers[i] + rowPointers[i * stride + 1] - rowPointers[i * stride];
  const [indices, own] = [new Int32Array(pointers[kept]), new Float64Array(pointers[kept])];
  for (let i = 0; i < kept; i++) {
    const [first, last] = [rowPointers[i * stride], rowPointers[i * stride + 1]];
    indices.set(columnIndices.subarray(first, last), pointers[i]);
    own.set(numbers.subarray(first, last), pointers[i]);
  }
  return { kind: 'csr', rows: kept, columns, rowPointers: pointers, columnIndices: indices, values: la.fromArray(own, [own.length]) };
}

/** What a run of sweeps has found. */
interface SweptFactors extends Omit<FactorizedRatings, 'model'> {
  readonly factors: Pick<RatingModel, 'left' | 'right' | 'rowBiases' | 'columnBiases'>;
  /** Unknowns of the columns, n×k. */
  readonly unknowns: HostArray;
}

/** How sweeps are run. */
interface SweepSettings extends Omit<SweepLimits, 'seed' | 'maxSweeps' | 'tolerance'> {
  readonly seed: number;
  readonly maxSweeps: number;
  readonly tolerance: number;
  /** Unknowns of the columns to start from. */
  readonly initial?: HostArray | undefined;
}

/**
 * Runs the sweeps.
 *
 * @param size - the product of a row's and a column's factor at the start.
 */
export async function runSweeps(
  caller: string,
  problem: FactorizationProblem,
  size: number,
  { seed, maxSweeps, tolerance, start, onSweep, signal, initial: given }: SweepSettings,
): Promise<SweptFactors> {
  const sweeps: FactorSweep[] = [];
  const initial = given ?? startOf(caller, problem, size, start, seed);
  let solved: SolvedRows | undefined;
  let [stopReason, converged] = ['', false];
  const steps = iterateFor(caller, problem, { solver: factorSweeps(problem), initial, ...(signal && { signal }) });
  // The evaluation of a point is a sweep: it solves for the rows, and for the columns after them.
  for await (const { iteration, state } of steps) {
    solved = await problem.solve(state.x);
    const before = sweeps.at(-1)?.cost ?? Number.POSITIVE_INFINITY;
    const [sweep, cost] = [iteration + 1, solved.columnsCost];
    sweeps.push({ sweep, cost });
    if (onSweep?.({ sweep, cost }) === true) [converged, stopReason] = [true, `onSweep returned true after sweep ${sweep}`];
    else if (Math.abs(before - cost) <= tolerance * cost)
      [converged, stopReason] = [true, `sweep ${sweep} changed the cost by less than ${tolerance} of it`];
    else if (sweep >= maxSweeps) stopReason = `${maxSweeps} sweeps`;
    if (stopReason !== '') break;
  }
  const { rows, columns, columnsCost: cost } = solved ?? (await problem.solve(initial));
  const [left, right] = [dividedFactors(rows, problem.rank), dividedFactors(columns, problem.rank)];
  const factors = { left: left.factors, rowBiases: left.biases, right: right.factors, columnBiases: right.biases };
  return {
    factors,
    unknowns: columns,
    cost,
    sweeps,
    converged,
    stopReason: stopReason === '' ? `aborted after sweep ${sweeps.length}` : stopReason,
  };
}

/** Returns the unknowns of the columns to start from: the factors given, or random ones, with biases of 0. */
function startOf(
  caller: string,
  { rank, unknowns }: FactorizationProblem,
  size: number,
  given: HostArray | undefined,
  seed: number,
): HostArray {
  const la = hostAlgebra();
  const [n, k] = unknowns;
  if (given !== undefined && (!la.isArray(given) || given.shape.join() !== [n, rank].join())) {
    throw new ShapeError(
      `${caller}: expected a start of shape [${n}, ${rank}], a row for each column of the table, got ${la.isArray(given) ? `[${given.shape}]` : describeValue(given)}; pass the right factors of an earlier model`,
    );
  }
  const random = seededRandom(seed);
  const factors = given === undefined ? undefined : la.peek(given);
  const spread = Math.sqrt(size / Math.sqrt(rank));
  const start = new Float64Array(n * k);
  for (let j = 0; j < n; j++) {
    for (let p = 0; p < rank; p++) start[j * k + p] = factors === undefined ? spread * random.normal() : factors[j * rank + p];
  }
  return la.fromArray(start, [n, k]);
}

/** Divides unknowns into factors and biases; these are zeros if there are none. */
function dividedFactors(unknowns: HostArray, rank: number): { readonly factors: HostArray; readonly biases: Float64Array } {
  const la = hostAlgebra();
  const [count, k] = unknowns.shape;
  const numbers = la.peek(unknowns);
  const factors = new Float64Array(count * rank);
  const biases = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < rank; p++) factors[i * rank + p] = numbers[i * k + p];
    if (k > rank) biases[i] = numbers[i * k + rank];
  }
  return { factors: la.fromArray(factors, [count, rank]), biases };
}
