/**
 * The n×n correlation matrices of rank r, by their factors: X = YYᵀ with rows of length 1.
 *
 * Point: Y, n×r of rank r with unit rows; Y and YQ, Q orthogonal, are one point. Tangent: Z with rows orthogonal to
 * those of Y, and horizontal: YᵀZ symmetric. Metric tr(ZᵀZ'). Dimension n(r − 1) − r(r − 1)/2.
 *
 * @see Journée, Bach, Absil and Sepulchre, "Low-rank optimization on the cone of positive semidefinite matrices", SIAM
 * J. Optim. 20(5), 2010.
 */
import { DomainError, ShapeError } from '../core/errors.js';
import { type Ambient, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import { algebraOrHost } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { polar } from '../linalg/matrix-functions.js';
import { alignedFactor } from '../metrics/psd-factors.js';
import { batchPrefix, checkAmbientShape, checkFinite, checkShape } from './checks.js';
import { defineManifold } from './define-manifold.js';
import { type FixedRankPsdOptions, fixedRankPsdOptions, horizontalPart } from './fixed-rank-psd.js';
import type { Manifold } from './manifold.js';
import { unitVectorManifold } from './unit-vectors.js';

/** Manifold of correlation matrices of rank r, made by {@link elliptope}. */
export interface ElliptopeManifold<M> extends Manifold<M, M, M, M, Ambient<M>> {
  /** Returns Exp_Y(tZ): rows along great circles. */
  exp(y: M, z: M, t?: number): M;
  /** Returns YYᵀ, n×n, for small matrices and tests, in 2n²r flops. */
  toMatrix(y: M): M;
}

/**
 * Returns the manifold of correlation matrices of rank r, by factors with unit rows: for semidefinite relaxations of
 * cuts and synchronization after Burer and Monteiro, and nearest correlation matrices.
 *
 * $$ \lbrace Y\in\mathbb R^{n\times r} : \operatorname{rank}Y = r,\ \operatorname{diag}(YY^\top) = 1\rbrace\,/\,O(r), \qquad X = YY^\top, \qquad \dim = n(r-1)-\tfrac12r(r-1) $$
 *
 * Tangents Z are those of {@link oblique} (for Yᵀ) that are horizontal, $Y^\top Z = Z^\top Y$, and the metric is the
 * flat one. Of the gradient G by X only GY and GᵀY are used; with $S = G+G^\top$, the diagonal D of $SYY^\top$ and the
 * horizontal projection P,
 *
 * $$ \operatorname{grad}f = SY-DY, \qquad \operatorname{Hess}f[Z] = P\bigl(\dot SY+SZ-DZ-(\cdot)Y\bigr), $$
 *
 * where the last term makes rows orthogonal to those of Y. Geodesics are great circles of the rows; the retraction
 * divides the rows of Y + tZ by their lengths, and is of second order. Transport aligns the representatives first.
 *
 * A solution of lower rank than r is not a point of it: descent towards one ends where the manifold refuses the factor.
 * Where the rank of the solution is not known, take {@link oblique} with a rank that is surely enough: its points are
 * the same factors, transposed, of any rank.
 *
 * @param options - n, rank ≤ n; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n, r]. Operations cost O(nr²) flops.
 * @throws ShapeError if a size is not a positive integer, rank > n, or rank is 1, where there is nothing to move;
 * ConfigError on unknown options.
 *
 * @example
 * ```ts
 * import { elliptope, hostAlgebra, type HostArray, minimize } from 'bures';
 *
 * // The relaxation of a largest cut of a ring of five nodes: ¼ of the sum over edges of 2(1 − X_ij).
 * const la = hostAlgebra();
 * const ring = Array.from({ length: 25 }, (_, i) => ([1, 4].includes((5 + (i % 5) - Math.floor(i / 5)) % 5) ? 1 : 0));
 * const adjacency = la.fromArray(ring, [5, 5]);
 * const manifold = elliptope({ n: 5, rank: 2 });
 * const cost = (y: HostArray) => 0.25 * la.inner(adjacency, manifold.toMatrix(y));
 * const { cost: least } = await minimize({ manifold, cost, gradient: { kind: 'ambient', at: () => la.scale(0.25, adjacency) } });
 * console.log(2.5 - least); // 4.52, the bound of Goemans and Williamson on the cut of 4
 * ```
 * @see Journée, Bach, Absil and Sepulchre, "Low-rank optimization on the cone of positive semidefinite matrices", SIAM
 * J. Optim. 20(5), 2010; Manopt's `elliptopefactory`.
 */
export function elliptope<M = HostArray>(options: FixedRankPsdOptions<M>): ElliptopeManifold<NoInfer<M>> {
  const { n, rank, batch, algebra } = fixedRankPsdOptions.read('elliptope', options);
  if (rank > n) throw new ShapeError(`elliptope: rank must be at most n = ${n}, got ${rank}; reduce the rank or enlarge the matrix`);
  if (rank === 1)
    throw new ShapeError(
      'elliptope: rank must be at least 2, got 1: rows of one entry are ±1, and have no direction to move in; raise the rank',
    );
  const la = algebraOrHost(algebra);
  const shape = [...batch, n, rank];
  const members = batch.reduce((product, size) => product * size, 1);
  const rowsOf = unitVectorManifold(la, {
    caller: 'elliptope',
    sizes: '',
    shape,
    length: rank,
    count: members * n,
    dot: (x, y) => la.sum(la.multiply(x, y), 'rows'),
    weigh: (c, x) => la.scaleRows(c, x),
  });
  // Rows first: what is then removed, YΩ with Ω skew, is orthogonal to the rows already.
  const project = (y: M, z: M): M => horizontalPart(la, y, rowsOf.project(y, z));
  const twiceSymmetric = (operation: string, g: Ambient<M>, y: M): M => {
    checkAmbientShape(`elliptope.${operation}`, la, g, [...batch, n, n]);
    return la.add(applyAmbient(la, g, y), applyAmbientTranspose(la, g, y));
  };
  const transport = (y: M, other: M, z: M): M => project(other, la.matmul(z, polar(la, la.matmul(y, other, { transposeA: true })).Q));
  const hessian = (y: M, derivative: M, product: M, z: M): M => horizontalPart(la, y, rowsOf.ehessToRhess(y, derivative, product, z));
  const {
    egradToRgrad: _e,
    ehessToRhess: _h,
    ...base
  } = defineManifold({
    name: `elliptope(${batchPrefix(batch)}${n}×${n}, rank ${rank})`,
    algebra: la,
    dim: members * (n * (rank - 1) - (rank * (rank - 1)) / 2),
    typicalDist: rowsOf.typicalDist,
    retractionOrder: 2,
    async checkPoint(y) {
      await rowsOf.checkPoint(y);
      await checkRank(la, y, rank);
    },
    project,
    retract: rowsOf.retract,
    transport,
    difference: (y: M, other: M) => project(y, la.subtract(alignedFactor(la, y, other), y)),
    randomPoint: (random) => rowsOf.randomPoint(random),
  });
  return {
    ...base,
    exp: rowsOf.exp,
    // Already horizontal: YᵀSY and YᵀDY are symmetric.
    egradToRgrad: (y, egrad) => rowsOf.project(y, twiceSymmetric('egradToRgrad', egrad, y)),
    coordinatesToRgrad(y, derivative) {
      checkShape('elliptope.coordinatesToRgrad', la, 'the derivative', derivative, shape);
      return rowsOf.project(y, derivative);
    },
    ehessToRhess: (y, egrad, ehess, z) =>
      hessian(
        y,
        twiceSymmetric('ehessToRhess', egrad, y),
        la.add(twiceSymmetric('ehessToRhess', ehess, y), twiceSymmetric('ehessToRhess', egrad, z)),
        z,
      ),
    coordinatesToRhess: hessian,
    toMatrix: (y) => la.matmul(y, y, { transposeB: true }),
  };
}

/** @throws NumericalError or DomainError unless Y has full column rank beyond rounding. */
async function checkRank<M>(la: LinearAlgebra<M>, y: M, rank: number): Promise<void> {
  await checkFinite('elliptope', la, y);
  const S = await la.toArray(la.svd(y).S);
  for (let start = 0; start < S.length; start += rank) {
    if (S[start + rank - 1] > rank * la.epsilon * S[start]) continue;
    throw new DomainError(
      `elliptope: expected a factor of rank ${rank}, but its singular values run down to ${S[start + rank - 1].toExponential(1)} from ${S[start].toExponential(1)}; lower the rank, or perturb the point`,
    );
  }
}
