/**
 * Functions of symmetric matrices and the equations that go with them, written once for all engines over the primitive
 * operations.
 *
 * @see Higham, "Functions of Matrices", 2008; Bhatia, "Positive Definite Matrices", 2007.
 */
import './host/whole-engine.js';
import { NumericalError, ShapeError } from '../core/errors.js';
import { outerSum } from './derived.js';
import { checkOperands, type LinearAlgebra } from './linear-algebra.js';
import type { PolarFactors } from './linear-algebra-types.js';
import { checkMatrix, checkSameBatch, checkSameShape, checkSquare, describeShape, throwMismatch } from './shape-checks.js';
import { withSmallBlocks } from './small-blocks.js';

/** The operations of which matrix functions are made: those of an engine, or of an engine on a tape. */
export type MatrixAlgebra<M> = Omit<
  LinearAlgebra<M>,
  | 'inner'
  | 'norm'
  | 'total'
  | 'maxAbs'
  | 'toArray'
  | 'toRows'
  | 'readInto'
  | 'openScope'
  | 'keep'
  | 'dispose'
  | 'randomNormal'
  | 'sparsePasses'
>;

/**
 * Computes one matrix from others: in float64 on the host if a float32 engine's memory is the process's own, so that
 * only operands and result are transferred; otherwise on the engine.
 */
function onBlocks<M>(la: MatrixAlgebra<M>, operands: readonly M[], compute: <B>(la: LinearAlgebra<B>, operands: readonly B[]) => B): M {
  // The operations that a tape's algebra lacks are not used.
  return withSmallBlocks(la as LinearAlgebra<M>, (blocks) =>
    blocks.give(blocks.la.tidy(() => compute(blocks.la, operands.map(blocks.take)))),
  );
}

/**
 * Solves P K + K Q = C for K. In the eigenbases P = W diag(p) Wᵀ, Q = Z diag(q) Zᵀ the equation decouples: K = W [ (Wᵀ
 * C Z)_ij / (p_i + q_j) ] Zᵀ, with zero where p_i + q_j ≤ tolerance, which gives the solution of least norm (of the
 * least-squares problem, if the equation has none).
 *
 * @param p - symmetric positive semidefinite, [.., m, m];
 * @param q - likewise, [.., n, n];
 * @param c - [.., m, n].
 * @returns [.., m, n]. Two eigendecompositions and 4·m·n·(m + n) flops.
 * @throws ShapeError if the shapes do not fit; NumericalError for non-finite P or Q, and for indefinite ones, with
 * λ_min < −√ε·λ_max, if the engine can read the eigenvalues.
 * @see Higham 2008, §B.14; Bhatia, "Matrix Analysis", 1997, §VII.2.
 */
export function solveSylvester<M>(la: MatrixAlgebra<M>, p: M, q: M, c: M): M {
  checkOperands('solveSylvester', la, [p, q, c]);
  if (la.matrixFunctions !== undefined) return la.matrixFunctions.solveSylvester(p, q, c);
  checkSquare('solveSylvester', la.shape(p));
  checkSquare('solveSylvester', la.shape(q));
  checkRightSide(la, 'solveSylvester', p, q, c);
  return onBlocks(la, [p, q, c], (blocks, [left, right, side]) => {
    const bases = [blocks.eigh(left), blocks.eigh(right)] as const;
    for (const { values } of bases) checkSemidefinite('solveSylvester', la.epsilon, blocks, values);
    return solveInEigenbases(blocks, ...bases, side);
  });
}

/**
 * Returns C ↦ K with P K + K Q = C, for several C: both eigendecompositions are done once, in this call. Same shapes
 * and conventions as `solveSylvester`.
 *
 * @throws ShapeError if P or Q is not square; NumericalError for non-finite P or Q.
 */
export function sylvesterSolver<M>(la: LinearAlgebra<M>, p: M, q: M): (c: M) => M {
  const [left, right] = [la.eigh(p), la.eigh(q)];
  return (c) => solveInEigenbases(la, left, right, c);
}

/**
 * Solves P K + K P = C for K, as {@link solveSylvester} with Q = P: one eigendecomposition. K is symmetric if C is, up
 * to rounding.
 *
 * @param p - symmetric positive semidefinite, [.., n, n];
 * @param c - [.., n, n].
 */
export function solveLyapunov<M>(la: MatrixAlgebra<M>, p: M, c: M): M {
  checkOperands('solveLyapunov', la, [p, c]);
  if (la.matrixFunctions !== undefined) return la.matrixFunctions.solveLyapunov(p, c);
  checkSquare('solveLyapunov', la.shape(p));
  checkRightSide(la, 'solveLyapunov', p, p, c);
  return onBlocks(la, [p, c], (blocks, [matrix, side]) => {
    const basis = blocks.eigh(matrix);
    checkSemidefinite('solveLyapunov', la.epsilon, blocks, basis.values);
    return solveInEigenbases(blocks, basis, basis, side);
  });
}

function checkRightSide<M>(la: MatrixAlgebra<M>, caller: string, p: M, q: M, c: M): void {
  const [shapeP, shapeQ, shapeC] = [la.shape(p), la.shape(q), la.shape(c)];
  checkMatrix(caller, shapeC);
  checkSameBatch(caller, shapeP, 2, shapeQ, 2);
  checkSameBatch(caller, shapeP, 2, shapeC, 2);
  const [m, n] = [shapeP[shapeP.length - 1], shapeQ[shapeQ.length - 1]];
  const [rows, columns] = shapeC.slice(-2);
  if (rows === m && columns === n) return;
  throwMismatch(caller, `a right-hand side ${m}×${n}`, shapeP, shapeC, 'C has the rows of P and the columns of Q');
}

interface Eigenbasis<M> {
  readonly values: M;
  readonly vectors: M;
}

function solveInEigenbases<M>(la: LinearAlgebra<M>, left: Eigenbasis<M>, right: Eigenbasis<M>, c: M): M {
  // Computed eigenvalues of a semidefinite matrix are negative by rounding alone.
  const p = la.maximum(left.values, 0);
  const q = la.maximum(right.values, 0);
  const sums = outerSum(la, p, q);
  // At least ε·max(p_i + q_j) and at most √(mn) times as much: what rounding in the eigenvalues amounts to.
  const tolerance = la.scale(la.epsilon, la.normEach(sums));
  const ones = la.full(la.shape(sums), 1);
  const regular = la.greater(sums, la.scaleEach(tolerance, ones));
  const rotated = la.matmul(left.vectors, la.matmul(c, right.vectors), { transposeA: true });
  // Divided by one where the sum vanishes, since 0/0 would pass through some engines' `where`.
  const quotient = la.multiply(regular, la.divide(rotated, la.where(regular, sums, ones)));
  return la.matmul(left.vectors, la.matmul(quotient, right.vectors, { transposeB: true }));
}

/** ½ (X + Xᵀ): the symmetric part, or X without the asymmetry that rounding leaves. */
export function symmetricPart<M>(la: LinearAlgebra<M>, x: M): M {
  return la.scale(0.5, la.add(x, la.transpose(x)));
}

/** W diag(d) Wᵀ, exactly symmetric. */
export function fromEigenbasis<M>(la: LinearAlgebra<M>, vectors: M, d: M): M {
  return symmetricPart(la, la.matmul(la.scaleColumns(vectors, d), vectors, { transposeB: true }));
}

/**
 * S^½ = W diag(λ^½) Wᵀ; eigenvalues that rounding has made negative count as zero.
 *
 * @param s - symmetric positive semidefinite, [.., n, n].
 * @returns symmetric positive semidefinite. One eigendecomposition and 2·n³ flops.
 * @throws ShapeError if S is not square; NumericalError if λ_min < −√ε·λ_max, if the engine can read the eigenvalues.
 * @see Higham 2008, §6.2.
 */
export function sqrtSpd<M>(la: MatrixAlgebra<M>, s: M): M {
  checkOperands('sqrtSpd', la, [s]);
  if (la.matrixFunctions !== undefined) return la.matrixFunctions.sqrtSpd(s);
  checkSquare('sqrtSpd', la.shape(s));
  return onBlocks(la, [s], (blocks, [matrix]) => {
    const { values, vectors } = blocks.eigh(matrix);
    checkSemidefinite('sqrtSpd', la.epsilon, blocks, values);
    return fromEigenbasis(blocks, vectors, blocks.sqrt(blocks.maximum(values, 0)));
  });
}

/**
 * S^-½ = W diag(λ^-½) Wᵀ.
 *
 * @param s - symmetric positive definite, [.., n, n].
 * @returns symmetric positive definite. One eigendecomposition and 2·n³ flops.
 * @throws ShapeError if S is not square; NumericalError if λ_min ≤ n·ε·λ_max, if the engine can read the eigenvalues;
 * otherwise the result is not finite.
 */
export function inverseSqrtSpd<M>(la: MatrixAlgebra<M>, s: M): M {
  checkOperands('inverseSqrtSpd', la, [s]);
  if (la.matrixFunctions !== undefined) return la.matrixFunctions.inverseSqrtSpd(s);
  checkSquare('inverseSqrtSpd', la.shape(s));
  return onBlocks(la, [s], (blocks, [matrix]) => {
    const { values, vectors } = blocks.eigh(matrix);
    checkDefinite(blocks, values);
    const ones = blocks.full(blocks.shape(values), 1);
    return fromEigenbasis(blocks, vectors, blocks.divide(ones, blocks.sqrt(values)));
  });
}

/**
 * Requires ascending eigenvalues to be negative by no more than the rounding of a long computation, if they can be
 * read.
 *
 * @param epsilon - ε of the engine by which the matrices were computed.
 */
function checkSemidefinite<M>(caller: string, epsilon: number, la: LinearAlgebra<M>, values: M): void {
  const read = la.peek(values);
  const n = la.shape(values).at(-1) ?? 0;
  if (read === undefined) return;
  for (let start = 0; start < read.length; start += n) {
    const [smallest, largest] = [read[start], read[start + n - 1]];
    if (!(smallest < -Math.sqrt(epsilon) * Math.max(largest, 0))) continue;
    throw new NumericalError(
      `${caller}: expected a positive semidefinite matrix, but its eigenvalues run from ${smallest} to ${largest}; check its sign, or take the part with positive eigenvalues`,
    );
  }
}

/** Requires ascending eigenvalues to be positive beyond rounding, if they can be read. */
function checkDefinite<M>(la: LinearAlgebra<M>, values: M): void {
  const read = la.peek(values);
  const n = la.shape(values).at(-1) ?? 0;
  if (read === undefined) return;
  for (let start = 0; start < read.length; start += n) {
    const [smallest, largest] = [read[start], read[start + n - 1]];
    if (smallest > n * la.epsilon * largest) continue;
    throw new NumericalError(
      `inverseSqrtSpd: expected a positive definite matrix, but its eigenvalues run from ${smallest} to ${largest}, which is singular to rounding; ` +
        'add a multiple of the identity, or lower the rank',
    );
  }
}

/**
 * Polar decomposition X = Q P from the SVD X = U Σ Vᵀ: Q = U Vᵀ and P = V Σ Vᵀ. If X is rank deficient, Q is one of
 * several.
 *
 * @param x - [.., m, n], m ≥ n.
 * @returns Q m×n with orthonormal columns, P n×n symmetric positive semidefinite. One SVD and 2·n²·(m + n) flops.
 * @throws ShapeError if m < n.
 * @see Higham 2008, Chapter 8.
 */
export function polar<M>(la: MatrixAlgebra<M>, x: M): PolarFactors<M> {
  checkOperands('polar', la, [x]);
  if (la.matrixFunctions !== undefined) return la.matrixFunctions.polar(x);
  const shape = la.shape(x);
  checkMatrix('polar', shape);
  if (shape[shape.length - 2] < shape[shape.length - 1]) {
    throw new ShapeError(
      `polar: expected at least as many rows as columns, got ${describeShape(shape)}; take the polar factors of the transpose`,
    );
  }
  return withSmallBlocks(la as LinearAlgebra<M>, ({ la: blocks, take, give }) =>
    la.tidy(() => {
      const { U, S, V } = blocks.svd(take(x));
      return { Q: give(blocks.matmul(U, V, { transposeB: true })), P: give(fromEigenbasis(blocks, V, S)) };
    }),
  );
}

/**
 * P # Q, the midpoint of the affine-invariant geodesic. It commutes with congruences, so that with the Cholesky factors
 * P = L Lᵀ, Q = M Mᵀ it is L (L⁻¹ Q L⁻ᵀ)^½ Lᵀ = L U Σ Uᵀ Lᵀ for the SVD L⁻¹ M = U Σ Vᵀ. No matrix is squared and no
 * root of a matrix taken, so errors grow with κ^½ only.
 *
 * @param p - symmetric positive definite, [.., n, n], lower triangle read;
 * @param q - likewise.
 * @returns symmetric positive definite. Two Cholesky factorizations, an SVD and 5·n³ flops.
 * @throws NumericalError if P or Q is not positive definite.
 * @see Bhatia 2007, Chapter 4; Iannazzo, "The geometric mean of two matrices from a computational viewpoint", Numer.
 * Linear Algebra Appl. 23, 2016.
 */
export function geometricMean<M>(la: MatrixAlgebra<M>, p: M, q: M): M {
  checkOperands('geometricMean', la, [p, q]);
  if (la.matrixFunctions !== undefined) return la.matrixFunctions.geometricMean(p, q);
  checkSquare('geometricMean', la.shape(p));
  checkSameShape('geometricMean', la.shape(p), la.shape(q));
  return onBlocks(la, [p, q], (blocks, [first, second]) => {
    const factor = definiteFactor(blocks, 'geometricMean', first);
    const { U, S } = blocks.svd(blocks.solveTriangular(factor, definiteFactor(blocks, 'geometricMean', second)));
    return fromEigenbasis(blocks, blocks.matmul(factor, U), S);
  });
}

/** Returns the Cholesky factor; its error names the caller too. */
function definiteFactor<M>(la: LinearAlgebra<M>, caller: string, x: M): M {
  try {
    return la.cholesky(x);
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    throw new NumericalError(`${caller}: ${error.message}`, { cause: error });
  }
}
