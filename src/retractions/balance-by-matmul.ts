/**
 * The balancing gauge by r×r matrix products alone, for devices where a small factorization costs more than all the
 * products.
 */
import { eye, trace } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import {
  columnGrowth,
  type GaugeChange,
  type GaugeEstimate,
  type GramPair,
  gramsInRange,
  reciprocal,
  replaceGrams,
  roundingGrowth,
  transformGrams,
  trustedGauge,
} from './gauge-estimate.js';

/**
 * The odd polynomials x(a + bx² + cx⁴) of Polar Express, which take [1e-3, 1] to 1 in the fewest products; the last is
 * repeated.
 *
 * @see Amsel, Persson, Musco and Gower, "The Polar Express", 2025, arXiv 2505.16932, Algorithm 1.
 */
const POLAR_EXPRESS: readonly (readonly [number, number, number])[] = [
  [8.28721201814563, -23.595886519098837, 17.300387312530933],
  [4.107059111542203, -2.9478499167379106, 0.5448431082926601],
  [3.9486908534822946, -2.908902115949963, 0.5518191394370137],
  [3.3184196573706015, -2.488488024314874, 0.51004894012372],
  [2.300652019954817, -1.6689039845747493, 0.4188073119525673],
  [1.891301407787398, -1.2679958271945868, 0.37680408948524835],
  [1.8750014808534479, -1.2500016453999487, 0.3750001645474248],
  [1.875, -1.25, 0.375],
];

/**
 * The coefficients of all but the last are divided by powers 1, 3, 5 of this: rounding must not push the spectrum out
 * of the interval of the next polynomial.
 */
const SAFETY = 1.01;

const POLYNOMIALS = POLAR_EXPRESS.map(([a, b, c], index) =>
  index === POLAR_EXPRESS.length - 1 ? ([a, b, c] as const) : ([a / SAFETY, b / SAFETY ** 3, c / SAFETY ** 5] as const),
);

/**
 * Number of steps: the eight above bring σ/σ₁ ≥ 1e-2 to 1e-15 and 1e-3 to 1e-6; four more of the last reach float64's
 * rounding for 1e-3.
 */
const STEPS = { float32: 10, float64: 12 } as const;

/** Largest ‖H_A − H_B‖_F/‖H_B‖_F, in units of √r·ε, that counts as balanced, with H the Grams in the new gauge. */
const LARGEST_GAP = 64;

/**
 * Largest growth of rounding (see `roundingGrowth`) that is trusted: the symmetric gauge, unlike that of the SVD,
 * spreads it over the product too.
 */
const LARGEST_GROWTH = 100;

/**
 * Finds the gauge T = S^½ with S = (BBᵀ)⁻¹ # AᵀA, the SPD solution of S BBᵀ S = AᵀA. The coupled iteration M = ZY, Y ←
 * Y p(M), Z ← p(M) Z tends to (S, S⁻¹) from multiples of AᵀA and BBᵀ, and to (S^½, S^-½) from (S, I). One product with
 * 2I − T T⁻¹ then makes the inverse exact to rounding.
 *
 * It needs full rank and κ(AB) ≲ 1e3: members that did not converge are not trusted. With the Grams and the change of
 * gauge it takes 4(m+n)r² flops and 8·20 r³ to 8·24 r³; A and B are read twice and written once, in about 200 launches
 * of r×r products, without a factorization.
 */
export function matmulGauge<M>(la: LinearAlgebra<M>, grams: GramPair<M>): GaugeEstimate<M> {
  const inRange = gramsInRange(la, grams);
  const used = replaceGrams(la, grams, inRange);
  const [left, right] = [trace(la, used.A), trace(la, used.B)];
  const identity = eye(la, la.shape(grams.A).at(-1) as number, la.shape(grams.A).slice(0, -2));

  const unitA = la.scaleEach(reciprocal(la, left), used.A);
  const unitB = la.scaleEach(reciprocal(la, right), used.B);
  const bound = reciprocal(la, la.scale(SAFETY, la.sqrt(la.normEach(la.matmul(unitA, unitB)))));
  const mean = symmetricPart(la, coupledSign(la, la.scaleEach(bound, unitA), la.scaleEach(bound, unitB)).Y);
  const norm = la.normEach(mean);
  const root = coupledSign(la, la.scaleEach(reciprocal(la, norm), mean), identity);

  // S = √(tr AᵀA / tr BBᵀ) · mean.
  const size = la.sqrt(la.multiply(norm, la.sqrt(la.multiply(left, reciprocal(la, right)))));
  const T = la.scaleEach(size, symmetricPart(la, root.Y));
  const rough = la.scaleEach(reciprocal(la, size), symmetricPart(la, root.Z));
  const inverseT = la.matmul(rough, la.axpy(-1, la.matmul(T, rough), la.scale(2, identity)));
  return verifiedGauge(la, used, { T, inverseT }, inRange);
}

/** Iterates Y → (Z⁻¹ # Y), Z → its inverse, for Y Z with spectrum in (0, 1]. */
function coupledSign<M>(la: LinearAlgebra<M>, y: M, z: M): { Y: M; Z: M } {
  let [Y, Z] = [y, z];
  const shape = la.shape(y);
  const identity = eye(la, shape.at(-1) as number, shape.slice(0, -2));
  const steps = STEPS[la.dtype];
  for (let step = 0; step < steps; step++) {
    const [a, b, c] = POLYNOMIALS[Math.min(step, POLYNOMIALS.length - 1)];
    const M = la.matmul(Z, Y);
    const p = la.axpy(a, identity, la.axpy(b, M, la.scale(c, la.matmul(M, M))));
    [Y, Z] = [la.matmul(Y, p), la.matmul(p, Z)];
  }
  return { Y, Z };
}

/**
 * Returns the gauge with its verdict: trusted if the Grams it leads to are equal and rounding has not grown. A NaN
 * fails both.
 */
export function verifiedGauge<M>(la: LinearAlgebra<M>, grams: GramPair<M>, gauge: GaugeChange<M>, condition: M): GaugeEstimate<M> {
  const after = transformGrams(la, grams, gauge);
  const scale = la.normEach(after.B);
  const gap = la.normEach(la.subtract(after.A, after.B));
  const rank = la.shape(after.A).at(-1) as number;
  const balanced = la.greater(la.scale(LARGEST_GAP * Math.sqrt(rank) * la.epsilon, scale), gap);
  const growth = roundingGrowth(la, columnGrowth(la, grams, gauge), trace(la, after.B));
  const steady = la.greater(la.full(la.shape(growth), LARGEST_GROWTH), growth);
  const trusted = la.multiply(condition, la.multiply(balanced, steady));
  return trustedGauge(la, gauge, trusted, growth);
}
