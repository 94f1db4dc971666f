/** The Lanczos process with full reorthogonalization, for the ends of a symmetric operator's spectrum. */
import type { Awaitable } from '../core/awaitable.js';
import { NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/** A symmetric operator on rows of numbers. */
export interface RowOperator<M> {
  /** Length of a row. */
  readonly size: number;
  /** Dimension of the subspace that `project` projects onto. */
  readonly dimension: number;
  /** Applies the operator, [1, size] to [1, size]. */
  apply(row: M): Awaitable<M>;
  /** Projects orthogonally onto a subspace that `apply` maps into itself. */
  project(row: M): M;
}

/** Stopping conditions of {@link lanczos}. */
export interface LanczosLimits {
  /** Largest number of applications of the operator. */
  readonly maxIterations: number;
  /** Residual norm, relative to the largest magnitude of an eigenvalue, at which an end counts as found. */
  readonly tolerance: number;
  /** Signal that aborts the process, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An approximate eigenpair of unit norm. */
export interface RitzPair<M> {
  /** The approximate eigenvalue. */
  readonly value: number;
  /** The approximate eigenvector, [1, size]. */
  readonly vector: M;
}

/** Result of {@link lanczos}. */
export interface LanczosResult<M> {
  /** The lower end of the spectrum. */
  readonly smallest: RitzPair<M>;
  /** The upper end of the spectrum. */
  readonly largest: RitzPair<M>;
  /** Number of applications of the operator. */
  readonly iterations: number;
  /** True if both residuals are within the tolerance. */
  readonly converged: boolean;
}

/**
 * The Ritz values are computed again after this many times the iterations; each takes an eigendecomposition, O(k³) at k
 * iterations, and all together cost no more than a few times the last.
 */
const checkGrowth = 1.15;

/** The symmetric tridiagonal matrix built so far: diagonal and off-diagonal. */
interface Tridiagonal {
  readonly diagonal: number[];
  readonly offDiagonal: number[];
}

/**
 * Runs the process from a starting row until both ends of the spectrum have converged.
 *
 * k steps take k applications, 8k²·size flops for orthogonality, and memory for k rows.
 *
 * @param start - [1, size], with a component along every eigenvector wanted: random numbers.
 * @throws NumericalError if the operator returns NaN or infinity.
 * @see Golub and Van Loan, Matrix Computations, 4th edition 2013, section 10.3; Parlett, The Symmetric Eigenvalue
 * Problem, 1980, chapter 13.
 */
export async function lanczos<M>(
  la: LinearAlgebra<M>,
  operator: RowOperator<M>,
  start: M,
  { maxIterations, tolerance, signal }: LanczosLimits,
): Promise<LanczosResult<M>> {
  const projected = operator.project(start);
  let row = la.scale(1 / (await la.norm(projected)), projected);
  let basis = row;
  const tridiagonal: Tridiagonal = { diagonal: [], offDiagonal: [] };
  const bound = Math.min(maxIterations, operator.dimension);
  let nextCheck = 2;
  const yieldToEventLoop = eventLoopYielder();
  for (let iteration = 1; ; iteration++) {
    signal?.throwIfAborted();
    await yieldToEventLoop();
    const image = await operator.apply(row);
    const diagonal = await la.inner(image, row);
    const remainder = la.tidy(() => orthogonalize(la, operator.project(image), basis, operator));
    const length = await la.norm(remainder);
    if (!Number.isFinite(diagonal + length)) {
      throw new NumericalError(
        `lanczos: the operator returned a NaN or infinite entry at iteration ${iteration}; check the Hessian-vector product, for instance with checkHessian`,
      );
    }
    tridiagonal.diagonal.push(diagonal);
    const size = Math.max(...tridiagonal.diagonal.map(Math.abs), ...tridiagonal.offDiagonal);
    // Only rounding is left: the rows span an invariant subspace, and its eigenvalues are exact.
    const invariant = length <= operator.size * la.epsilon * size;
    if (invariant || iteration >= bound || iteration >= nextCheck) {
      nextCheck = Math.ceil(iteration * checkGrowth) + 1;
      const ends = await ritzEnds(la, tridiagonal, invariant ? 0 : length);
      const converged = Math.max(ends.smallestResidual, ends.largestResidual) <= tolerance * ends.magnitude;
      if (converged || iteration >= bound) {
        const pair = (value: number, weights: M): RitzPair<M> => ({ value, vector: la.matmul(weights, basis) });
        return {
          smallest: pair(ends.smallest, ends.smallestWeights),
          largest: pair(ends.largest, ends.largestWeights),
          iterations: iteration,
          converged,
        };
      }
    }
    tridiagonal.offDiagonal.push(length);
    row = la.scale(1 / length, remainder);
    basis = la.concat([basis, row], 'rows');
  }
}

/**
 * Returns the part of a row orthogonal to the basis and within the subspace. It projects twice, since one pass leaves
 * the error of cancellation ("twice is enough", Parlett 1980, section 6.9).
 */
function orthogonalize<M>(la: LinearAlgebra<M>, row: M, basis: M, { project }: RowOperator<M>): M {
  let rest = row;
  for (let pass = 0; pass < 2; pass++) {
    const weights = la.matmul(rest, basis, { transposeB: true });
    rest = project(la.subtract(rest, la.matmul(weights, basis)));
  }
  return rest;
}

/**
 * Computes both ends of the tridiagonal spectrum with their residual norms β |last weight|, and the weights of their
 * vectors, [1, k].
 */
async function ritzEnds<M>(la: LinearAlgebra<M>, { diagonal, offDiagonal }: Tridiagonal, length: number) {
  const k = diagonal.length;
  const entries = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    entries[i * k + i] = diagonal[i];
    if (i + 1 < k) {
      entries[i * k + i + 1] = offDiagonal[i];
      entries[(i + 1) * k + i] = offDiagonal[i];
    }
  }
  const { values, vectors } = la.eigh(la.fromArray(entries, [k, k]));
  const weights = la.transpose(vectors);
  const lambda = await la.toArray(values);
  const last = await la.toArray(la.slice(vectors, { rows: [k - 1, k] }));
  return {
    smallest: lambda[0],
    largest: lambda[k - 1],
    magnitude: Math.max(Math.abs(lambda[0]), Math.abs(lambda[k - 1])),
    smallestResidual: length * Math.abs(last[0]),
    largestResidual: length * Math.abs(last[k - 1]),
    smallestWeights: la.slice(weights, { rows: [0, 1] }),
    largestWeights: la.slice(weights, { rows: [k - 1, k] }),
  };
}
