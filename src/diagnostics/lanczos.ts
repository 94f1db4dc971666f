/** The Lanczos process with full reorthogonalization, for the ends of a symmetric operator's spectrum. */
import '../linalg/host/whole-engine.js';
import type { Awaitable } from '../core/awaitable.js';
import { NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import { axpyTree, scaleTree } from '../core/tree.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { Manifold } from '../manifolds/manifold.js';
import { type AbortSignalLike, throwIfAborted } from '../solvers/run.js';

/**
 * A symmetric operator on a Euclidean space of vectors, with the arithmetic of that space.
 *
 * @typeParam V - a vector.
 * @typeParam B - a list of orthonormal vectors, in whatever form serves `orthogonal` and `combine`.
 */
export interface SymmetricOperator<M, V, B> {
  /** Number of entries of a vector, by which rounding grows. */
  readonly size: number;
  /** Dimension of the space. */
  readonly dimension: number;
  /** Applies the operator. */
  apply(v: V): Awaitable<V>;
  /** Returns the vector moved into the space, orthogonally. */
  project(v: V): V;
  /** Returns ⟨u, v⟩. */
  inner(u: V, v: V): Awaitable<number>;
  /** Returns ‖v‖. */
  norm(v: V): Awaitable<number>;
  /** Returns factor · v. */
  scale(factor: number, v: V): V;
  /** Returns the basis with a vector more; of that vector alone if there is no basis yet. */
  extended(basis: B | undefined, v: V): B;
  /** Returns the part of a vector that is orthogonal to the basis and in the space. */
  orthogonal(v: V, basis: B): Awaitable<V>;
  /** Returns the sum of the basis vectors with these weights, [1, k]. */
  combine(weights: M, basis: B): Awaitable<V>;
}

/** Stopping conditions of {@link lanczos}. */
export interface LanczosLimits {
  /** Largest number of applications of the operator. */
  readonly maxIterations: number;
  /** Residual norm, relative to the largest magnitude of an eigenvalue, at which an end counts as found. */
  readonly tolerance: number;
  /** Signal that aborts the process, which then throws the signal's reason. */
  readonly signal?: AbortSignalLike | undefined;
  /** The function that the user called, for errors. Default: `hessianSpectrum`. */
  readonly caller?: string;
}

/** An approximate eigenpair of unit norm. */
export interface RitzPair<V> {
  /** The approximate eigenvalue. */
  readonly value: number;
  /** The approximate eigenvector. */
  readonly vector: V;
}

/** Result of {@link lanczos}. */
export interface LanczosResult<V> {
  /** The lower end of the spectrum. */
  readonly smallest: RitzPair<V>;
  /** The upper end of the spectrum. */
  readonly largest: RitzPair<V>;
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
 * Runs the process from a starting vector until both ends of the spectrum have converged.
 *
 * k steps take k applications, orthogonality against k vectors in each, and memory for k vectors.
 *
 * @param start - with a component along every eigenvector wanted: a random one.
 * @throws NumericalError if the operator returns NaN or infinity.
 * @see Golub and Van Loan, Matrix Computations, 4th edition 2013, section 10.3; Parlett, The Symmetric Eigenvalue
 * Problem, 1980, chapter 13.
 */
export async function lanczos<M, V, B>(
  la: LinearAlgebra<M>,
  operator: SymmetricOperator<M, V, B>,
  start: V,
  { maxIterations, tolerance, signal, caller = 'hessianSpectrum' }: LanczosLimits,
): Promise<LanczosResult<V>> {
  const projected = operator.project(start);
  let vector = operator.scale(1 / (await operator.norm(projected)), projected);
  let basis = operator.extended(undefined, vector);
  const tridiagonal: Tridiagonal = { diagonal: [], offDiagonal: [] };
  const bound = Math.min(maxIterations, operator.dimension);
  let nextCheck = 2;
  const yieldToEventLoop = eventLoopYielder();
  for (let iteration = 1; ; iteration++) {
    throwIfAborted(signal);
    await yieldToEventLoop();
    const image = await operator.apply(vector);
    const diagonal = await operator.inner(image, vector);
    const [from, known] = [image, basis];
    const remainder = await la.tidy(() => operator.orthogonal(operator.project(from), known));
    const length = await operator.norm(remainder);
    if (!Number.isFinite(diagonal + length)) {
      throw new NumericalError(
        `${caller}: the Hessian product has a NaN or infinite entry at iteration ${iteration} of Lanczos; check the Hessian-vector product, for instance with checkHessian`,
      );
    }
    tridiagonal.diagonal.push(diagonal);
    const size = Math.max(...tridiagonal.diagonal.map(Math.abs), ...tridiagonal.offDiagonal);
    // Only rounding is left: the vectors span an invariant subspace, and its eigenvalues are exact.
    const invariant = length <= operator.size * la.epsilon * size;
    if (invariant || iteration >= bound || iteration >= nextCheck) {
      nextCheck = Math.ceil(iteration * checkGrowth) + 1;
      const ends = await ritzEnds(la, tridiagonal, invariant ? 0 : length);
      const converged = Math.max(ends.smallestResidual, ends.largestResidual) <= tolerance * ends.magnitude;
      if (converged || iteration >= bound) {
        return {
          smallest: { value: ends.smallest, vector: await operator.combine(ends.smallestWeights, basis) },
          largest: { value: ends.largest, vector: await operator.combine(ends.largestWeights, basis) },
          iterations: iteration,
          converged,
        };
      }
    }
    tridiagonal.offDiagonal.push(length);
    vector = operator.scale(1 / length, remainder);
    basis = operator.extended(basis, vector);
  }
}

/** An operator on rows of numbers: the part that is not arithmetic. */
export type RowOperator<M> = Pick<SymmetricOperator<M, M, M>, 'size' | 'dimension' | 'apply' | 'project'>;

/** Completes an operator on rows [1, size]; a basis is a matrix of rows. */
export function onRows<M>(la: LinearAlgebra<M>, operator: RowOperator<M>): SymmetricOperator<M, M, M> {
  return {
    ...operator,
    inner: (u, v) => la.inner(u, v),
    norm: (v) => la.norm(v),
    scale: (factor, v) => la.scale(factor, v),
    extended: (basis, v) => (basis === undefined ? v : la.concat([basis, v], 'rows')),
    orthogonal(v, basis) {
      let rest = v;
      for (let pass = 0; pass < passes; pass++) {
        const weights = la.matmul(rest, basis, { transposeB: true });
        rest = operator.project(la.subtract(rest, la.matmul(weights, basis)));
      }
      return rest;
    },
    combine: (weights, basis) => la.matmul(weights, basis),
  };
}

/** Vectors are made orthogonal twice, since one pass leaves the error of cancellation (Parlett 1980, section 6.9). */
const passes = 2;

/** Completes an operator on the tangent space at x, in the metric there; a basis is a list of tangents. */
export function onTangents<M, P, T>(
  manifold: Manifold<M, P, T, unknown, unknown>,
  x: P,
  apply: (u: T) => Awaitable<T>,
): SymmetricOperator<M, T, readonly T[]> {
  const la = manifold.algebra;
  return {
    size: manifold.dim,
    dimension: manifold.dim,
    apply,
    project: (u) => manifold.toTangent(x, u),
    inner: (u, v) => manifold.inner(x, u, v),
    norm: (u) => manifold.norm(x, u),
    scale: (factor, u) => scaleTree(la, factor, u),
    extended: (basis, u) => (basis === undefined ? [u] : [...basis, u]),
    orthogonal: (u, basis) => orthogonalTo(manifold, x, u, basis),
    async combine(weights, basis) {
      const values = await la.toArray(weights);
      const scaled = scaleTree(la, values[0], basis[0]);
      return basis.slice(1).reduce((sum, u, k) => axpyTree(la, values[k + 1], u, sum), scaled);
    },
  };
}

/** Returns the part of a tangent that is orthogonal, in the metric at x, to orthonormal ones. */
export async function orthogonalTo<M, P, T>(manifold: Manifold<M, P, T, unknown, unknown>, x: P, u: T, basis: readonly T[]): Promise<T> {
  let rest = u;
  for (let pass = 0; pass < passes; pass++) {
    for (const vector of basis) rest = axpyTree(manifold.algebra, -(await manifold.inner(x, vector, rest)), vector, rest);
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
