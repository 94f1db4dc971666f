/**
 * Functions of matrices that may be singular, on their numerical range: values below rounding count as zero and stay
 * zero, as in a pseudo-inverse. Direction rules use them, since LoRA starts with a factor that is zero.
 */
import './host/whole-engine.js';
import type { LinearAlgebra } from './linear-algebra.js';

/** Eigenvalues below this multiple of n·ε·trace count as zero; so do singular values below that of n·ε·σ₁. */
const SAFETY = 4;

/**
 * Computes the pseudo-inverse S⁺ of symmetric positive semidefinite matrices.
 *
 * @param s - [.., n, n].
 * @returns [.., n, n]. One eigendecomposition and 2·n³ flops.
 */
export function pseudoInverse<M>(la: LinearAlgebra<M>, s: M): M {
  return onRange(la, s, (values, ones) => la.divide(ones, values));
}

/**
 * Computes the pseudo-inverse root (S⁺)^½ of symmetric positive semidefinite matrices.
 *
 * @param s - [.., n, n].
 * @returns [.., n, n]. One eigendecomposition and 2·n³ flops.
 */
export function pseudoInverseRoot<M>(la: LinearAlgebra<M>, s: M): M {
  return onRange(la, s, (values, ones) => la.divide(ones, la.sqrt(values)));
}

/**
 * Computes msign(X) = U Vᵀ over the nonzero singular values of X = U Σ Vᵀ: its orthogonal polar factor at full rank.
 *
 * @param x - [.., m, n].
 * @returns [.., m, n], with singular values 1 and 0. One SVD and 2·m·n·min(m, n) flops.
 */
export function matrixSign<M>(la: LinearAlgebra<M>, x: M): M {
  return la.tidy(() => {
    const { U, S, V } = la.svd(x);
    return la.matmul(la.scaleColumns(U, nonzero(la, S)), V, { transposeB: true });
  });
}

/**
 * Computes the Moore–Penrose inverse X⁺ = V Σ⁺ Uᵀ.
 *
 * @param x - [.., m, n].
 * @returns [.., n, m]. One SVD and 2·m·n·min(m, n) flops.
 */
export function moorePenroseInverse<M>(la: LinearAlgebra<M>, x: M): M {
  return la.tidy(() => {
    const { U, S, V } = la.svd(x);
    const mask = nonzero(la, S);
    const ones = la.full(la.shape(S), 1);
    const inverse = la.multiply(mask, la.divide(ones, la.where(mask, S, ones)));
    return la.matmul(la.scaleColumns(V, inverse), U, { transposeB: true });
  });
}

/** Returns W diag(1/(roots + ε)) Wᵀ for the roots [.., n] of eigenvalues and their vectors W [.., n, n]. */
export function dampedInverse<M>(la: LinearAlgebra<M>, roots: M, vectors: M, epsilon: number): M {
  const shape = la.shape(roots);
  const damped = la.add(roots, la.full(shape, epsilon));
  return la.matmul(la.scaleColumns(vectors, la.divide(la.full(shape, 1), damped)), vectors, { transposeB: true });
}

/** Returns 1 for singular values above rounding, else 0. */
function nonzero<M>(la: LinearAlgebra<M>, S: M): M {
  const shape = la.shape(S);
  const count = shape[shape.length - 1];
  // σ₁ of each member, repeated: singular values are in descending order.
  const largest = la.reshape(la.slice(la.reshape(S, [...shape.slice(0, -1), 1, count]), { columns: [0, 1] }), shape.slice(0, -1));
  return la.greater(S, la.scaleEach(la.scale(SAFETY * count * la.epsilon, largest), la.full(shape, 1)));
}

function onRange<M>(la: LinearAlgebra<M>, s: M, of: (values: M, ones: M) => M): M {
  return la.tidy(() => {
    const { values, vectors } = la.eigh(s);
    const shape = la.shape(values);
    const count = shape[shape.length - 1];
    const ones = la.full(shape, 1);
    // The sum of the eigenvalues is at least the largest, and exists where all of them are zero.
    const floor = la.scaleEach(la.scale(SAFETY * count * la.epsilon, la.sumVector(la.maximum(values, 0))), ones);
    const mask = la.greater(values, floor);
    const image = la.multiply(mask, of(la.where(mask, values, ones), ones));
    return la.matmul(la.scaleColumns(vectors, image), vectors, { transposeB: true });
  });
}
