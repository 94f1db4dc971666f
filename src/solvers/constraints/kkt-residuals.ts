import { minimum } from '../../linalg/derived.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { type ConstraintArrays, jointSize, positivePart } from './constrained-problem.js';

/** How far a point with multipliers is from the conditions of Karush, Kuhn and Tucker. */
export interface KktResiduals {
  /**
   * Norm of the Riemannian gradient of the Lagrangian f + ⟨γ, h⟩ + ⟨λ, g⟩, as the inner solver measures it: that of the
   * projected gradient for `projectedLbfgs`.
   */
  readonly stationarity: number;
  /** ‖h(x)‖, the violation of the equality constraints; 0 if there are none. */
  readonly equality: number;
  /** ‖max(0, g(x))‖, the violation of the inequality constraints; 0 if there are none. */
  readonly inequality: number;
  /** ‖min(λ, −g(x))‖: where neither is zero, a constraint is violated, or counts without being active. */
  readonly complementarity: number;
  /** The largest of these. */
  readonly kkt: number;
}

/** Computes the residuals at a point, from the values of its constraints. */
export async function kktResiduals<M>(
  la: LinearAlgebra<M>,
  values: ConstraintArrays<M>,
  multipliers: ConstraintArrays<M>,
  stationarity: number,
): Promise<KktResiduals> {
  const { equality: h, inequality: g } = values;
  const equality = await jointSize(la, [h]);
  const inequality = await jointSize(la, [g && positivePart(la, g)]);
  const complementarity = await jointSize(la, [g && minimum(la, multipliers.inequality as M, la.scale(-1, g))]);
  return { stationarity, equality, inequality, complementarity, kkt: Math.max(stationarity, equality, inequality, complementarity) };
}

/** Computes (‖h‖² + ‖max(0, g)‖²)^½. */
export function violationOf<M>(la: LinearAlgebra<M>, { equality: h, inequality: g }: ConstraintArrays<M>): Promise<number> {
  return jointSize(la, [h, g && positivePart(la, g)]);
}
