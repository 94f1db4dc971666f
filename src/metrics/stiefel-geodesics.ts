/**
 * Geodesics of the metrics of {@link StiefelMetric} and their inverse, both computed in the span of X and the
 * direction, of dimension r + q with q = min(r, m − r).
 */
import { NumericalError } from '../core/errors.js';
import { eye } from '../linalg/derived.js';
import { determinantSigns } from '../linalg/determinant-signs.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { solveLyapunov } from '../linalg/matrix-functions.js';
import { withSmallBlocks } from '../linalg/small-blocks.js';
import { orthogonalPart } from './fixed-rank-blocks.js';
import { groupLogarithm, oneOrNaN, polished, rotationLogarithm, skewExponential, skewPart } from './orthogonal-functions.js';
import { bordered, followMetrics } from './stiefel-shooting.js';

/** Iterations after which no geodesic counts as found; a device that cannot be read takes as many as `unread`. */
const ITERATIONS = { limit: 200, unread: 30 };

/**
 * Returns an orthonormal basis Q, m×q, orthogonal to X, whose span holds the columns of K. The factors of [X, K] have
 * it whatever the rank of K.
 *
 * @returns undefined if m = r, where nothing is orthogonal to X.
 */
function complement<M>(la: LinearAlgebra<M>, x: M, k: M): M | undefined {
  const [m, r] = la.shape(x).slice(-2);
  if (m === r) return undefined;
  return la.slice(la.qr(la.concat([x, k], 'columns')).Q, { columns: [r, Math.min(2 * r, m)] });
}

/**
 * Returns Exp_X(U) = [X, Q] exp([[2βA, −Bᵀ], [B, 0]]) [I; 0] exp((1 − 2β)A) for U = XA + QB.
 *
 * @see Zimmermann and Hüper, "Computing the Riemannian logarithm on the Stiefel manifold: metrics, methods, and
 * performance", SIAM J. Matrix Anal. Appl. 43(2), 2022, equations 2.7 and 2.8; Mataigne, Zimmermann and Miolane 2025.
 */
export function stiefelExponential<M>(la: LinearAlgebra<M>, caller: string, beta: number, x: M, u: M): M {
  const r = la.shape(x).at(-1) as number;
  const a = skewPart(la, la.matmul(x, u, { transposeA: true }));
  const leaving = orthogonalPart(la, x, u);
  const basis = complement(la, x, leaving);
  if (basis === undefined) return polished(la, la.matmul(x, skewExponential(la, caller, a)));
  const b = la.matmul(basis, leaving, { transposeA: true });
  const turned = la.slice(skewExponential(la, caller, bordered(la, la.scale(2 * beta, a), b)), { columns: [0, r] });
  const arrived = la.matmul(la.concat([x, basis], 'columns'), turned);
  return polished(la, beta === 0.5 ? arrived : la.matmul(arrived, skewExponential(la, caller, la.scale(1 - 2 * beta, a))));
}

/**
 * Returns a U with Exp_X(U) = Y: that of the shortest geodesic, if the points are close enough for it to be unique.
 *
 * In the basis [X, Q] the point Y is [M; N], and exp([[2βA, −Bᵀ], [B, 0]]) is V = [[M exp((2β − 1)A), ·], [N exp((2β −
 * 1)A), ·]] for the right A and the right completion of the columns. Each iteration takes the logarithm of V, whose
 * blocks show what is wrong with both: C in place of 0, which a rotation of the completion by Γ removes to third order,
 * and the difference of its first block from 2βA, by which A is corrected.
 *
 * @throws NumericalError if the iteration finds none; where a device cannot be read at once, the entries are NaN.
 * @see Zimmermann and Hüper 2022, algorithms 4 and 5 (β = ½: the start by Procrustes, section 3.3, and the rotation Γ,
 * equation 3.15).
 */
export function stiefelLogarithm<M>(la: LinearAlgebra<M>, caller: string, beta: number, x: M, y: M): M {
  const within = la.matmul(x, y, { transposeA: true });
  const basis = complement(la, x, orthogonalPart(la, x, y));
  if (basis === undefined) return la.matmul(x, groupLogarithm(la, caller, within));
  const across = la.matmul(basis, y, { transposeA: true });
  const { a, b } = withSmallBlocks(la, ({ la: blocks, roundoff, take, give }) => {
    const found = blockLogarithm(blocks, { caller, beta, roundoff }, take(within), take(across));
    return { a: give(found.a), b: give(found.b) };
  });
  return la.add(la.matmul(x, a), la.matmul(basis, b));
}

interface Search {
  readonly caller: string;
  readonly beta: number;
  /** ε of the arithmetic. */
  readonly roundoff: number;
}

/** The blocks A, r×r, and B, q×r, of a tangent. */
interface Blocks<M> {
  readonly a: M;
  readonly b: M;
}

/**
 * Returns the blocks of the logarithm of [M; N] at [I; 0]: of metrics but the canonical one from that of the latter.
 */
function blockLogarithm<M>(la: LinearAlgebra<M>, search: Search, top: M, bottom: M): Blocks<M> {
  const { caller, beta, roundoff } = search;
  if (beta === 0.5 || la.peek(top) === undefined) return algebraicLogarithm(la, search, top, bottom);
  const { a, b } = algebraicLogarithm(la, { ...search, beta: 0.5 }, top, bottom);
  const [q, r] = la.shape(bottom).slice(-2);
  const shot = { caller, target: la.concat([top, bottom], 'rows'), rounding: 16 * (r + q) * roundoff };
  const found = followMetrics(la, shot, beta, la.concat([a, b], 'rows'));
  if (found === undefined) throw noGeodesic(caller);
  return { a: la.slice(found, { rows: [0, r] }), b: la.slice(found, { rows: [r, r + q] }) };
}

/** Returns these blocks by logarithms of matrices, which for short geodesics converge for every metric. */
function algebraicLogarithm<M>(la: LinearAlgebra<M>, { caller, beta, roundoff }: Search, top: M, bottom: M): Blocks<M> {
  const [q, r] = la.shape(bottom).slice(-2);
  const column = la.concat([top, bottom], 'rows');
  const rounding = 16 * (r + q) * roundoff;
  let completion = orientedCompletion(la, top, bottom);
  let a = la.full(la.shape(top), 0);
  for (let iteration = 0; ; iteration++) {
    const turned = beta === 0.5 ? column : la.matmul(column, skewExponential(la, caller, la.scale(2 * beta - 1, a)));
    const whole = logarithmOrNone(la, caller, la.concat([turned, completion], 'columns'));
    const lower = la.slice(whole, { rows: [r, r + q] });
    const b = la.slice(lower, { columns: [0, r] });
    const c = la.slice(lower, { columns: [r, r + q] });
    const gap = la.axpy(-2 * beta, a, la.slice(whole, { rows: [0, r], columns: [0, r] }));
    a = skewPart(la, la.add(a, gap));
    const [gaps, rests] = [la.peek(gap), la.peek(c)];
    if (gaps !== undefined && rests !== undefined) {
      if (largest(gaps, rests) <= rounding) return { a, b };
      if (iteration === ITERATIONS.limit) throw noGeodesic(caller);
    } else if (iteration === ITERATIONS.unread) {
      // By where the geodesic ends: at half a turn the logarithm is wrong, and nobody has looked.
      const rotated = la.slice(skewExponential(la, caller, bordered(la, la.scale(2 * beta, a), b)), { columns: [0, r] });
      const end = la.matmul(rotated, skewExponential(la, caller, la.scale(1 - 2 * beta, a)));
      const wrong = la.normEach(la.subtract(end, column));
      const mask = oneOrNaN(la, wrong, 16 * rounding);
      return { a: la.scaleEach(mask, a), b: la.scaleEach(mask, b) };
    }
    completion = la.matmul(completion, skewExponential(la, caller, la.scale(-1, correction(la, b, c))));
  }
}

/**
 * Returns an orthonormal completion of [M; N] to a rotation, whose lower block is symmetric and, but for one direction
 * where the determinant asks for it, positive semidefinite: the completion nearest to [0; I].
 */
function orientedCompletion<M>(la: LinearAlgebra<M>, top: M, bottom: M): M {
  const [q, r] = la.shape(bottom).slice(-2);
  const batch = la.shape(bottom).slice(0, -2);
  const column = la.concat([top, bottom], 'rows');
  const rest = la.concat([la.full([...batch, r, q], 0), eye(la, q, batch)], 'rows');
  const some = la.slice(la.qr(la.concat([column, rest], 'columns')).Q, { columns: [r, r + q] });
  const { U, V } = la.svd(la.slice(some, { rows: [r, r + q] }));
  const nearest = la.matmul(some, la.matmul(V, U, { transposeB: true }));
  const values = la.peek(la.concat([column, nearest], 'columns'));
  if (values === undefined) return nearest;
  const signs = determinantSigns(values, r + q);
  if (signs.every((sign) => sign > 0)) return nearest;
  const flips = signs.flatMap((sign) => Array.from({ length: q }, (_, i) => (i === q - 1 ? sign : 1)));
  const turned = la.scaleColumns(V, la.fromArray(flips, [...batch, q]));
  return la.matmul(some, la.matmul(turned, U, { transposeB: true }));
}

/**
 * Returns Γ with PΓ + ΓP = C for P = ½I − BBᵀ/12, by which the completion turns to remove C up to terms of higher order
 * in the length of the geodesic. Where B is so large that P might not be definite, BBᵀ is shrunk.
 */
function correction<M>(la: LinearAlgebra<M>, b: M, c: M): M {
  const [q] = la.shape(b).slice(-2);
  const batch = la.shape(b).slice(0, -2);
  const size = la.normEach(b);
  const one = la.full(batch, 1);
  const share = la.divide(one, la.maximum(la.scale(1 / 3, la.multiply(size, size)), 1));
  const square = la.scaleEach(share, la.matmul(b, b, { transposeB: true }));
  return skewPart(la, solveLyapunov(la, la.axpy(-1 / 12, square, la.scale(0.5, eye(la, q, batch))), c));
}

/** Returns the logarithm of a rotation; that of a half turn counts as no geodesic. */
function logarithmOrNone<M>(la: LinearAlgebra<M>, caller: string, rotation: M): M {
  try {
    return rotationLogarithm(la, caller, rotation);
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    throw noGeodesic(caller, error);
  }
}

function noGeodesic(caller: string, cause?: NumericalError): NumericalError {
  return new NumericalError(
    `${caller}: found no geodesic that joins the points, as happens further apart than π in the Euclidean metric, or 0.89π in the canonical one, where it need not be unique; choose points closer together`,
    { cause },
  );
}

/** Returns the largest magnitude of all entries; infinity if one is not a number. */
function largest(...arrays: readonly Float64Array[]): number {
  let most = 0;
  for (const array of arrays) for (const entry of array) most = Math.abs(entry) <= most ? most : Math.abs(entry);
  return Number.isNaN(most) ? Number.POSITIVE_INFINITY : most;
}
