/** The linear system of a step of `matrixIrls`, on the tangent space of the rank-r matrices. */
import type { Awaitable } from '../core/awaitable.js';
import { axpyTree, scaleTree } from '../core/tree.js';
import { jointInner } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import type { Interrupted } from '../solvers/solver.js';

/** A diagonal operator on the blocks of a tangent: M entry by entry, the columns of Up and Vp. */
interface Diagonal<M> {
  /** r×r. */
  readonly core: M;
  /** r numbers. */
  readonly sides: M;
}

/** The weights of a step. */
export interface SmoothingWeights<M> {
  /** Λ. */
  readonly weights: Diagonal<M>;
  /** The inverse of Λ + p, with the observed fraction p: that of the system, were the entries drawn at random. */
  readonly inverse: Diagonal<M>;
}

/** A direction whose singular values are at ε has no room to move; this part of it keeps the weight a number. */
const LEAST_ROOM = 1e-6;

/**
 * Returns Λ, $\Lambda_{ij} = \varepsilon^2/(\sigma_i\sigma_j-\varepsilon^2)$ for M and
 * $\varepsilon/(\sigma_j-\varepsilon)$ for Up and Vp, and the preconditioner; in ratios σ/ε, so that no square of a
 * singular value is formed.
 *
 * @param spectrum - σ, r numbers; those below ε count as ε.
 * @param smoothing - ε ≥ 0.
 * @param fraction - the observed part of the entries, p.
 */
export function smoothingWeights<M>(
  la: LinearAlgebra<M>,
  spectrum: ArrayLike<number>,
  smoothing: number,
  fraction: number,
): SmoothingWeights<M> {
  const ratios = Array.from(spectrum, (value) => (value > smoothing ? value / smoothing : 1));
  const rank = ratios.length;
  const weightOf = (ratio: number): number => 1 / Math.max(ratio - 1, LEAST_ROOM);
  const core = ratios.flatMap((one) => ratios.map((other) => weightOf(one * other)));
  const sides = ratios.map(weightOf);
  const inverseOf = (weight: number): number => 1 / (weight + fraction);
  const diagonal = (cores: readonly number[], columns: readonly number[]): Diagonal<M> => ({
    core: la.fromArray(cores, [rank, rank]),
    sides: la.fromArray(columns, [rank]),
  });
  return { weights: diagonal(core, sides), inverse: diagonal(core.map(inverseOf), sides.map(inverseOf)) };
}

function scaled<M>(la: LinearAlgebra<M>, { core, sides }: Diagonal<M>, u: FixedRankTangent<M>): FixedRankTangent<M> {
  return { M: la.multiply(core, u.M), Up: la.scaleColumns(u.Up, sides), Vp: la.scaleColumns(u.Vp, sides) };
}

/** The system (Λ + P_T P_Ω P_T)γ = P_T P_Ω(Z). */
export interface SmoothedSystem<M> {
  /** Λ and the preconditioner. */
  readonly weights: SmoothingWeights<M>;
  /** The first γ. */
  readonly start: FixedRankTangent<M>;
  /** P_T P_Ω(γ − Z) at the first γ. */
  readonly misfit: FixedRankTangent<M>;
  /** u ↦ P_T P_Ω(u). */
  product(u: FixedRankTangent<M>): Promise<FixedRankTangent<M>>;
}

/** When {@link solveSmoothed} ends, in the units of the matrix. */
export interface SmoothedLimits {
  /** The error that is wanted. */
  readonly tolerance: number;
  /** The error that rounding leaves. */
  readonly rounding: number;
  /** Maximum number of products. */
  readonly maxInner: number;
}

/**
 * Solves the system by preconditioned conjugate gradients, until the preconditioned residual, in the units of the
 * matrix, is at most the tolerance and half of the first, or within rounding.
 *
 * @returns γ; `undefined` if interrupted.
 */
export async function solveSmoothed<M>(
  la: LinearAlgebra<M>,
  { weights: { weights, inverse }, start, misfit, product }: SmoothedSystem<M>,
  { tolerance, rounding, maxInner }: SmoothedLimits,
  interrupted: Interrupted,
): Promise<FixedRankTangent<M> | undefined> {
  const inner = (u: FixedRankTangent<M>, v: FixedRankTangent<M>): Awaitable<number> =>
    jointInner(la, [
      [u.M, v.M],
      [u.Up, v.Up],
      [u.Vp, v.Vp],
    ]);
  const scope = la.openScope();
  let gamma = start;
  try {
    let residual = await scope.run(async () => scaleTree(la, -1, axpyTree(la, 1, misfit, scaled(la, weights, start))));
    let z = await scope.run(async () => scaled(la, inverse, residual));
    let direction = z;
    let slope = await inner(residual, z);
    const goal = Math.max(rounding, Math.min(tolerance, 0.5 * Math.sqrt(await inner(z, z)))) ** 2;
    for (let k = 0; k < maxInner && slope > 0; k++) {
      if (await interrupted()) {
        gamma = start;
        return undefined;
      }
      const from = direction;
      const image = await scope.run(async () => axpyTree(la, 1, scaled(la, weights, from), await product(from)));
      const curvature = await inner(from, image);
      if (!(curvature > 0)) break;
      const length = slope / curvature;
      const [oldGamma, oldResidual, oldSlope] = [gamma, residual, slope];
      gamma = await scope.run(async () => axpyTree(la, length, from, oldGamma));
      residual = await scope.run(async () => axpyTree(la, -length, image, oldResidual));
      const smaller = residual;
      z = await scope.run(async () => scaled(la, inverse, smaller));
      if (!((await inner(z, z)) > goal)) break;
      slope = await inner(residual, z);
      const steeper = z;
      direction = await scope.run(async () => axpyTree(la, slope / oldSlope, from, steeper));
      scope.free([gamma, residual, direction]);
    }
    return gamma;
  } finally {
    scope.close(gamma);
  }
}
