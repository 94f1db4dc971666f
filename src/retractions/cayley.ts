import '../linalg/host/whole-engine.js';
import { NumericalError } from '../core/errors.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { QrFactors } from '../linalg/linear-algebra-types.js';
import { orthogonalPart } from '../metrics/fixed-rank-blocks.js';
import { polished, skewPart } from '../metrics/orthogonal-functions.js';
import { cayleyBlocks } from '../metrics/stiefel-shooting.js';
import { principalRotation, unreachable } from './inverse-orthonormal.js';
import type { OrthonormalRetraction } from './orthonormal-retraction.js';

/**
 * Returns the Cayley retraction, the Cayley transform in place of the exponential in the canonical geodesic:
 *
 * $$ R_X(tU) = (I-\tfrac t2W)^{-1}(I+\tfrac t2W)X, \qquad W = PUX^\top-XU^\top P, \qquad P = I-\tfrac12XX^\top. $$
 *
 * W has rank 2r. *Here:* with U = XA + K, XᵀK = 0, it is applied by one r×r system, always regular:
 *
 * $$ R_X(tU) = (2X+tK)\bigl(I-\tfrac t2A+\tfrac{t^2}4K^\top K\bigr)^{-1}-X. $$
 *
 * It is of second order on {@link stiefel} with the canonical metric, {@link grassmann}, {@link orthogonalGroup} and
 * {@link rotations}, and has a closed inverse wherever I + XᵀY is regular.
 *
 * @returns the retraction, whose step has neither SVD nor QR of m rows: 6mr² flops. `retract` throws a NumericalError
 * for steps so long that rounding leaves less than half the digits.
 * @see Wen and Yin, "A feasible method for optimization with orthogonality constraints", Math. Program. 142, 2013,
 * lemma 4.
 */
export function cayleyRetraction(): OrthonormalRetraction {
  return {
    name: 'cayley',
    secondOrderFor: ['stiefel, canonical', 'grassmann', 'orthogonalGroup', 'rotations'],
    retract,
    inverse,
    inverseHorizontal,
  };
}

function retract<M>(la: LinearAlgebra<M>, x: M, u: M, t: number): M {
  const r = la.shape(x).at(-1) as number;
  const step = la.scale(t, u);
  const turn = skewPart(la, la.matmul(x, step, { transposeA: true }));
  const leaving = orthogonalPart(la, x, step);
  const gram = la.matmul(leaving, leaving, { transposeA: true });
  const system = la.axpy(0.25, gram, la.axpy(-0.5, turn, eye(la, r, la.shape(x).slice(0, -2))));
  // The system's condition is at most its norm: Newton's step below mends the root of ε.
  if (la.peek(system)?.some((entry) => !(Math.abs(entry) <= 1 / Math.sqrt(la.epsilon)))) {
    throw new NumericalError('cayleyRetraction: the step is so long that rounding leaves less than half the digits; take a shorter one');
  }
  return polished(la, la.subtract(over(la, la.axpy(2, x, leaving), la.qr(system)), x));
}

/** Returns BA⁻¹, of A = QR. */
function over<M>(la: LinearAlgebra<M>, b: M, { Q, R }: QrFactors<M>): M {
  return la.matmul(la.solveTriangular(R, b, { lower: false, side: 'right' }), Q, { transposeB: true });
}

/** From Y − X = ½W(Y + X), by blocks: M = XᵀY, and (I − XXᵀ)Y in the place of N. */
function inverse<M>(la: LinearAlgebra<M>, x: M, y: M): M {
  const r = la.shape(x).at(-1) as number;
  const identity = eye(la, r, la.shape(x).slice(0, -2));
  const cross = la.matmul(x, y, { transposeA: true });
  const factors = la.qr(la.add(cross, identity));
  if (la.peek(la.diag(factors.R))?.some((entry) => entry <= la.epsilon)) throw unreachable('cayleyRetraction');
  const { a, b } = cayleyBlocks(la, la.subtract(cross, identity), orthogonalPart(la, x, y), (z) => over(la, z, factors));
  return la.add(la.matmul(x, a), b);
}

/** Returns W diag(2 tan(θ/2)) Vᵀ: the angle of a direction is twice the one whose tangent is half the length. */
function inverseHorizontal<M>(la: LinearAlgebra<M>, x: M, y: M): M {
  const { leaving, halfTangents, basis } = principalRotation(la, x, y, () => unreachable('cayleyRetraction'));
  return la.matmul(la.scaleColumns(leaving, la.scale(2, halfTangents)), basis, { transposeB: true });
}
