/** Steihaug and Toint's truncated conjugate gradients for the trust-region subproblem, as a path that can be walked again in a smaller region. */
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Interrupted } from '../solver.js';
import { curvatureAlong, type QuadraticModel } from './quadratic-model.js';

/** A piece of the path: from η along δ. Norms are those of the preconditioner, ‖u‖² = ⟨u, Pu⟩, in which the path only grows. */
export interface CgSegment<T> {
  /** η; missing at zero. */
  readonly start: T | undefined;
  /** δ. */
  readonly direction: T;
  /** ⟨δ, Hδ⟩. */
  readonly curvature: number;
  /** −⟨g + Hη, δ⟩ > 0: how steeply the model falls along δ. */
  readonly descent: number;
  /** m(0) − m(η). */
  readonly decrease: number;
  /** ‖η‖². */
  readonly startSquared: number;
  /** ⟨η, Pδ⟩ ≥ 0. */
  readonly cross: number;
  /** ‖δ‖². */
  readonly directionSquared: number;
}

/** The path of a subproblem, from zero outward. Of segments within a factor of two from zero only the first is kept. */
export interface CgPath<T> {
  readonly segments: readonly CgSegment<T>[];
  /** The radius that it was made for. */
  readonly radius: number;
  /** Hessian products made. */
  readonly products: number;
}

/** When truncated conjugate gradients end. */
export interface CgLimits {
  /** The region's radius; a function gives it from ‖η₁‖, the length of the first step, or `undefined` where the curvature along it is not positive. */
  readonly radius: number | ((firstLength: number | undefined) => number);
  /** Ends where ‖g + Hη‖ falls below this times ‖g‖, or ten times the error of a product. */
  readonly tolerance: number;
  /** The most Hessian products. */
  readonly maxProducts: number;
}

/** Where conjugate gradients stand. */
interface CgCursor<T> {
  readonly eta: T | undefined;
  readonly residual: T;
  readonly direction: T;
  readonly numbers: Omit<CgSegment<T>, 'start' | 'direction' | 'curvature'>;
}

/**
 * Minimizes a quadratic model within a radius. Each iteration is one Hessian product, two or three inner products and three sums of tangents.
 *
 * $$ \min_\eta\;\langle g,\eta\rangle+\tfrac12\langle\eta,H\eta\rangle \quad\text{subject to}\quad \langle\eta,P\eta\rangle\le\Delta^2 $$
 *
 * Follows algorithm 2 of Absil, Baker and Gallivan. Differs in that the decrease of the model is added up from the recurrences, which needs no Hη, and that the path is kept
 * (as in Manopt's `trs_tCG_cached`): where a step is rejected, the smaller region costs no further Hessian products.
 *
 * @returns the path, in a region of its radius; `undefined` if interrupted.
 * @see Absil, Baker and Gallivan, "Trust-region methods on Riemannian manifolds", Found. Comput. Math. 7, 2007, algorithm 2; Steihaug 1983; Toint 1981.
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
      // What the problem keeps by point is made at the first product: in the step's scope, to live as long as the step.
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

/** η = 0, r = g, δ = −P⁻¹g. */
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

/** To the minimum along δ, and the next direction; `undefined` where the residual is below its goal. */
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

/** Keeps the first segment of each octave of lengths, and the last of all. */
function withSegment<T>(segments: readonly CgSegment<T>[], segment: CgSegment<T>): CgSegment<T>[] {
  const [before, last] = segments.slice(-2);
  const spare = last !== undefined && before !== undefined && segment.startSquared < 4 * before.startSquared;
  return [...(spare ? segments.slice(0, -1) : segments), segment];
}

/** The step to the minimum along a segment; without bound where the curvature is not positive. */
function minimumStep<T>({ curvature, descent }: CgSegment<T>): number {
  return curvature > 0 ? descent / curvature : Number.POSITIVE_INFINITY;
}

/** τ ≥ 0 with ‖η + τδ‖ = radius. */
function boundaryStep<T>({ startSquared, cross, directionSquared }: CgSegment<T>, radius: number): number {
  const room = Math.max(0, radius * radius - startSquared);
  // The form without cancellation, cross being positive.
  return room / (cross + Math.sqrt(cross * cross + directionSquared * room));
}

function stepWithin<T>(segment: CgSegment<T>, radius: number): number {
  return Math.min(minimumStep(segment), boundaryStep(segment, radius));
}

/** The length of the first segment up to its minimum; `undefined` where it has none. */
function lengthToMinimum<T>(segment: CgSegment<T>): number | undefined {
  const step = minimumStep(segment);
  return Number.isFinite(step) ? step * Math.sqrt(segment.directionSquared) : undefined;
}

/** A proposed step. */
export interface Proposal<T> {
  /** η. */
  readonly step: T;
  /** ‖η‖ in the preconditioner's norm. */
  readonly length: number;
  /** m(0) − m(η) > 0. */
  readonly decrease: number;
  /** Whether the region's boundary ended it. */
  readonly atBoundary: boolean;
}

/** Where a path leaves a region of this radius, or ends in it. */
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
