import '../linalg/host/whole-engine.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import { divideByPairSums } from '../metrics/spectrum.js';
import { verifiedGauge } from './balance-by-matmul.js';
import { everyEntry, type GaugeEstimate, type GramPair, gramsInRange, replaceGrams, spreadEach, transformGrams } from './gauge-estimate.js';
import { rankToleranceFactor } from './product-svd.js';

/** Newton steps: imbalance 0.1 falls to about 1e-3, 1e-6 and 1e-13. In float32 the third would only repeat rounding. */
const STEPS = { float32: 2, float64: 3 } as const;

/** Largest ‖E‖_F of the first step: beyond it convergence may fail. */
const LARGEST_STEP = 0.3;

/** Number of products for (I + E)⁻¹ = (I − E)(I + E²)(I + E⁴)…: ‖E‖^32 is below rounding for the steps allowed. */
const INVERSE_DOUBLINGS = 4;

/**
 * Finds the gauge of a pair near balance by Newton's method: T = … (I + E₂)(I + E₁) with E(AᵀA + BBᵀ) + (AᵀA + BBᵀ)E =
 * AᵀA − BBᵀ, solved in the eigenbasis of AᵀA + BBᵀ by dividing by λ_i + λ_j. E is symmetric, so to first order the new
 * pair is the nearest balanced one.
 *
 * Only the r×r Grams change from step to step. The gauge needs full rank and ‖E‖_F ≤ 0.3, and is trusted if the Grams
 * end up equal. With the Grams and the change of gauge it takes 4(m+n)r² flops and about 45r³ per step; A and B are
 * read twice and written once, in about 40 launches per step.
 */
export function newtonGauge<M>(la: LinearAlgebra<M>, grams: GramPair<M>): GaugeEstimate<M> {
  const inRange = gramsInRange(la, grams);
  const used = replaceGrams(la, grams, inRange);
  const steps = STEPS[la.dtype];
  const first = newtonStep(la, used);
  let gauge = { T: first.T, inverseT: first.inverseT };
  for (let step = 1; step < steps; step++) {
    const next = newtonStep(la, transformGrams(la, used, gauge));
    gauge = { T: la.matmul(next.T, gauge.T), inverseT: la.matmul(gauge.inverseT, next.inverseT) };
  }
  return verifiedGauge(la, used, gauge, la.multiply(inRange, first.near));
}

function newtonStep<M>(la: LinearAlgebra<M>, grams: GramPair<M>): { T: M; inverseT: M; near: M } {
  const { values, vectors } = la.eigh(symmetricPart(la, la.add(grams.A, grams.B)));
  const rotated = la.matmul(vectors, la.matmul(la.subtract(grams.A, grams.B), vectors), { transposeA: true });
  const solved = divideByPairSums(la, rotated, la.maximum(values, 0));
  const full = symmetricPart(la, la.matmul(vectors, la.matmul(solved, vectors, { transposeB: true })));

  const size = la.normEach(full);
  const small = la.greater(la.full(la.shape(size), LARGEST_STEP), size);
  const rank = la.shape(values).at(-1) as number;
  // The trace replaces the largest eigenvalue, which it bounds.
  const threshold = spreadEach(la, la.scale(rankToleranceFactor * rank * la.epsilon, la.sumVector(values)), values);
  const fullRank = everyEntry(la, la.greater(values, threshold));
  // A step that is too large is not taken: its inverse would not converge.
  const E = la.scaleEach(small, full);
  return {
    T: la.add(eye(la, rank, la.shape(E).slice(0, -2)), E),
    inverseT: inverseNearIdentity(la, E),
    near: la.multiply(small, fullRank),
  };
}

/** Returns (I + E)⁻¹ by products: symmetric, and exact to rounding for ‖E‖ ≤ 0.3. */
function inverseNearIdentity<M>(la: LinearAlgebra<M>, E: M): M {
  const shape = la.shape(E);
  const identity = eye(la, shape.at(-1) as number, shape.slice(0, -2));
  let inverse = la.subtract(identity, E);
  let power = E;
  for (let doubling = 0; doubling < INVERSE_DOUBLINGS; doubling++) {
    power = la.matmul(power, power);
    inverse = la.add(inverse, la.matmul(inverse, power));
  }
  return inverse;
}
