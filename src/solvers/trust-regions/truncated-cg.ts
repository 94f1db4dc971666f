/**
 * Steihaug and Toint's truncated conjugate gradients for the trust-region subproblem, as a path that can be reused in a
 * smaller region.
 */
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Interrupted } from '../solver.js';
import { curvatureAlong, type QuadraticModel } from './quadratic-model.js';

/**
 * A segment of the path, from η along δ. Norms are those of the preconditioner, ‖u‖² = ⟨u, Pu⟩, in which the path only
 * grows.
 */
export interface CgSegment<T> {
  /** The start η; undefined at zero. */
  readonly start: T | undefined;
  /** The direction δ. */
  readonly direction: T;
  /** Curvature ⟨δ, Hδ⟩. */
  readonly curvature: number;
  /** Descent −⟨g + Hη, δ⟩ > 0 of the model along δ. */
  readonly descent: number;
  /** Decrease m(0) − m(η) of the model at η. */
  readonly decrease: number;
  /** Squared norm ‖η‖². */
  readonly startSquared: number;
  /** Inner product ⟨η, Pδ⟩ ≥ 0. */
  readonly cross: number;
  /** Squared norm ‖δ‖². */
  readonly directionSquared: number;
}

/**
 * The path of a subproblem, from zero outward. Of segments within a factor of two from zero, only the first is kept.
 */
export interface CgPath<T> {
  readonly segments: readonly CgSegment<T>[];
  /** Radius for which the path was made. */
  readonly radius: number;
  /** Number of Hessian products. */
  readonly products: number;
}

/** Stopping conditions of truncated conjugate gradients. */
export interface CgLimits {
  /**
   * Radius of the region; a function returns it given ‖η₁‖, the length of the first step, or `undefined` if the
   * curvature along that step is not positive.
   */
  readonly radius: number | ((firstLength: number | undefined) => number);
  /** Value of ‖g + Hη‖/‖g‖ at which the iteration ends, or ten times the error of a product if that is more. */
  readonly tolerance: number;
  /** Largest number of Hessian products. */
  readonly maxProducts: number;
}

/** State of conjugate gradients. */
interface CgCursor<T> {
  readonly eta: T | undefined;
  readonly residual: T;
  readonly direction: T;
  readonly numbers: Omit<CgSegment<T>, 'start' | 'direction' | 'curvature'>;
}

/**
 * Minimizes a quadratic model within a radius. Each iteration takes one Hessian product, two or three inner products
 * and three sums of tangents.
 *
 * $$ \min_\eta\;\langle g,\eta\rangle+\tfrac12\langle\eta,H\eta\rangle \quad\text{subject to}\quad \langle\eta,P\eta\rangle\le\Delta^2 $$
 *
 * This is algorithm 2 of Absil, Baker and Gallivan, except that the decrease of the model is accumulated from the
 * recurrences, which needs no Hη, and that the path is kept (as in Manopt's `trs_tCG_cached`): after a rejected step,
 * the smaller region takes no further Hessian products.
 *
 * @returns the path, in a region of its radius; `undefined` if interrupted.
 * @see Absil, Baker and Gallivan, "Trust-region methods on Riemannian manifolds", Found. Comput. Math. 7, 2007,
 * algorithm 2; Steihaug 1983; Toint 1981.
 */
export async function truncatedCg<M, T>(
  model: QuadraticModel<M, T>,
  limits: CgLimits,
  interrupted: Interrupted,
): Promise<CgPath<T> | undefined> {
  const scope = model.la.openScope();
  let segments: CgSegment<T>[] = [];
  let radius = typeof limits.radius === 'number' ? limits.radius : Number.POSITIVE_INFINITY;
  try {
    let cursor: CgCursor<T> = await scope.run(() => cgStart(model));
    const goal = Math.max(limits.tolerance, 10 * model.accuracy) ** 2 * (await model.inner(model.gradient, model.gradient));
    let products = 0;
    for (;;) {
      if (products > 0 && (await interrupted())) {
        segments = [];
        return undefined;
      }
      const from = cursor;
      const multiply = () => curvatureAlong(model, from.direction);
      // Values that the problem keeps by point are made here first, in the scope of the step, to live as long as it.
      const { image, curvature } = products++ === 0 ? await multiply() : await scope.run(multiply);
      const segment: CgSegment<T> = { ...from.numbers, start: from.eta, direction: from.direction, curvature };
      if (typeof limits.radius === 'function' && products === 1) radius = limits.radius(lengthToMinimum(segment));
      segments = withSegment(segments, segment);
      if (!(stepWithin(segment, radius) < boundaryStep(segment, radius)) || products >= limits.maxProducts) break;
      const next = await scope.run(() => cgAdvance(model, from, segment, image, goal));
      if (next === undefined) break;
      cursor = next;
      scope.free([segments, cursor]);
    }
    return { segments, radius, products };
  } finally {
    scope.close(segments);
  }
}

/** Returns the initial state: η = 0, r = g, δ = −P⁻¹g. */
async function cgStart<M, T>({ la, gradient, inner, precondition }: QuadraticModel<M, T>): Promise<CgCursor<T>> {
  const z = precondition === undefined ? gradient : await precondition(gradient);
  const descent = await inner(gradient, z);
  return {
    eta: undefined,
    residual: gradient,
    direction: scaleTree(la, -1, z),
    numbers: { descent, decrease: 0, startSquared: 0, cross: 0, directionSquared: descent },
  };
}

/** Moves to the minimum along δ and makes the next direction; `undefined` if the residual is below its goal. */
async function cgAdvance<M, T>(
  { la, inner, precondition }: QuadraticModel<M, T>,
  from: CgCursor<T>,
  { direction, curvature, descent, ...numbers }: CgSegment<T>,
  image: T,
  goal: number,
): Promise<CgCursor<T> | undefined> {
  const alpha = descent / curvature;
  const residual = axpyTree(la, alpha, image, from.residual);
  const residualSquared = await inner(residual, residual);
  if (!(residualSquared > goal)) return undefined;
  const z = precondition === undefined ? residual : await precondition(residual);
  const nextDescent = precondition === undefined ? residualSquared : await inner(residual, z);
  const beta = nextDescent / descent;
  return {
    eta: from.eta === undefined ? scaleTree(la, alpha, direction) : axpyTree(la, alpha, direction, from.eta),
    residual,
    direction: axpyTree(la, -1, z, scaleTree(la, beta, direction)),
    numbers: {
      descent: nextDescent,
      decrease: numbers.decrease + 0.5 * alpha * descent,
      startSquared: numbers.startSquared + alpha * (2 * numbers.cross + alpha * numbers.directionSquared),
      cross: beta * (numbers.cross + alpha * numbers.directionSquared),
      directionSquared: nextDescent + beta * beta * numbers.directionSquared,
    },
  };
}

/** Appends a segment, keeping the first of each octave of lengths and the last of all. */
function withSegment<T>(segments: readonly CgSegment<T>[], segment: CgSegment<T>): CgSegment<T>[] {
  const [before, last] = segments.slice(-2);
  const spare = last !== undefined && before !== undefined && segment.startSquared < 4 * before.startSquared;
  return [...(spare ? segments.slice(0, -1) : segments), segment];
}

/** Returns the step to the minimum along a segment; infinite if the curvature is not positive. */
function minimumStep<T>({ curvature, descent }: CgSegment<T>): number {
  return curvature > 0 ? descent / curvature : Number.POSITIVE_INFINITY;
}

/** Returns τ ≥ 0 with ‖η + τδ‖ = radius. */
function boundaryStep<T>({ startSquared, cross, directionSquared }: CgSegment<T>, radius: number): number {
  const room = Math.max(0, radius * radius - startSquared);
  // This form has no cancellation, since cross ≥ 0.
  return room / (cross + Math.sqrt(cross * cross + directionSquared * room));
}

function stepWithin<T>(segment: CgSegment<T>, radius: number): number {
  return Math.min(minimumStep(segment), boundaryStep(segment, radius));
}

/** Returns the length of the first segment up to its minimum; `undefined` if it has none. */
function lengthToMinimum<T>(segment: CgSegment<T>): number | undefined {
  const step = minimumStep(segment);
  return Number.isFinite(step) ? step * Math.sqrt(segment.directionSquared) : undefined;
}

/** A proposed step. */
export interface Proposal<T> {
  /** The step η. */
  readonly step: T;
  /** Length ‖η‖ in the preconditioner's norm. */
  readonly length: number;
  /** Decrease m(0) − m(η) > 0 of the model. */
  readonly decrease: number;
  /** True if the step ends at the boundary of the region. */
  readonly atBoundary: boolean;
}

/** Returns the step to where a path leaves a region of this radius, or ends in it. */
export function proposalWithin<M, T>(la: LinearAlgebra<M>, { segments }: CgPath<T>, radius: number): Proposal<T> {
  const segment = segments.findLast(({ startSquared }) => startSquared < radius * radius) ?? (segments[0] as CgSegment<T>);
  const { start, direction, curvature, descent, decrease, startSquared, cross, directionSquared } = segment;
  const tau = stepWithin(segment, radius);
  return {
    step: start === undefined ? scaleTree(la, tau, direction) : axpyTree(la, tau, direction, start),
    length: Math.sqrt(startSquared + tau * (2 * cross + tau * directionSquared)),
    decrease: decrease + tau * (descent - 0.5 * tau * curvature),
    atBoundary: tau < minimumStep(segment),
  };
}
