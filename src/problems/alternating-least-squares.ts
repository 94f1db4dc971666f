/** Alternating least squares, the classical way to complete a matrix: one factor at a time. */

import '../linalg/host/whole-engine.js';
import type { Awaitable } from '../core/awaitable.js';
import { ShapeError } from '../core/errors.js';
import { checkNumber, declareOptions, number, option, type Settings as Read, size } from '../core/options.js';
import { scaleTree } from '../core/tree.js';
import { checkCsr } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { eye } from '../linalg/derived.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import { euclideanFactors } from '../manifolds/euclidean-factors.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { iterateFor } from '../solvers/iterate.js';
import type { SolverFor } from '../solvers/solver.js';
import { arrayInto, inScaledUnits, scaleBeyondSquares } from './completion/value-scale.js';
import { completionCost, matrixCompletion } from './matrix-completion.js';
import { checkOwnProblem } from './own-problem.js';

/** State after one sweep of {@link alternatingLeastSquares}. */
export interface AlternatingSweep<M> {
  /** Number of sweeps done. */
  readonly sweep: number;
  /** Factors A and B. */
  readonly x: FactorPair<M>;
  /** Cost ½‖P_Ω(AB) − P_Ω(Z)‖² of the factors. */
  readonly cost: number;
}

/** Options of {@link alternatingLeastSquares}. */
export interface AlternatingLeastSquaresOptions<M> {
  /** Initial factors; A is replaced first, so only B matters. */
  readonly initial: FactorPair<M>;
  /** λ ≥ 0, added to the diagonal of each normal matrix: ridge regression, for noisy data. Default: 0. */
  readonly regularization?: number;
  /** Maximum number of sweeps, each of which solves for A and then for B. Default: 200. */
  readonly maxSweeps?: number;
  /** Root mean square of the residuals, relative to that of the data, at which the run stops. Default: 1e-8. */
  readonly relativeResidual?: number;
  /** Called after each sweep; returning true ends the run. Default: nothing. */
  readonly onSweep?: (sweep: AlternatingSweep<M>) => Awaitable<boolean | undefined>;
}

const alternatingLeastSquaresOptions = declareOptions<AlternatingLeastSquaresOptions<unknown>>()({
  initial: option({}),
  regularization: number({ default: 0, min: 0 }),
  maxSweeps: size({ default: 200 }),
  relativeResidual: number({ default: 1e-8, min: 0 }),
  onSweep: option({ optional: true }),
});

/** The defaults of {@link alternatingLeastSquares}. */
export const alternatingLeastSquaresDefaults: Required<
  Pick<AlternatingLeastSquaresOptions<unknown>, 'regularization' | 'maxSweeps' | 'relativeResidual'>
> = alternatingLeastSquaresOptions.defaults;

/** Result of {@link alternatingLeastSquares}. */
export interface AlternatingLeastSquaresResult<M> extends AlternatingSweep<M> {
  /** True if the residual became small enough or `onSweep` returned true. */
  readonly converged: boolean;
  /** Reason why the run stopped, in words. */
  readonly stopReason: string;
}

/**
 * Solver, for `minimize` and `iterate` on {@link matrixCompletion} over `euclideanFactors`: alternating least squares
 * on the factors of a partially known matrix. An iteration is a sweep:
 *
 * $$ A \leftarrow \arg\min_A\lVert P_\Omega(AB-Z)\rVert_F^2+\lambda\lVert A\rVert_F^2, \qquad
 *    B \leftarrow \arg\min_B\lVert P_\Omega(AB-Z)\rVert_F^2+\lambda\lVert B\rVert_F^2 $$
 *
 * Row i of A solves r×r normal equations with $\sum_{j\in\Omega_i}b_jb_j^\top$. All rows together take one product of
 * the pattern with the n×r(r+1)/2 matrix of products of columns of Bᵀ, and one batched Cholesky factorization: a sweep
 * takes 2·nnz·r(r+5) + (m + n)r³/3 flops. It needs no step size and no line search, but each solve keeps the other
 * factor fixed, so it slows down as the condition number grows.
 *
 * A row with fewer than r entries has a singular normal matrix; a ridge of rounding size then selects the shortest
 * solution.
 *
 * @param la - the engine of the data.
 * @param observed - the observed entries, Z on Ω.
 * @param regularization - λ ≥ 0, used by the solver only: the loop reports the cost of the problem.
 * @returns the solver; it replaces A first, so only B of the initial point matters. A step throws a NumericalError if a
 * normal matrix is not positive definite; the first one a ConfigError for a problem of other entries. Its cost may
 * leave the ridge out, or have ½λ(‖A‖² + ‖B‖²).
 * @see Zhou, Wilkinson, Schreiber and Pan, "Large-scale parallel collaborative filtering for the Netflix prize", AAIM
 * 2008; Jain, Netrapalli and Sanghavi, STOC 2013.
 */
export function alternatingSweeps<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  regularization = 0,
): SolverFor<FactorPair<M>, FactorPair<M>> {
  checkAlgebra('alternatingSweeps', la);
  checkCsr('alternatingSweeps', observed);
  checkNumber('alternatingSweeps', 'regularization', regularization, { min: 0 });
  return {
    name: 'alternatingSweeps',
    init: (_problem, x) => ({ x, iteration: 0, memory: {} }),
    async step(_problem, { x, iteration, cost }) {
      if (iteration === 0) await checkProblem(la, observed, regularization, x, cost);
      const pattern = { ...observed, values: la.full([observed.columnIndices.length], 1) };
      const left = await solveRows(la, observed, pattern, la.transpose(x.B), regularization, false);
      const right = await solveRows(la, observed, pattern, left, regularization, true);
      return { x: { A: left, B: la.transpose(right) }, iteration: iteration + 1, memory: {} };
    },
  };
}

/** @throws ConfigError unless a cost is that of completion at x, with the ridge or without. */
async function checkProblem<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  regularization: number,
  { A, B }: FactorPair<M>,
  cost: number,
): Promise<void> {
  const at = { left: A, right: la.transpose(B) };
  const data = await (await completionCost(la, observed).at(at, at)).cost();
  const ridge = 0.5 * regularization * ((await la.norm(A)) ** 2 + (await la.norm(B)) ** 2);
  checkOwnProblem(cost, {
    caller: 'alternatingSweeps',
    costs: ridge === 0 ? [data] : [data, data + ridge],
    epsilon: la.epsilon,
    scale: 0.5 * (await la.norm(observed.values)) ** 2,
    expected: 'matrixCompletion of its own entries',
  });
}

/**
 * Completes a matrix by alternating least squares, the rival of the Riemannian solvers: runs {@link alternatingSweeps}
 * to its end.
 *
 * @param la - the engine of the data.
 * @param observed - the observed entries, Z on Ω.
 * @param options - the start and the stopping conditions.
 * @returns the last factors.
 * @throws ShapeError if start and data differ in shape; NumericalError if a normal matrix is not positive definite.
 */
export async function alternatingLeastSquares<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  options: AlternatingLeastSquaresOptions<M>,
): Promise<AlternatingLeastSquaresResult<M>> {
  checkAlgebra('alternatingLeastSquares', la);
  checkCsr('alternatingLeastSquares', observed);
  const { initial, onSweep, ...settings } = alternatingLeastSquaresOptions.read('alternatingLeastSquares', options);
  const [a, b] = [la.shape(initial.A), la.shape(initial.B)];
  if (a.join() !== [observed.rows, b[0]].join() || b[1] !== observed.columns) {
    throw new ShapeError(
      `alternatingLeastSquares: expected factors ${observed.rows}×r and r×${observed.columns}, got [${a}] and [${b}]; start from hyperBalancedFactors(la, spectralInitialization(…))`,
    );
  }
  const scale = await scaleBeyondSquares(la, observed.values);
  if (scale === undefined) return sweepToEnd(la, observed, { initial, ...(onSweep && { onSweep }), ...settings });
  // The factors share the scale of their product, and the ridge, beside squares of both, has it once.
  const root = scale.factors[0];
  const back = (sweep: AlternatingSweep<M>): AlternatingSweep<M> => ({
    ...sweep,
    x: scaleTree<M, FactorPair<M>>(la, root, sweep.x),
    cost: scale.back(scale.back(sweep.cost)),
  });
  const found = await sweepToEnd(
    la,
    { ...observed, values: arrayInto(la, observed.values, scale) },
    {
      ...settings,
      initial: scaleTree<M, FactorPair<M>>(la, 1 / root, initial),
      regularization: scale.into(settings.regularization),
      ...(onSweep && { onSweep: (sweep: AlternatingSweep<M>) => onSweep(back(sweep)) }),
    },
  );
  return { ...found, ...back(found), stopReason: inScaledUnits(found.stopReason, scale) };
}

/** Sweeps over entries whose squares are within the range of numbers. */
async function sweepToEnd<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  { initial, onSweep, ...settings }: Read<AlternatingLeastSquaresOptions<M>, keyof typeof alternatingLeastSquaresDefaults>,
): Promise<AlternatingLeastSquaresResult<M>> {
  const b = la.shape(initial.B);
  const goal = settings.relativeResidual * (await la.norm(observed.values));
  const manifold = euclideanFactors({ m: observed.rows, n: observed.columns, rank: b[0], algebra: la });
  const solver = alternatingSweeps(la, observed, settings.regularization);
  let before: number | undefined;
  const sweeps = iterateFor('alternatingLeastSquares', matrixCompletion({ manifold, observed }), { solver, initial });
  for await (const { iteration: sweep, cost, state } of sweeps) {
    if (sweep > 0) {
      const last = { sweep, x: state.x, cost };
      const residual = Math.sqrt(2 * cost);
      const content = (await onSweep?.(last)) === true;
      if (residual <= goal) {
        const stopReason = `the residual ${residual.toExponential(2)} has come down to ${goal.toExponential(2)}`;
        return { ...last, converged: true, stopReason };
      }
      if (content) return { ...last, converged: true, stopReason: `onSweep returned true after sweep ${sweep}` };
      if (sweep >= settings.maxSweeps) return { ...last, converged: false, stopReason: limitReason(la, before, last) };
    }
    before = cost;
  }
  throw new Error('alternatingLeastSquares: sweeps end by the conditions above only');
}

/** Returns the reason if the sweeps are used up. Zero factors and exact saddles are fixed points of the alternation. */
function limitReason<M>({ epsilon }: LinearAlgebra<M>, before: number | undefined, { sweep, cost }: AlternatingSweep<M>): string {
  const resting = before !== undefined && Math.abs(before - cost) <= 16 * epsilon * cost;
  return resting
    ? `${sweep} sweeps, the last of which left the cost as it was: a critical point, which alternation cannot tell from a saddle; start from spectralInitialization or solve matrixCompletion with trustRegions`
    : `${sweep} sweeps`;
}

/**
 * Finds the factor that fits best with the other one fixed: row i solves (Σ_j f_j f_jᵀ + λI) x_i = Σ_j z_ij f_j over
 * the observed entries (i, j).
 *
 * @param fixed - n×r (m×r with `transpose`).
 */
async function solveRows<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  pattern: CsrMatrix<M>,
  fixed: M,
  regularization: number,
  transpose: boolean,
): Promise<M> {
  const rank = la.shape(fixed)[1];
  const { first, second, spread } = symmetricPairs(la, rank);
  const products = la.multiply(la.matmul(fixed, first), la.matmul(fixed, second));
  const packed = la.sparseMatmul(pattern, products, { transpose });
  const rows = la.shape(packed)[0];
  const grams = la.reshape(la.matmul(packed, spread), [rows, rank, rank]);
  // A few roundings of the largest entry: negligible beside it, and enough for a row without entries.
  const rounding = regularization + 8 * rank * la.epsilon * (await la.maxAbs(packed));
  // If the fixed factor is zero, so are the right-hand sides, and any ridge gives zeros.
  const ridge = rounding > 0 ? rounding : 1;
  const triangle = la.cholesky(la.axpy(ridge, eye(la, rank, [rows]), grams));
  const right = la.reshape(la.sparseMatmul(observed, fixed, { transpose }), [rows, rank, 1]);
  const solved = la.solveTriangular(triangle, la.solveTriangular(triangle, right), { transpose: true });
  return la.reshape(solved, [rows, rank]);
}

/**
 * Returns 0/1 matrices: for each pair p ≤ q, F·first has the column f_p and F·second the column f_q, and `spread` puts
 * the number of the pair at (p, q) and (q, p) of an r×r matrix.
 */
function symmetricPairs<M>(la: LinearAlgebra<M>, rank: number): { readonly first: M; readonly second: M; readonly spread: M } {
  const count = (rank * (rank + 1)) / 2;
  const [first, second] = [new Float64Array(rank * count), new Float64Array(rank * count)];
  const spread = new Float64Array(count * rank * rank);
  let pair = 0;
  for (let p = 0; p < rank; p++) {
    for (let q = p; q < rank; q++, pair++) {
      first[p * count + pair] = 1;
      second[q * count + pair] = 1;
      spread[pair * rank * rank + p * rank + q] = 1;
      spread[pair * rank * rank + q * rank + p] = 1;
    }
  }
  return {
    first: la.fromArray(first, [rank, count]),
    second: la.fromArray(second, [rank, count]),
    spread: la.fromArray(spread, [count, rank * rank]),
  };
}
