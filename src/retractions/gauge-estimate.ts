/** Change of gauge computed from the r×r Grams alone, and whether it can be trusted. */
import { eye, square } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import type { FactorPair } from '../metrics/factor-pair.js';

/** AᵀA and BBᵀ of a factor pair, r×r each. */
export type GramPair<M> = {
  /** AᵀA. */
  readonly A: M;
  /** BBᵀ. */
  readonly B: M;
};

/** A change of gauge (A, B) → (A T⁻¹, T B). */
export type GaugeChange<M> = {
  /** T, r×r. */
  readonly T: M;
  /** T⁻¹, r×r. */
  readonly inverseT: M;
};

/** A gauge that balances a pair with given Grams: T⁻ᵀ AᵀA T⁻¹ = T BBᵀ Tᵀ. */
export type GaugeEstimate<M> = GaugeChange<M> & {
  /**
   * Batch scalar: 1 for members whose gauge is as good as the rounding of the Grams allows, else 0. For the latter T is
   * the identity.
   */
  readonly trusted: M;
  /** {@link roundingGrowth} of the gauge: a batch scalar. */
  readonly growth: M;
};

/**
 * Computes a gauge from the Grams.
 *
 * `la.epsilon` is the accuracy of the data; `roundoff`, that of the arithmetic, is finer if small blocks are computed
 * in float64.
 */
export type GaugeFinder = <M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number) => GaugeEstimate<M>;

/** Computes the Grams of a pair: 2(m+n)r² flops, one read of A and B, two launches. */
export function gramsOf<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): GramPair<M> {
  return { A: la.matmul(A, A, { transposeA: true }), B: la.matmul(B, B, { transposeB: true }) };
}

/** Computes (A T⁻¹, T B): 2(m+n)r² flops, one read and one write of A and B, two launches. */
export function changeGauge<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>, { T, inverseT }: GaugeChange<M>): FactorPair<M> {
  return { A: la.matmul(A, inverseT), B: la.matmul(T, B) };
}

/** Computes the Grams after a change of gauge, symmetric: 8r³ flops. */
export function transformGrams<M>(la: LinearAlgebra<M>, grams: GramPair<M>, { T, inverseT }: GaugeChange<M>): GramPair<M> {
  return {
    A: symmetricPart(la, la.matmul(inverseT, la.matmul(grams.A, inverseT), { transposeA: true })),
    B: symmetricPart(la, la.matmul(T, la.matmul(grams.B, T, { transposeB: true }))),
  };
}

/** Returns an array of the shape of `like` with one number per batch member. */
export function spreadEach<M>(la: LinearAlgebra<M>, perMember: M, like: M): M {
  return la.scaleEach(perMember, la.full(la.shape(like), 1));
}

/** Returns 1/x of positive numbers, 0 where x is 0 or NaN. */
export function reciprocal<M>(la: LinearAlgebra<M>, x: M): M {
  const shape = la.shape(x);
  const ones = la.full(shape, 1);
  const positive = la.greater(x, 0);
  return la.where(positive, la.divide(ones, la.where(positive, x, ones)), la.full(shape, 0));
}

/** Returns a batch scalar: 1 where every entry of a mask vector [.., r] is 1. */
export function everyEntry<M>(la: LinearAlgebra<M>, mask: M): M {
  return la.greater(la.sumVector(mask), (la.shape(mask).at(-1) as number) - 0.5);
}

/**
 * Returns the share of the columns in {@link roundingGrowth}: max(Σ_i ‖a_i‖² (T⁻¹)_ij², Σ_i T_ji² ‖b_i‖²) for each j,
 * with a_i the columns of A and b_i the rows of B.
 *
 * @returns vectors [.., r].
 */
export function columnGrowth<M>(la: LinearAlgebra<M>, grams: GramPair<M>, { T, inverseT }: GaugeChange<M>): M {
  const [squaresA, squaresB] = [la.diag(grams.A), la.diag(grams.B)];
  const shape = la.shape(squaresA);
  const batch = shape.slice(0, -1);
  const rank = shape.at(-1) as number;
  // As products with one row or column: weighting and summing apart would write another r×r block each.
  const left = la.matmul(la.reshape(squaresA, [...batch, 1, rank]), square(la, inverseT));
  const right = la.matmul(square(la, T), la.reshape(squaresB, [...batch, rank, 1]));
  return la.maximum(la.reshape(left, shape), la.reshape(right, shape));
}

/**
 * Returns the factor by which a change of gauge magnifies rounding in the Grams and in the products A T⁻¹ and T B.
 *
 * A computed Gram has errors of about ε‖a_i‖‖a_j‖, entry by entry, so T⁻ᵀ AᵀA T⁻¹ has errors of ε‖D T⁻¹‖_F² with D =
 * diag(‖a_i‖), and likewise for B. Relative to the trace of the balanced Gram this is 1 for orthogonal columns, however
 * different in length, and about 1 for a pair that was balanced a step ago.
 *
 * @param columns - {@link columnGrowth}.
 * @param trace - trace of the balanced Gram, a batch scalar.
 * @returns a batch scalar.
 */
export function roundingGrowth<M>(la: LinearAlgebra<M>, columns: M, trace: M): M {
  return la.multiply(la.sumVector(columns), reciprocal(la, trace));
}

/** Squared column norms outside this range lose digits to underflow, or overflow, in the Grams. */
const SQUARE_RANGE = { float32: [1e-28, 1e28], float64: [1e-280, 1e280] } as const;

/**
 * Returns a batch scalar: 1 for members whose Grams are finite and far from underflow and overflow, which that of a
 * zero column is not.
 */
export function gramsInRange<M>(la: LinearAlgebra<M>, grams: GramPair<M>): M {
  const [smallest, largest] = SQUARE_RANGE[la.dtype];
  const within = (gram: M): M => {
    const squares = la.diag(gram);
    return la.multiply(la.greater(squares, smallest), la.greater(la.full(la.shape(squares), largest), squares));
  };
  return everyEntry(la, la.multiply(within(grams.A), within(grams.B)));
}

/**
 * Returns the Grams of the members that `mask` keeps, and identities for the others, so that every factorization
 * succeeds.
 */
export function replaceGrams<M>(la: LinearAlgebra<M>, grams: GramPair<M>, mask: M): GramPair<M> {
  if (la.peek(mask)?.every((flag) => flag === 1)) return grams;
  const shape = la.shape(grams.A);
  const identity = eye(la, shape.at(-1) as number, shape.slice(0, -2));
  const keep = spreadEach(la, mask, identity);
  return { A: la.where(keep, grams.A, identity), B: la.where(keep, grams.B, identity) };
}

/** Returns the gauge of trusted members, and the identity for the others, which must not pass on infinities or NaN. */
export function trustedGauge<M>(la: LinearAlgebra<M>, { T, inverseT }: GaugeChange<M>, trusted: M, growth: M): GaugeEstimate<M> {
  if (la.peek(trusted)?.every((flag) => flag === 1)) return { T, inverseT, trusted, growth };
  const shape = la.shape(T);
  const identity = eye(la, shape.at(-1) as number, shape.slice(0, -2));
  const keep = spreadEach(la, trusted, identity);
  return { T: la.where(keep, T, identity), inverseT: la.where(keep, inverseT, identity), trusted, growth };
}
