/**
 * Exponential and logarithm of symmetric matrices with their derivatives, in the eigenbasis, by divided differences
 * that keep their digits where eigenvalues are close.
 *
 * @see Higham, Functions of Matrices, 2008, sections 3.2 and 10.2 (Daleckiĭ and Kreĭn); Bhatia, Matrix Analysis, 1997,
 * section V.3.
 */
import { minimum } from '../linalg/derived.js';
import { expm1, log1p } from '../linalg/hyperbolic-functions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { fromEigenbasis, symmetricPart } from '../linalg/matrix-functions.js';

/** Spread of three eigenvalues below which {@link secondDifferences} takes a series. */
const CLOSE = 0.5;

/** Terms of that series: 0.5²⁰/22! is below any rounding. */
const TERMS = 20;

/** L = W diag(λ) Wᵀ. */
export interface Eigenbasis<M> {
  readonly vectors: M;
  /** λ, ascending, [.., n]. */
  readonly values: M;
}

/** Returns W M Wᵀ. */
export function fromBasis<M>(la: LinearAlgebra<M>, { vectors }: Eigenbasis<M>, m: M): M {
  return symmetricPart(la, la.matmul(la.matmul(vectors, m), vectors, { transposeB: true }));
}

/** Returns Wᵀ U W. */
export function toBasis<M>(la: LinearAlgebra<M>, { vectors }: Eigenbasis<M>, u: M): M {
  return la.matmul(vectors, la.matmul(u, vectors), { transposeA: true });
}

/** Returns W diag(d) Wᵀ. */
export function withValues<M>(la: LinearAlgebra<M>, { vectors }: Eigenbasis<M>, d: M): M {
  return fromEigenbasis(la, vectors, d);
}

/** Returns the matrices of λ_i and of λ_j, [.., n, n]. */
function pairs<M>(la: LinearAlgebra<M>, values: M): readonly [M, M] {
  const shape = la.shape(values);
  const ones = la.full([...shape, shape.at(-1) as number], 1);
  return [la.scaleRows(values, ones), la.scaleColumns(ones, values)];
}

/** Returns (e^λi − e^λj)/(λi − λj), entry by entry: e^λj · expm1(δ)/δ. */
function exponentialDifference<M>(la: LinearAlgebra<M>, first: M, second: M): M {
  const larger = la.maximum(first, second);
  const gap = la.scale(-1, distance(la, first, second));
  const one = la.full(la.shape(gap), 1);
  const isEqual = la.subtract(one, la.multiply(la.sign(gap), la.sign(gap)));
  const quotient = la.divide(expm1(la, gap), la.where(isEqual, one, gap));
  return la.multiply(la.exp(larger), la.where(isEqual, one, quotient));
}

/**
 * Returns the first divided differences of exp at λ, [.., n, n]: the derivative of exp at L along U is their entrywise
 * product with U, in the eigenbasis.
 */
export function exponentialDifferences<M>(la: LinearAlgebra<M>, values: M): M {
  return exponentialDifference(la, ...pairs(la, values));
}

/**
 * Returns the first divided differences of log at positive values x, [.., n, n]: log1p(δ)/δ over the smaller of a pair,
 * δ their relative difference.
 */
export function logarithmDifferences<M>(la: LinearAlgebra<M>, values: M): M {
  const [first, second] = pairs(la, values);
  const smaller = minimum(la, first, second);
  const gap = la.divide(distance(la, first, second), smaller);
  const one = la.full(la.shape(gap), 1);
  const isEqual = la.subtract(one, la.sign(gap));
  const quotient = la.divide(log1p(la, gap), la.where(isEqual, one, gap));
  return la.divide(la.where(isEqual, one, quotient), smaller);
}

/** Returns |x − y|, entry by entry. */
function distance<M>(la: LinearAlgebra<M>, x: M, y: M): M {
  return la.maximum(la.subtract(x, y), la.subtract(y, x));
}

/**
 * Returns the second derivative of exp at L along two symmetric matrices, in the eigenbasis: Σ_k f[λi, λj, λk] (U_ik
 * V_kj
 * + V_ik U_kj) with the second divided differences of exp. O(n³) numbers.
 *
 * @param u - U in the eigenbasis, [.., n, n].
 * @param v - V, likewise.
 */
export function secondDerivative<M>(la: LinearAlgebra<M>, values: M, u: M, v: M): M {
  const shape = la.shape(values);
  const [n, batch] = [shape.at(-1) as number, shape.slice(0, -1)];
  const members = batch.reduce((product, size) => product * size, 1);
  // Rows are pairs (i, j), columns k: selecting rows i and rows j spreads matrices over the n³ entries.
  const select = (index: (pair: number) => number): M => {
    const entries = new Float64Array(members * n * n * n);
    for (let row = 0; row < members * n * n; row++) entries[row * n + index(row % (n * n))] = 1;
    return la.fromArray(entries, [...batch, n * n, n]);
  };
  const [ofFirst, ofSecond] = [select((pair) => Math.floor(pair / n)), select((pair) => pair % n)];
  const wide = la.full([...batch, n, n], 1);
  const tall = la.full([...batch, n * n, n], 1);
  const byRow = la.scaleRows(values, wide);
  const differences = secondDifferences(la, la.matmul(ofFirst, byRow), la.matmul(ofSecond, byRow), la.scaleColumns(tall, values));
  const half = (left: M, right: M): M => la.multiply(la.matmul(ofFirst, left), la.matmul(ofSecond, right));
  const weighted = la.multiply(differences, la.add(half(u, v), half(v, u)));
  return la.reshape(la.sum(weighted, 'rows'), [...batch, n, n]);
}

/**
 * Returns the second divided differences of exp, entry by entry. Of a triple a ≤ b ≤ c it is (f[b, c] − f[a, b])/(c −
 * a), or, where the difference cancels, e^b Σ_k h_k(a − b, c − b)/(k + 2)! with the complete homogeneous polynomials
 * h_k.
 */
function secondDifferences<M>(la: LinearAlgebra<M>, x: M, y: M, z: M): M {
  const least = (p: M, q: M): M => la.scale(-1, la.maximum(la.scale(-1, p), la.scale(-1, q)));
  const [low, high] = [least(x, y), la.maximum(x, y)];
  const [a, c] = [least(low, z), la.maximum(high, z)];
  const b = la.maximum(low, least(high, z));
  const spread = la.subtract(c, a);
  const isFar = la.greater(spread, CLOSE);
  const one = la.full(la.shape(spread), 1);
  const far = la.divide(la.subtract(exponentialDifference(la, b, c), exponentialDifference(la, a, b)), la.where(isFar, spread, one));
  const zero = la.full(la.shape(spread), 0);
  const [below, above] = [la.where(isFar, zero, la.subtract(a, b)), la.where(isFar, zero, la.subtract(c, b))];
  let [power, polynomial, factorial] = [one, one, 2];
  let series = la.scale(0.5, one);
  for (let k = 1; k < TERMS; k++) {
    power = la.multiply(power, below);
    polynomial = la.add(la.multiply(above, polynomial), power);
    factorial *= k + 2;
    series = la.axpy(1 / factorial, polynomial, series);
  }
  return la.where(isFar, far, la.multiply(la.exp(b), series));
}
