/** Equations whose solutions are the inverses of retractions to matrices with orthonormal columns. */
import '../linalg/host/whole-engine.js';
import { NumericalError } from '../core/errors.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import { withSmallBlocks } from '../linalg/small-blocks.js';
import { orthogonalPart } from '../metrics/fixed-rank-blocks.js';

/** Doublings of {@link solveStein}: eigenvalues down to 2⁻³⁰ of the largest count. */
const DOUBLINGS = 30;

/** The error of an inverse that does not exist. */
export function unreachable(retraction: string): NumericalError {
  return new NumericalError(
    `${retraction}: no tangent at the first point leads to the second, which is too far away; choose points closer together`,
  );
}

/**
 * Returns (I − XXᵀ)Y(XᵀY)⁻¹, whose columns are those of a basis of span(Y) less X: XᵀU = 0 and span(X + U) = span(Y).
 *
 * @param refuse - makes the error for spans of which one has a direction orthogonal to the other.
 */
export function affineChart<M>(la: LinearAlgebra<M>, x: M, y: M, refuse: () => NumericalError): M {
  const { Q, R } = la.qr(la.matmul(x, y, { transposeA: true }));
  if (la.peek(la.diag(R))?.some((entry) => entry <= la.epsilon)) throw refuse();
  return la.matmul(orthogonalPart(la, x, y), la.solveTriangular(R, la.transpose(Q), { lower: false }));
}

/** The shortest rotation from span(X) to span(Y): W diag(θ) Vᵀ is the tangent at X. */
export interface PrincipalRotation<M> {
  /** W, [.., m, r], with XᵀW = 0: the directions in which the principal vectors XV leave, arbitrary where θ is 0. */
  readonly leaving: M;
  /** tan(θ/2) of the principal angles θ, [.., r]. */
  readonly halfTangents: M;
  /** V, [.., r, r]. */
  readonly basis: M;
}

/**
 * Returns the principal angles between span(X) and span(Y), with their directions. With XᵀY = PSRᵀ, Y′ = YRPᵀ is the
 * basis of span(Y) nearest to X, and (I − XXᵀ)Y′ = W sin(θ) Vᵀ. Sines and cosines are of size 1, where the tangents of
 * {@link affineChart} grow without limit towards a right angle.
 *
 * @param refuse - makes the error for spans of which one has a direction orthogonal to the other.
 * @see Bendokat, Zimmermann and Absil, "A Grassmann manifold handbook", Adv. Comput. Math. 50, 2024, algorithm 5.3.
 */
export function principalRotation<M>(la: LinearAlgebra<M>, x: M, y: M, refuse: () => NumericalError): PrincipalRotation<M> {
  const { U: P, S: cosines, V: R } = la.svd(la.matmul(x, y, { transposeA: true }));
  if (la.peek(cosines)?.some((cosine) => cosine <= la.epsilon)) throw refuse();
  const { U: leaving, S: sines, V: basis } = la.svd(la.matmul(orthogonalPart(la, x, y), la.matmul(R, P, { transposeB: true })));
  // Vᵀ(XᵀY′)V with XᵀY′ = PSPᵀ has the cosines in the order of the sines.
  const turned = la.matmul(P, basis, { transposeA: true });
  const paired = la.sum(la.multiply(turned, la.scaleRows(cosines, turned)), 'columns');
  const length = la.sqrt(la.add(la.multiply(sines, sines), la.multiply(paired, paired)));
  return { leaving, halfTangents: la.divide(sines, la.add(length, paired)), basis };
}

/**
 * Solves MS + SMᵀ = 2I for a symmetric S, by doubling the equation S = CSCᵀ + 4GGᵀ with G = (I + M)⁻¹, C = G(M − I): S
 * ← S + CSCᵀ, C ← C², which converges quadratically if and only if S is positive definite.
 *
 * @param m - M, [.., r, r], of norm at most 1.
 * @throws NumericalError if no positive definite S solves it; NaN where a device cannot be read at once.
 * @see Smith, "Matrix equation XA + BX = C", SIAM J. Appl. Math. 16(1), 1968.
 */
export function solveStein<M>(la: LinearAlgebra<M>, caller: string, m: M): M {
  return withSmallBlocks(la, ({ la: blocks, roundoff, take, give }) => {
    const matrix = take(m);
    const shape = blocks.shape(matrix);
    const r = shape.at(-1) as number;
    const identity = eye(blocks, r, shape.slice(0, -2));
    const { Q, R } = blocks.qr(blocks.add(matrix, identity));
    if (blocks.peek(blocks.diag(R))?.some((entry) => !(entry > blocks.epsilon))) throw unreachable(caller);
    const inverse = blocks.solveTriangular(R, blocks.transpose(Q), { lower: false });
    let square = blocks.matmul(inverse, blocks.subtract(matrix, identity));
    let sum = blocks.scale(4, blocks.matmul(inverse, inverse, { transposeB: true }));
    for (let doubling = 0; doubling < DOUBLINGS; doubling++) {
      sum = blocks.add(sum, blocks.matmul(blocks.matmul(square, sum), square, { transposeB: true }));
      square = blocks.matmul(square, square);
      const rest = blocks.peek(square);
      if (rest !== undefined && !rest.every(Number.isFinite)) throw unreachable(caller);
      if (rest?.every((entry) => Math.abs(entry) <= roundoff)) break;
    }
    const left = blocks.matmul(matrix, sum);
    const gap = blocks.peek(blocks.subtract(blocks.add(left, blocks.transpose(left)), blocks.scale(2, identity)));
    const size = (blocks.peek(sum) ?? new Float64Array()).reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
    if (gap?.some((entry) => !(Math.abs(entry) <= Math.min(1e-3, 1e4 * r * roundoff * size)))) throw unreachable(caller);
    return give(symmetricPart(blocks, sum));
  });
}

/**
 * Solves MR + RᵀMᵀ = 2I for an upper triangular R with a positive diagonal, column by column: the first i entries of
 * column i solve a system with the leading block of M, whose right-hand side the columns before give.
 *
 * @param m - M, [.., r, r].
 * @throws NumericalError if there is none.
 * @see Kaneko, Fiori and Tanaka, "Empirical arithmetic averaging over the compact Stiefel manifold", IEEE Trans. Signal
 * Process. 61(4), 2013, section III-B.
 */
export function solveTriangularPair<M>(la: LinearAlgebra<M>, caller: string, m: M): M {
  return withSmallBlocks(la, ({ la: blocks, take, give }) => {
    const matrix = take(m);
    const shape = blocks.shape(matrix);
    const [r, batch] = [shape.at(-1) as number, shape.slice(0, -2)];
    const columns: (typeof matrix)[] = [];
    for (let i = 0; i < r; i++) {
      const one = blocks.full([...batch, 1, 1], 1);
      const leading = blocks.slice(matrix, { rows: [0, i + 1], columns: [0, i + 1] });
      const row = blocks.slice(matrix, { rows: [i, i + 1] });
      const known = columns.map((column) => blocks.scale(-1, blocks.matmul(row, column)));
      const { Q, R } = blocks.qr(leading);
      if (blocks.peek(blocks.diag(R))?.some((entry) => !(entry > blocks.epsilon))) throw unreachable(caller);
      const right = blocks.matmul(Q, blocks.concat([...known, one], 'rows'), { transposeA: true });
      const entries = blocks.solveTriangular(R, right, { lower: false });
      const below = r - i - 1;
      columns.push(below === 0 ? entries : blocks.concat([entries, blocks.full([...batch, below, 1], 0)], 'rows'));
    }
    const triangle = blocks.concat(columns, 'columns');
    if (blocks.peek(blocks.diag(triangle))?.some((entry) => !(entry > 0 && Number.isFinite(entry)))) throw unreachable(caller);
    return give(triangle);
  });
}
