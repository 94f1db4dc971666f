import { ConfigError } from '../../core/errors.js';
import { declareOptions, flag, number, option, size } from '../../core/options.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { twoWayEntries } from '../variational-entries.js';
import { type FactorizationProblem, factorizationProblem } from './factorization-problem.js';
import type { Ridge } from './row-regressions.js';

/** Options of {@link biasedFactorization}. */
export interface BiasedFactorizationOptions {
  /** The known ratings, Z on Ω. */
  readonly observed: CsrMatrix<HostArray>;
  /** Number r of components. */
  readonly rank: number;
  /** λ ≥ 0, the ridge on the factors, in units of the values. */
  readonly regularization: number;
  /** μ ≥ 0, a further ridge on the factors for each entry of a row or column, in units of the values. Default: 0. */
  readonly entryRegularization?: number;
  /** λ_b ≥ 0, the ridge on the biases, in numbers of entries. Default: 5. */
  readonly biasRegularization?: number;
  /** If false, there are no biases, and no mean is subtracted. Default: true. */
  readonly biases?: boolean;
}

const biasedFactorizationOptions = declareOptions<BiasedFactorizationOptions>()({
  observed: option({}, (caller, _name, observed) => checkCsr(caller, observed as CsrMatrix<unknown>)),
  rank: size({}),
  regularization: number({ min: 0 }),
  entryRegularization: number({ default: 0, min: 0 }),
  biasRegularization: number({ default: 5, min: 0 }),
  biases: flag({ default: true }),
});

/** The defaults of {@link biasedFactorization}. */
export const biasedFactorizationDefaults: Required<Omit<BiasedFactorizationOptions, 'observed' | 'rank' | 'regularization'>> =
  biasedFactorizationOptions.defaults;

/**
 * Returns the problem of a biased factorization of ratings:
 *
 * $$ \min\ \tfrac12\sum_{(i,j)\in\Omega}\bigl(z_{ij}-\bar z-b_i-c_j-u_i^\top v_j\bigr)^2
 *    +\tfrac12\sum_i(\lambda+\mu n_i)\lVert u_i\rVert^2+\tfrac12\sum_j(\lambda+\mu n_j)\lVert v_j\rVert^2+\tfrac{\lambda_b}2\bigl(\lVert b\rVert^2+\lVert c\rVert^2\bigr) $$
 *
 * with the mean $\bar z$ of the known ratings and the numbers n of entries of a row or column. λ is the ridge of a
 * prior, and μ stands for the uncertainty of what the factors are fitted to, which grows with their number (the
 * weighted-λ regularization of Zhou et al.). The point is that of the columns, n×(r + 1), each (v_j, c_j); the rows are
 * solved for, so that cost and gradient are those of the least cost over U and b. An evaluation takes 2·nnz·k(k + 3) +
 * (m + n)(k³/3 + 2k²) flops for k = r + 1, as much as a sweep of alternating least squares, and it is one:
 * {@link factorSweeps} moves to what it has found.
 *
 * @returns the problem, for `minimize` and `iterate`; {@link factorizeRatings} solves it.
 * @throws ConfigError, ShapeError for invalid options, or without entries.
 * @see Zhou, Wilkinson, Schreiber and Pan, "Large-scale parallel collaborative filtering for the Netflix prize", AAIM
 * 2008; Koren, Bell and Volinsky, "Matrix factorization techniques for recommender systems", IEEE Computer 42(8), 2009,
 * equation 5.
 */
export function biasedFactorization(options: BiasedFactorizationOptions): FactorizationProblem {
  const caller = 'biasedFactorization';
  const { observed, rank, regularization, entryRegularization, biasRegularization, biases } = biasedFactorizationOptions.read(
    caller,
    options,
  );
  const mean = biases ? meanRating(caller, observed) : 0;
  const ridge = ridgeOf(rank, regularization, entryRegularization, biases ? biasRegularization : undefined);
  return factorizationProblem({ data: twoWayEntries(observed), rank, weighting: { kind: 'ratings', mean, biases }, ridge });
}

/** Returns the ridge on factors and, if there is one, on the bias. */
export function ridgeOf(rank: number, own: number, perEntry: number, bias: number | undefined): Ridge {
  const k = rank + (bias === undefined ? 0 : 1);
  const ridge = { own: new Float64Array(k).fill(own), perEntry: new Float64Array(k).fill(perEntry) };
  if (bias !== undefined) [ridge.own[rank], ridge.perEntry[rank]] = [bias, 0];
  return ridge;
}

/** Returns the mean of the entries. @throws ConfigError without entries. */
export function meanRating(caller: string, { values, columnIndices }: CsrMatrix<HostArray>): number {
  if (columnIndices.length === 0)
    throw new ConfigError(`${caller}: expected entries to fit, got none; pass the known entries of the table`);
  return hostAlgebra().total(values) / columnIndices.length;
}
