/** What the conjugate gradient rules share; they differ in β. */
import type { Awaitable } from '../../core/awaitable.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import { carryTangents } from '../carry.js';
import type { DirectionContext, DirectionRule } from '../solver.js';

/** What β is computed from, all at the current point. */
export interface ConjugateContext<T> {
  /** The gradient at the current point. */
  readonly gradient: T;
  /** ⟨grad, grad⟩ now. */
  readonly squaredNorm: number;
  /** ⟨grad, grad⟩ at the previous point. */
  readonly previousSquaredNorm: number;
  /** The gradient minus the previous gradient carried here. */
  readonly gradientChange: T;
  /** The previous direction carried here. */
  readonly previousDirection: T;
  /** ⟨u, v⟩ at the current point. */
  inner(u: T, v: T): Awaitable<number>;
}

/** The β of a conjugate gradient rule. */
export type ConjugateWeight = <T>(context: ConjugateContext<T>) => Awaitable<number>;

/**
 * A conjugate gradient rule from its β; T carries the previous direction to x.
 *
 * $$ u = -\operatorname{grad}f(x)+\beta\,T(u_{\text{prev}}) $$
 *
 * Restarted from −grad f where that does not point downhill, or β is not a number.
 *
 * @param name - the rule's name.
 * @param weight - the rule's β.
 * @see Absil, Mahony and Sepulchre 2008, section 8.3; Hager and Zhang, "A survey of nonlinear conjugate gradient methods", 2006.
 */
export function conjugateRule(name: string, weight: ConjugateWeight): DirectionRule {
  return {
    name,
    async direction(context) {
      const direction = await conjugateDirection(context, weight);
      const squaredNorm = context.gradientNorm ** 2;
      return { direction, memory: { tangents: { gradient: context.gradient, direction }, numbers: { squaredNorm } } };
    },
    move: carryTangents,
  };
}

async function conjugateDirection<M, P, T>(context: DirectionContext<M, P, T>, weight: ConjugateWeight): Promise<T> {
  const { manifold, x, gradient, gradientNorm, memory } = context;
  const la = manifold.algebra;
  const steepest = scaleTree(la, -1, gradient);
  const { gradient: previousGradient, direction: previousDirection } = memory.tangents;
  if (previousGradient === undefined || previousDirection === undefined) return steepest;
  const beta = await weight({
    gradient,
    squaredNorm: gradientNorm ** 2,
    previousSquaredNorm: memory.numbers.squaredNorm as number,
    gradientChange: axpyTree(la, -1, previousGradient, gradient),
    previousDirection,
    inner: (u, v) => manifold.inner(x, u, v),
  });
  const direction = axpyTree(la, beta, previousDirection, steepest);
  // Also false if the slope is NaN, as after a division by zero in β.
  return (await manifold.inner(x, gradient, direction)) < 0 ? direction : steepest;
}
