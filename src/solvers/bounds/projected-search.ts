/** Backtracking along a retraction that is projected onto bounds. */
import { NumericalError } from '../../core/errors.js';
import { scaleTree } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Manifold, RetractTransport } from '../../manifolds/manifold.js';
import type { Evaluation, Objective } from '../problem.js';
import type { EvaluatedState } from '../solver.js';
import { costSlack } from '../trial.js';
import { type BoundsByPath, clip, clipPoint, type LeafBounds, mapLeaves } from './bounds.js';

/** Constants of the search. */
export interface SearchLimits {
  /** Factor by which a trial step shrinks. */
  readonly contraction: number;
  /** Fraction of the decrease predicted by the slope that a step must achieve. */
  readonly sufficientDecrease: number;
  /** Largest number of trials. */
  readonly maxTrials: number;
}

/** Returns an evaluation whose norm is that of the projected gradient. */
export async function projected<M, P, T>(
  { manifold }: Objective<M, P, T>,
  x: P,
  evaluation: Evaluation<T>,
  bounds: BoundsByPath<M>,
): Promise<Evaluation<T>> {
  const la = manifold.algebra;
  const places = leavesByPath(manifold, x);
  const inward = mapLeaves(la, evaluation.gradient, (g, path) => {
    const own = bounds.get(path);
    const place = places.get(path) as M;
    return own === undefined ? g : projectedGradient(la, place, g, own);
  });
  return { ...evaluation, gradientNorm: await manifold.norm(x, inward) };
}

/** Returns x − P(x − g) as g clipped to [x − u, x − l]: the difference would lose g beside a large x. */
function projectedGradient<M>(la: LinearAlgebra<M>, x: M, g: M, { lower, upper }: LeafBounds<M>): M {
  const isBound = (bound: number | M): boolean => typeof bound !== 'number' || Number.isFinite(bound);
  const minus = (bound: number | M): M => la.subtract(x, typeof bound === 'number' ? la.full(la.shape(x), bound) : bound);
  return clip(la, g, {
    lower: isBound(upper) ? minus(upper) : Number.NEGATIVE_INFINITY,
    upper: isBound(lower) ? minus(lower) : Number.POSITIVE_INFINITY,
  });
}

/** Returns the arrays of a point by their paths. */
export function leavesByPath<M, P>({ algebra }: Pick<Manifold<M, P, unknown, unknown, unknown>, 'algebra'>, x: P): ReadonlyMap<string, M> {
  const leaves = new Map<string, M>();
  mapLeaves(algebra, x, (leaf, path) => {
    leaves.set(path, leaf);
    return leaf;
  });
  return leaves;
}

/** A step that the line search has accepted, with what it evaluated there. */
export interface AcceptedStep<P, T> extends Partial<Evaluation<T>> {
  readonly transport: RetractTransport<P, T>;
  readonly point: P;
  /** The step as it was after the projection. */
  readonly displacement: T;
  readonly stepSize: number;
}

/** The curve t ↦ P(R_x(t u)) along which a step is sought. */
interface Curve<M, T> {
  /** The direction u. */
  readonly direction: T;
  readonly bounds: BoundsByPath<M>;
  readonly firstTrial: number;
  /** True if nothing is known of the size of a good step, which may then be many contractions away. */
  readonly scaleUnknown: boolean;
}

/**
 * Backtracks along a curve; `undefined` if no trial is accepted. Where the scale is unknown, a trial at which the cost
 * rises gives one: the next is at the minimum of the parabola through both costs and the slope, if that is shorter.
 */
export async function searchAlong<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  { direction, bounds, firstTrial, scaleUnknown }: Curve<M, T>,
  { contraction, sufficientDecrease, maxTrials }: SearchLimits,
): Promise<AcceptedStep<P, T> | undefined> {
  const { manifold } = problem;
  const la = manifold.algebra;
  const { x, gradient, cost: before, iteration } = state;
  const slack = costSlack(problem, before);
  const places = leavesByPath(manifold, x);
  let [stepSize, next] = [firstTrial, firstTrial];
  for (let trial = 1; trial <= maxTrials; trial++) {
    stepSize = next;
    next = stepSize * contraction;
    const transport = retracted(problem, x, direction, stepSize);
    if (transport === undefined) continue;
    const point = clipPoint(la, transport.point, bounds);
    const reached = leavesByPath(manifold, point);
    const displacement = mapLeaves(la, scaleTree(la, stepSize, direction), (leaf, path) =>
      bounds.has(path) ? la.subtract(reached.get(path) as M, places.get(path) as M) : leaf,
    );
    const slope = await manifold.inner(x, gradient, displacement);
    if (!(slope < 0)) continue;
    const cost = await costAt(problem, point, iteration);
    const minimizer = (-0.5 * slope * stepSize) / (cost - before - slope);
    if (scaleUnknown && minimizer > 0) next = Math.min(next, minimizer);
    const wanted = -sufficientDecrease * slope;
    const accepted = { transport, point, displacement, stepSize };
    if (wanted > slack && cost <= before - wanted) return { ...accepted, cost };
    if (wanted > slack || !(cost <= before + slack)) continue;
    // The decrease is within the rounding of the cost: the projected gradient must not grow.
    const evaluation = await projected(problem, point, await problem.evaluate(point, iteration, cost), bounds);
    if (evaluation.gradientNorm <= state.gradientNorm) return { ...accepted, ...evaluation };
  }
  return undefined;
}

/** Returns the retraction; `undefined` if it breaks down, as a step that is too long does. */
function retracted<M, P, T>({ manifold }: Objective<M, P, T>, x: P, direction: T, stepSize: number): RetractTransport<P, T> | undefined {
  try {
    return manifold.retractTransport(x, direction, stepSize);
  } catch (error) {
    if (error instanceof NumericalError) return undefined;
    throw error;
  }
}

async function costAt<M, P, T>(problem: Objective<M, P, T>, point: P, iteration: number): Promise<number> {
  try {
    return await problem.cost(point, iteration);
  } catch (error) {
    if (error instanceof NumericalError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}
