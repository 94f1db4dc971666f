/** MatrixIRLS: completion of ill-conditioned matrices from few entries, by reweighted least squares. */
import '../linalg/host/whole-engine.js';
import { ConfigError, ShapeError } from '../core/errors.js';
import { count, declareOptions, number, size } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import { type Ambient, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import { checkCsr } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { eye } from '../linalg/derived.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import { firstTriples, leadingSingularTriples } from '../linalg/subspace-iteration.js';
import type { FixedRankManifold } from '../manifolds/fixed-rank.js';
import { embedded } from '../metrics/embedded.js';
import { projectAmbient, tangentToAmbient } from '../metrics/fixed-rank-blocks.js';
import type { FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import type { Interrupted, Memory, SolverFor } from '../solvers/solver.js';
import { completionCost, completionHessian } from './matrix-completion.js';
import { checkOwnProblem } from './own-problem.js';
import { sampledMatrix } from './sampled-matrix.js';
import { smoothingWeights, solveSmoothed } from './smoothed-system.js';

/** Options of {@link matrixIrls}. */
export interface MatrixIrlsOptions {
  /**
   * Error of the conjugate gradients that ends them, in parts of the smoothing ε: smaller takes more products with the
   * data, larger more iterations. Default: 0.1.
   */
  readonly innerTolerance?: number;
  /** Maximum number of conjugate gradient iterations in a step. Default: 200. */
  readonly maxInner?: number;
  /**
   * Passes of subspace iteration in a step, each of two products with the data. One pass misses σ_{r+1} at the limit of
   * information: ε then falls too early, and does not come back. Default: 2.
   */
  readonly passes?: number;
}

const matrixIrlsOptions = declareOptions<MatrixIrlsOptions>()({
  innerTolerance: number({ default: 0.1, above: 0, below: 1 }),
  maxInner: size({ default: 200 }),
  passes: count({ default: 2 }),
});

/** The defaults of {@link matrixIrls}. */
export const matrixIrlsDefaults: Required<MatrixIrlsOptions> = matrixIrlsOptions.defaults;

const NAME = 'matrixIrls';
const EMBEDDED = embedded().name;
/** Largest ε, in parts of σ_r, at which σ_r is found: its relative error is then a few times as large. */
const FOUND = 1e-6;
/** Largest ε in units of rounding of σ₁ below which singular values cannot be told apart. */
const ROUNDING = 8;
/** Least singular value of a point, in units of r roundings of σ₁: below one of them `checkPoint` refuses it. */
const LEAST = 2;
/** Steps in which ε must fall by a hundredth, or the solver says that it does not. */
const PATIENCE = 10;
/** Columns of the subspace beyond the r + 1 triples that a step needs. */
const oversampling = 5;

/**
 * Solver, for `minimize` and `iterate` on {@link matrixCompletion} over `fixedRank`: iteratively reweighted least
 * squares on a smoothed log-determinant of all singular values, which is minimized among the matrices that agree with
 * the data. It completes noiseless matrices where descent on the rank-r matrices stalls: singular values far apart, few
 * entries, and a start of which sampling noise has most.
 *
 * $$ X_{k+1} = \operatorname*{arg\,min}_{P_\Omega(X)=P_\Omega(Z)}\;\langle X, W_k(X)\rangle, \qquad
 *    W_k(X) = U\bigl[H_k\circ(U^\top XV)\bigr]V^\top, \qquad
 *    (H_k)_{ij} = \frac{1}{\max(\sigma_i,\varepsilon_k)\max(\sigma_j,\varepsilon_k)} $$
 *
 * with the singular values σ and all singular vectors of X_k, and ε_{k+1} = min(ε_k, σ_{r+1}(X_{k+1})). A direction is
 * the dearer the smaller its singular values are, so that noise below ε is not followed. W_k is a multiple of the
 * identity on the complement of the tangent space T at the best rank-r approximation of X_k; what remains is a system
 * in T, of r(m + n − r) unknowns,
 *
 * $$ \bigl(\Lambda + P_TP_\Omega P_T\bigr)\gamma = P_TP_\Omega(Z), \qquad X_{k+1} = P_\Omega(Z-\gamma)+\gamma, $$
 *
 * with Λ diagonal, ε²/(σᵢσⱼ − ε²) for the entries of M and ε/(σⱼ − ε) for those of Up and Vp, which conjugate gradients
 * solve from the best rank-r approximation, with the diagonal Λ + |Ω|/(mn) for preconditioner. The points are the best
 * rank-r approximations; ε is in the state. Convergence is quadratic in the end.
 *
 * A gradient is small long before the small singular values are found. Where a rule of the gradient ends a run of
 * `minimize`, this goes on until ε is below a millionth of σ_r, or below rounding. A run in which ε no longer falls
 * stalls: the data are then not those of a matrix of this rank, or rounding hides the rest.
 *
 * The first ε is the spectral norm of the residual over the observed fraction. Data with noise are interpolated, so
 * that `completeMatrix` with `regularization` or `completeRatings` is the better choice for them.
 *
 * @param la - the engine of the data.
 * @param observed - the observed entries, Z on Ω.
 * @param options - accuracy of a step.
 * @returns the solver. A step takes 8·nnz·r flops for each of its conjugate gradient iterations (about six; tens at the
 * limit of information), 16·nnz·r for each product of the subspace iteration, and O((m + n)r²) besides.
 * @throws ConfigError on unknown options, and from the first step for another problem: other entries, or one with
 * `regularization`; ShapeError from `init` unless the points have the data's shape.
 *
 * @example
 * ```ts
 * import { costBelow, csrFromTriplets, fixedRank, hostAlgebra, minimize, seededRandom } from 'bures';
 * import { matrixCompletion, matrixIrls, spectralInitialization } from 'bures/problems';
 *
 * const la = hostAlgebra();
 * const random = seededRandom(1);
 * const places = Array.from({ length: 60 * 40 }, (_, place) => place).filter(() => random.uniform() < 0.3);
 * const [rowIndices, columnIndices] = [places.map((place) => Math.floor(place / 40)), places.map((place) => place % 40)];
 * const values = places.map((_, e) => Math.sin(rowIndices[e]) + 1e-4 * Math.cos(rowIndices[e]) * columnIndices[e]);
 * const observed = csrFromTriplets(la, { rows: 60, columns: 40, rowIndices, columnIndices, values });
 * const problem = matrixCompletion({ manifold: fixedRank({ m: 60, n: 40, rank: 2 }), observed });
 * const initial = spectralInitialization(la, observed, { rank: 2 });
 * const { x } = await minimize(problem, { solver: matrixIrls(la, observed), initial, stop: costBelow(1e-20) });
 * console.log(la.toArray(x.S)); // the two singular values
 * ```
 * @see Kümmerle and Mayrink Verdun, "A scalable second order method for ill-conditioned matrix completion from few
 * samples", ICML 2021, algorithm 1 and appendix A.
 */
export function matrixIrls<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  options: MatrixIrlsOptions = {},
): SolverFor<FixedRankPoint<M>, FixedRankTangent<M>> {
  checkAlgebra(NAME, la);
  checkCsr(NAME, observed);
  const settings = matrixIrlsOptions.read(NAME, options);
  if (observed.columnIndices.length === 0) throw new ConfigError(`${NAME}: expected observed entries, got none; give some`);
  return {
    name: NAME,
    init(_problem, x) {
      checkStart(la, observed, x);
      return { x, iteration: 0, memory: {} };
    },
    async step({ manifold }, state, interrupted) {
      const { x, iteration, memory } = state;
      const known = memory[NAME]?.numbers;
      if (known === undefined) await checkProblem(la, observed, x, state.cost);
      else if (known.steps >= PATIENCE) return { ...state, stalled: stallReason(known.smoothing) };
      // In this metric the gradient is the projected residual, which the loop has computed.
      const isEmbedded = (manifold as unknown as Partial<FixedRankManifold<M>>).metric?.name === EMBEDDED;
      const from = { x, ...(known && { smoothing: known.smoothing }), ...(isEmbedded && { misfit: state.gradient }) };
      const next = await reweighted(la, observed, from, { ...settings, seed: iteration }, interrupted);
      if (next === undefined) return state;
      return { x: next.x, iteration: iteration + 1, memory: { [NAME]: memoryOf(next.smoothing, known) } };
    },
    async confirm(_problem, state) {
      const { x, memory } = state;
      const smoothing = memory[NAME]?.numbers.smoothing ?? Number.POSITIVE_INFINITY;
      const spectrum = await la.toArray(x.S);
      const enough = Math.max(FOUND * spectrum[spectrum.length - 1], ROUNDING * la.epsilon * spectrum[0]);
      return smoothing <= enough ? undefined : state;
    },
  };
}

/** ε, and for how many steps it has been within a hundredth of what it was. */
function memoryOf(smoothing: number, before: Memory<never>['numbers'] | undefined): Memory<never> {
  const stays = before !== undefined && smoothing > 0.99 * before.mark;
  return { tangents: {}, numbers: { smoothing, mark: stays ? before.mark : smoothing, steps: stays ? before.steps + 1 : 0 } };
}

function stallReason(smoothing: number): string {
  return `${NAME}: the smoothing has stayed at ${smoothing.toExponential(1)} for ${PATIENCE} steps; expected entries of a matrix of this rank without noise: raise the rank, give more entries, or take completeMatrix with regularization`;
}

function checkStart<M>(la: LinearAlgebra<M>, { rows, columns }: CsrMatrix<M>, x: FixedRankPoint<M>): void {
  const known = [x?.U, x?.S, x?.V].every((part) => la.isArray(part));
  const [left, right] = known ? [la.shape(x.U), la.shape(x.V)] : [[], []];
  if (left.length === 2 && left[0] === rows && right[0] === columns) return;
  const came = known ? `U [${left}] and V [${right}]` : 'a point without U, S and V';
  throw new ShapeError(
    `${NAME}: expected points of fixedRank({ m: ${rows}, n: ${columns}, rank }), as the data are ${rows}×${columns}, got ${came}; use that manifold`,
  );
}

/** @throws ConfigError unless a cost is that of completion at x. */
async function checkProblem<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>, x: FixedRankPoint<M>, cost: number): Promise<void> {
  const at = { left: la.scaleColumns(x.U, x.S), right: x.V };
  const { cost: own } = await completionCost(la, observed).at(at, { left: x.U, right: x.V });
  checkOwnProblem(cost, {
    caller: NAME,
    costs: [await own()],
    epsilon: la.epsilon,
    scale: 0.5 * (await la.norm(observed.values)) ** 2,
    expected: 'matrixCompletion of its own entries, without regularization',
  });
}

/** Returns ‖P_Ω(X − Z)‖₂ over the observed fraction: about the spectral norm of X − Z, sampling noise included. */
async function firstSmoothing<M>(
  la: LinearAlgebra<M>,
  misfit: Ambient<M>,
  { rows: m, columns: n, columnIndices }: CsrMatrix<M>,
): Promise<number> {
  const { S } = leadingSingularTriples(
    la,
    { m, n, apply: (y) => applyAmbient(la, misfit, y), applyTranspose: (y) => applyAmbientTranspose(la, misfit, y) },
    { count: 1, passes: 2, oversampling, random: seededRandom(0) },
  );
  return ((m * n) / columnIndices.length) * (await la.toArray(S))[0];
}

/** Where a step begins. */
interface ReweightedStart<M> {
  readonly x: FixedRankPoint<M>;
  /** ε; absent at the first step. */
  readonly smoothing?: number;
  /** The residual, projected on the tangent space at x; absent where it is yet to be computed. */
  readonly misfit?: FixedRankTangent<M>;
}

/** Makes one step; `undefined` if interrupted. */
async function reweighted<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  from: ReweightedStart<M>,
  { innerTolerance, maxInner, passes, seed }: Required<MatrixIrlsOptions> & { readonly seed: number },
  interrupted: Interrupted,
): Promise<{ readonly x: FixedRankPoint<M>; readonly smoothing: number } | undefined> {
  const { rows: m, columns: n } = observed;
  const { x } = from;
  const rank = la.shape(x.S)[0];
  const by = { left: x.U, right: x.V };
  const residual = async (): Promise<Ambient<M>> =>
    (await completionCost(la, observed).at({ left: la.scaleColumns(x.U, x.S), right: x.V }, by)).gradient;
  const smoothing = from.smoothing ?? (await firstSmoothing(la, await residual(), observed));
  const hessian = completionHessian(la, observed, by);
  const spectrum = await la.toArray(x.S);
  const weights = smoothingWeights(la, spectrum, smoothing, observed.columnIndices.length / (m * n));
  const gamma = await solveSmoothed(
    la,
    {
      weights,
      start: { M: la.diagMatrix(x.S), Up: la.full([m, rank], 0), Vp: la.full([n, rank], 0) },
      misfit: from.misfit ?? projectAmbient(la, x, await residual()),
      product: async (u) => projectAmbient(la, x, hessian(tangentToAmbient(la, x, u))),
    },
    { tolerance: innerTolerance * smoothing * Math.sqrt(rank), rounding: 4 * la.epsilon * spectrum[0], maxInner },
    interrupted,
  );
  if (gamma === undefined) return undefined;
  const low = tangentToAmbient(la, x, gamma);
  const rest = { ...observed, values: la.subtract(observed.values, sampledMatrix(la, observed, low).values) };
  const apply = (y: M): M => la.add(applyAmbient(la, rest, y), applyAmbient(la, low, y));
  const applyTranspose = (y: M): M => la.add(applyAmbientTranspose(la, rest, y), applyAmbientTranspose(la, low, y));
  const triples =
    Math.min(m, n) <= 2 * rank
      ? la.svd(apply(eye(la, n)))
      : leadingSingularTriples(
          la,
          { m, n, apply, applyTranspose },
          {
            count: rank + 1,
            passes,
            oversampling,
            random: seededRandom(seed),
            // The columns of Vp alone may have any length.
            start: la.concat([x.V, la.qr(gamma.Vp).Q], 'columns'),
          },
        );
  const found = await la.toArray(triples.S);
  const next = firstTriples(la, triples, rank);
  // Where the data have a lower rank, what rounding leaves of the rest may be too little for a point of the manifold.
  const least = LEAST * rank * la.epsilon * found[0];
  return { x: { ...next, S: la.maximum(next.S, least) }, smoothing: Math.min(smoothing, found[rank] ?? 0) };
}
