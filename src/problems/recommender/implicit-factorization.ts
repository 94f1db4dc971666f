import { ConfigError } from '../../core/errors.js';
import { declareOptions, number, option, size } from '../../core/options.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { twoWayEntries } from '../variational-entries.js';
import { type FactorizationProblem, factorizationProblem } from './factorization-problem.js';

/** Options of {@link implicitFactorization}. */
export interface ImplicitFactorizationOptions {
  /** Strengths of feedback, such as how often a row took a column; each at least 0. */
  readonly observed: CsrMatrix<HostArray>;
  /** Number r of components. */
  readonly rank: number;
  /** λ ≥ 0, the ridge on the factors. */
  readonly regularization: number;
  /** α > 0: feedback of strength s has confidence 1 + α·s. Default: 40. */
  readonly alpha?: number;
}

const implicitFactorizationOptions = declareOptions<ImplicitFactorizationOptions>()({
  observed: option({}, (caller, _name, observed) => checkCsr(caller, observed as CsrMatrix<unknown>)),
  rank: size({}),
  regularization: number({ min: 0 }),
  alpha: number({ default: 40, above: 0 }),
});

/** The defaults of {@link implicitFactorization}. */
export const implicitFactorizationDefaults: Required<Pick<ImplicitFactorizationOptions, 'alpha'>> = implicitFactorizationOptions.defaults;

/**
 * Returns the problem of factorizing implicit feedback: who took what, and how often, where nothing says what was
 * disliked. All mn entries count, the missing ones as preference 0 with little confidence:
 *
 * $$ \min_{U,V}\ \tfrac12\sum_{i,j}c_{ij}\bigl(p_{ij}-u_i^\top v_j\bigr)^2+\tfrac\lambda2\bigl(\lVert U\rVert_F^2+\lVert V\rVert_F^2\bigr),
 *    \qquad c_{ij}=1+\alpha s_{ij}, \qquad p_{ij}=1 \text{ where there is feedback, else } 0 $$
 *
 * The sum over all entries is never formed:
 * $\sum_jc_{ij}v_jv_j^\top = V^\top V+\sum_{j\in\Omega_i}\alpha s_{ij}v_jv_j^\top$. The point is V, n×r; U is solved
 * for. An evaluation takes 2·nnz·r(r + 3) + (m + n)(4r³/3 + 3r²) flops, and is one sweep of alternating least squares,
 * to whose result {@link factorSweeps} moves.
 *
 * @returns the problem, for `minimize` and `iterate`; {@link factorizeImplicit} solves it.
 * @throws ConfigError, ShapeError for invalid options, without entries, or for a negative strength. An entry of
 * strength 0 has no feedback to tell of: it must be left out.
 * @see Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
 */
export function implicitFactorization(options: ImplicitFactorizationOptions): FactorizationProblem {
  const caller = 'implicitFactorization';
  const { observed, rank, regularization, alpha } = implicitFactorizationOptions.read(caller, options);
  checkStrengths(caller, observed);
  const ridge = { own: new Float64Array(rank).fill(regularization), perEntry: new Float64Array(rank) };
  return factorizationProblem({ data: twoWayEntries(observed), rank, weighting: { kind: 'confidence', alpha }, ridge });
}

/** @throws ConfigError unless there are entries, and all are strengths above 0. */
export function checkStrengths(caller: string, { values, columnIndices }: CsrMatrix<HostArray>): void {
  if (columnIndices.length === 0) throw new ConfigError(`${caller}: expected entries with feedback, got none; pass those that there are`);
  checkStrengthsOf(caller, hostAlgebra().peek(values), true);
}

/** @throws ConfigError for values that are not finite or, if they are strengths of feedback, not above 0. */
export function checkStrengthsOf(caller: string, values: Float64Array, strengths: boolean): void {
  const wrong = values.findIndex((value) => !Number.isFinite(value) || (strengths && value <= 0));
  if (wrong < 0) return;
  throw new ConfigError(
    strengths
      ? `${caller}: expected strengths of feedback above 0, got ${values[wrong]} at entry ${wrong}; leave entries without feedback out, and fit ratings that tell of dislike as ratings`
      : `${caller}: expected finite values, got ${values[wrong]} at entry ${wrong}; leave out what is not known`,
  );
}
