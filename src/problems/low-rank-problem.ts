/**
 * Turns a cost of m×n matrices into a problem on any geometry of rank-r matrices. In both `{ U, S, V }` and `{ A, B }`
 * the matrix, a tangent vector and the second-order term of a retraction are given as factors, so a cost written for
 * factors serves all geometries.
 */

import type { Awaitable } from '../core/awaitable.js';
import { ShapeError } from '../core/errors.js';
import type { Ambient } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import type { Manifold } from '../manifolds/manifold.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import type { FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import { type FixedRankRetraction, projectionBend } from '../retractions/fixed-rank-retraction.js';
import { perPoint } from '../solvers/objective.js';
import type { Problem } from '../solvers/problem.js';

/** A rank-r matrix in the form of any of the geometries: `{ U, S, V }` or `{ A, B }`. */
export type LowRankPoint<M> = FixedRankPoint<M> | FactorPair<M>;

/** A tangent vector at such a point: `{ M, Up, Vp }` or `{ A: dA, B: dB }`. */
export type LowRankTangent<M> = FixedRankTangent<M> | FactorPair<M>;

/**
 * A geometry of rank-r matrices: `fixedRank` with any metric, `balancedFactors`, `quotientFactors`, `euclideanFactors`.
 */
export type LowRankManifold<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z> = Manifold<M, P, T, Z, Ambient<M>> & {
  /** Retraction of fixed-rank matrices; factors move in straight lines, whatever gauge they land in. */
  readonly retraction?: FixedRankRetraction;
  /** Shape [.., m, n] of the matrices, where the manifold tells it. */
  readonly matrixShape?: readonly number[];
};

/** A problem on a geometry of rank-r matrices, whose manifold keeps its own type. */
export type LowRankProblem<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own = unknown> = Problem<
  M,
  P,
  T,
  Z,
  Ambient<M>
> & {
  /** The manifold, as given. */
  readonly manifold: LowRankManifold<M, P, T, Z> & Own;
};

/** A cost g around one matrix X. */
export interface MatrixCostAt<M> {
  /** Returns g(X). */
  cost(): Awaitable<number>;
  /** ∇g(X), m×n in any form. */
  readonly gradient: Ambient<M>;
  /** Returns ∇²g(X)[ξ] for ξ = L Rᵀ, m×n in any form. */
  hessian(direction: FactoredMatrix<M>): Awaitable<Ambient<M>>;
  /**
   * Arrays that gradient and functions refer to. A device may free them with the step that made them, and the cost
   * around X is then computed again.
   */
  readonly holds: readonly M[];
  /**
   * Returns g(X + tξ + t²Q) as a polynomial in t, from the constant term up: exact if g is quadratic, else to second
   * order.
   */
  along(first: FactoredMatrix<M>, second: FactoredMatrix<M>): Awaitable<readonly number[]>;
}

/**
 * A cost of m×n matrices that receives matrices and tangent vectors only as factors, $X = LR^\top$.
 *
 * It also receives the matrices by which ∇g and ∇²g will be multiplied: `by.right`, which is R, from the right, and the
 * transpose of `by.left`, which spans the columns of L, from the left. One pass over the data can then compute cost and
 * products together.
 */
export interface MatrixCost<M> {
  /** Shape [m, n] of X. */
  readonly shape: readonly [number, number];
  /** Returns the cost around X. */
  at(x: FactoredMatrix<M>, by: FactoredMatrix<M>): Awaitable<MatrixCostAt<M>>;
  /** Returns the residuals r around X of a cost ½‖r(X)‖², which `levenbergMarquardt` needs; absent for other costs. */
  residualsAt?(x: FactoredMatrix<M>): MatrixResiduals<M>;
}

/** Residuals around one matrix X, and their Jacobian. */
export interface MatrixResiduals<M> {
  /** r(X), an array of any shape. */
  readonly residual: M;
  /** Returns J ξ for ξ = L Rᵀ, of the shape of r. */
  jvp(direction: FactoredMatrix<M>): M;
  /** Returns Jᵀ w, m×n in any form. */
  vjp(w: M): Ambient<M>;
}

/**
 * Returns the problem of minimizing a cost over rank-r matrices, in any of their geometries and on any engine. A
 * {@link MatrixCost} is all it needs for gradient, Hessian, line search and, if it states them, residuals.
 *
 * @param manifold - the geometry to minimize on.
 * @param matrixCost - g, on factors of X.
 * @param caller - name of the calling function, for error messages.
 * @returns the problem, for `minimize`; its Hessian is available if the manifold has `ehessToRhess`.
 */
export function lowRankProblem<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own>(
  manifold: LowRankManifold<M, P, T, Z> & Own,
  matrixCost: MatrixCost<M>,
  caller = 'lowRankProblem',
): LowRankProblem<M, P, T, Z, Own> {
  const la = manifold.algebra;
  checkMatrixShape(caller, manifold, matrixCost.shape);
  const residualsAt = matrixCost.residualsAt?.bind(matrixCost);
  const around = perPoint((x: P) => {
    const factors = factorsOf(la, x);
    return matrixCost.at(factors, { left: 'U' in x ? x.U : x.A, right: factors.right });
  });
  return {
    manifold,
    cost: async (x) => (await around(x)).cost(),
    gradient: { kind: 'ambient', at: async (x) => (await around(x)).gradient },
    hessian: { kind: 'ambient', at: async (x, u) => (await around(x)).hessian(tangentFactors(la, x, u)) },
    costAlong: async (x, u) => (await around(x)).along(tangentFactors(la, x, u), bendFactors(la, manifold.retraction, x, u)),
    ...(residualsAt && {
      linearize(x: P) {
        const { residual, jvp, vjp } = residualsAt(factorsOf(la, x));
        return { residual, jvp: (u: T) => jvp(tangentFactors(la, x, u)), adjoint: (w: M) => manifold.egradToRgrad(x, vjp(w)) };
      },
    }),
  };
}

/** @throws ShapeError if a manifold has matrices of another shape than the cost. */
function checkMatrixShape(
  caller: string,
  { name, matrixShape }: { readonly name: string; readonly matrixShape?: readonly number[] },
  [m, n]: readonly [number, number],
): void {
  const [rows, columns] = matrixShape?.slice(-2) ?? [m, n];
  if (rows === m && columns === n) return;
  throw new ShapeError(
    `${caller}: expected a manifold of ${m}×${n} matrices, as the data are, got ${name}; make it with m: ${m}, n: ${n}, or transpose the data`,
  );
}

function isFixedRank<M>(x: LowRankPoint<M>): x is FixedRankPoint<M> {
  return 'U' in x;
}

function isFixedRankTangent<M>(u: LowRankTangent<M>): u is FixedRankTangent<M> {
  return 'Up' in u;
}

/** Returns X = L Rᵀ: (U S, V) or (A, Bᵀ). */
function factorsOf<M>(la: LinearAlgebra<M>, x: LowRankPoint<M>): FactoredMatrix<M> {
  return isFixedRank(x) ? { left: la.scaleColumns(x.U, x.S), right: x.V } : { left: x.A, right: la.transpose(x.B) };
}

/** Returns ξ = L Rᵀ of inner size 2r: ([U M + Up, U], [V, Vp]) or ([dA, A], [Bᵀ, dBᵀ]). */
function tangentFactors<M>(la: LinearAlgebra<M>, x: LowRankPoint<M>, u: LowRankTangent<M>): FactoredMatrix<M> {
  if (isFixedRank(x) && isFixedRankTangent(u)) {
    return {
      left: la.concat([la.add(la.matmul(x.U, u.M), u.Up), x.U], 'columns'),
      right: la.concat([x.V, u.Vp], 'columns'),
    };
  }
  const { A, B } = x as FactorPair<M>;
  const { A: dA, B: dB } = u as FactorPair<M>;
  return { left: la.concat([dA, A], 'columns'), right: la.concat([la.transpose(B), la.transpose(dB)], 'columns') };
}

/** Returns Q in R_x(t u) = X + tξ + t²Q + …: that of the retraction, or dA·dB for factors, which move straight. */
function bendFactors<M>(
  la: LinearAlgebra<M>,
  retraction: FixedRankRetraction | undefined,
  x: LowRankPoint<M>,
  u: LowRankTangent<M>,
): FactoredMatrix<M> {
  if (isFixedRank(x) && isFixedRankTangent(u)) return retraction === undefined ? projectionBend(la, x, u) : retraction.bend(la, x, u);
  const { A: dA, B: dB } = u as FactorPair<M>;
  return { left: dA, right: la.transpose(dB) };
}
