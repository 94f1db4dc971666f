/** A change of gauge worked out from the r×r Grams alone, and how far it can be trusted. */
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import { precisionOf } from '../linalg/precision.js';
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
  /** 1 for the members whose gauge is as good as the Grams' rounding allows to say, else 0: a batch scalar. Elsewhere T is the identity. */
  readonly trusted: M;
  /** {@link roundingGrowth} of the gauge: a batch scalar. */
  readonly growth: M;
};

/**
 * A way from the Grams to a gauge.
 *
 * `la.epsilon` is the accuracy of the data; `roundoff`, that of the arithmetic, is finer where small blocks are worked on in float64.
 */
export type GaugeFinder = <M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number) => GaugeEstimate<M>;

/** The Grams of a pair: 2(m+n)r² flops, one reading of A and B, two launches. */
export function gramsOf<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): GramPair<M> {
  return { A: la.matmul(A, A, { transposeA: true }), B: la.matmul(B, B, { transposeB: true }) };
}

/** (A T⁻¹, T B): 2(m+n)r² flops, one reading and one writing of A and B, two launches. */
export function changeGauge<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>, { T, inverseT }: GaugeChange<M>): FactorPair<M> {
  return { A: la.matmul(A, inverseT), B: la.matmul(T, B) };
}

/** The Grams after a change of gauge, symmetric: 8r³ flops. */
export function transformGrams<M>(la: LinearAlgebra<M>, grams: GramPair<M>, { T, inverseT }: GaugeChange<M>): GramPair<M> {
  return {
    A: symmetricPart(la, la.matmul(inverseT, la.matmul(grams.A, inverseT), { transposeA: true })),
    B: symmetricPart(la, la.matmul(T, la.matmul(grams.B, T, { transposeB: true }))),
  };
}

/** An array of `like`'s shape with one number a batch member. */
export function spreadEach<M>(la: LinearAlgebra<M>, perMember: M, like: M): M {
  return la.scaleEach(perMember, la.full(la.shape(like), 1));
}

/** 1/x of positive numbers, 0 where x is 0 or NaN. */
export function reciprocal<M>(la: LinearAlgebra<M>, x: M): M {
  const shape = la.shape(x);
  const ones = la.full(shape, 1);
  const positive = la.greater(x, 0);
  return la.where(positive, la.divide(ones, la.where(positive, x, ones)), la.full(shape, 0));
}

/** 1 where every entry of a mask vector [.., r] is 1: a batch scalar. */
export function everyEntry<M>(la: LinearAlgebra<M>, mask: M): M {
  return la.greater(la.sumVector(mask), (la.shape(mask).at(-1) as number) - 0.5);
}

/**
 * The columns' share in {@link roundingGrowth}: max(Σ_i ‖a_i‖² (T⁻¹)_ij², Σ_i T_ji² ‖b_i‖²) for each j, with a_i the columns of A and b_i
 * the rows of B.
 *
 * @returns vectors [.., r].
 */
export function columnGrowth<M>(la: LinearAlgebra<M>, grams: GramPair<M>, { T, inverseT }: GaugeChange<M>): M {
  const [squaresA, squaresB] = [la.diag(grams.A), la.diag(grams.B)];
  const shape = la.shape(squaresA);
  const batch = shape.slice(0, -1);
  const rank = shape.at(-1) as number;
  // As products with one row or column: weighting and summing apart would write another r×r block each.
  const left = la.matmul(la.reshape(squaresA, [...batch, 1, rank]), la.square(inverseT));
  const right = la.matmul(la.square(T), la.reshape(squaresB, [...batch, rank, 1]));
  return la.maximum(la.reshape(left, shape), la.reshape(right, shape));
}

/**
 * By how much a change of gauge magnifies rounding in the Grams and in the products A T⁻¹ and T B.
 *
 * A computed Gram has errors of about ε‖a_i‖‖a_j‖, entry by entry, hence T⁻ᵀ AᵀA T⁻¹ has ε‖D T⁻¹‖_F² with D = diag(‖a_i‖), and likewise
 * for B. Relative to the trace
 * of the balanced Gram this is 1 for orthogonal columns, however different in length, and about 1 for a pair that was balanced a step ago.
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

/** 1 for members whose Grams are finite and far from underflow and overflow (a zero column is neither): a batch scalar. */
export function gramsInRange<M>(la: LinearAlgebra<M>, grams: GramPair<M>): M {
  const [smallest, largest] = SQUARE_RANGE[precisionOf(la)];
  const within = (gram: M): M => {
    const squares = la.diag(gram);
    return la.multiply(la.greater(squares, smallest), la.greater(la.full(la.shape(squares), largest), squares));
  };
  return everyEntry(la, la.multiply(within(grams.A), within(grams.B)));
}

/** The Grams of the members that `mask` keeps, and identities for the others, so that no factorization meets what it cannot take. */
export function replaceGrams<M>(la: LinearAlgebra<M>, grams: GramPair<M>, mask: M): GramPair<M> {
  if (la.peek(mask)?.every((flag) => flag === 1)) return grams;
  const shape = la.shape(grams.A);
  const eye = la.eye(shape.at(-1) as number, shape.slice(0, -2));
  const keep = spreadEach(la, mask, eye);
  return { A: la.where(keep, grams.A, eye), B: la.where(keep, grams.B, eye) };
}

/** The gauge of the trusted members, and the identity for the others, which must not hand infinities or NaN on. */
export function trustedGauge<M>(la: LinearAlgebra<M>, { T, inverseT }: GaugeChange<M>, trusted: M, growth: M): GaugeEstimate<M> {
  if (la.peek(trusted)?.every((flag) => flag === 1)) return { T, inverseT, trusted, growth };
  const shape = la.shape(T);
  const eye = la.eye(shape.at(-1) as number, shape.slice(0, -2));
  const keep = spreadEach(la, trusted, eye);
  return { T: la.where(keep, T, eye), inverseT: la.where(keep, inverseT, eye), trusted, growth };
}
