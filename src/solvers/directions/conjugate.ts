/** Shared parts of the conjugate gradient rules, which differ in β. */
import type { Awaitable } from '../../core/awaitable.js';
import { checkNumber, declareOptions, number, option } from '../../core/options.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import { carryTangents } from '../carry.js';
import type { DirectionContext, DirectionRule } from '../solver.js';

/** Conditions under which a conjugate gradient rule restarts from −grad f, besides a direction that points uphill. */
export interface ConjugateOptions {
  /**
   * Number of steps after which the rule restarts; `'dimension'` for that of the manifold. Default: never;
   * {@link hagerZhangDefaults} for {@link hagerZhang}.
   */
  readonly restartEvery?: number | 'dimension';
  /**
   * Powell's test: the rule restarts where $|\langle g,Tg_{\text{prev}}\rangle|$ reaches this times $\lVert g\rVert^2$.
   * On a quadratic with exact steps gradients are orthogonal. Default: never; 0.2 for {@link fletcherReeves}.
   */
  readonly orthogonality?: number;
}

/** Declares the restarts of a conjugate gradient rule. */
export const conjugateOptions = declareOptions<ConjugateOptions>()({
  restartEvery: option({ optional: true }, (caller, name, value) => {
    if (value !== 'dimension') checkNumber(caller, name, value, { min: 1 });
  }),
  orthogonality: number({ optional: true, above: 0 }),
});

/** Quantities from which β is computed, all at the current point. */
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
  /** Returns ⟨u, v⟩ at the current point. */
  inner(u: T, v: T): Awaitable<number>;
}

/** The β of a conjugate gradient rule. */
export type ConjugateWeight = <T>(context: ConjugateContext<T>) => Awaitable<number>;

/**
 * Returns the conjugate gradient rule of a given β; T carries the previous direction to x.
 *
 * $$ u = -\operatorname{grad}f(x)+\beta\,T(u_{\text{prev}}) $$
 *
 * The rule restarts from −grad f if u does not point downhill or β is not a number, and as the options say.
 *
 * @param name - the rule's name.
 * @param weight - the rule's β.
 * @param options - further restarts. Default: none.
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { conjugateRule, gradientDescent, hostAlgebra, type HostArray, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const daiYuan = conjugateRule('daiYuan', async ({ squaredNorm, gradientChange, previousDirection, inner }) => {
 *   return squaredNorm / (await inner(previousDirection, gradientChange));
 * });
 * const solver = gradientDescent({ direction: daiYuan });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 55 steps
 * ```
 * @see Absil, Mahony and Sepulchre 2008, section 8.3; Hager and Zhang, "A survey of nonlinear conjugate gradient
 * methods", 2006; Powell, "Restart procedures for the conjugate gradient method", 1977.
 */
export function conjugateRule(name: string, weight: ConjugateWeight, options: ConjugateOptions = {}): DirectionRule {
  const restarts = conjugateOptions.read(name, options);
  return {
    name,
    async direction(context) {
      const conjugate = await conjugateDirection(context, weight, restarts);
      const direction = conjugate ?? scaleTree(context.manifold.algebra, -1, context.gradient);
      const age = conjugate === undefined ? 1 : (context.memory.numbers.age ?? 1) + 1;
      return {
        direction,
        memory: { tangents: { gradient: context.gradient, direction }, numbers: { squaredNorm: context.gradientNorm ** 2, age } },
      };
    },
    move: carryTangents,
  };
}

/** Returns −g + βT(u_prev); `undefined` if the rule restarts. */
async function conjugateDirection<M, P, T>(
  { manifold, x, gradient, gradientNorm, memory }: DirectionContext<M, P, T>,
  weight: ConjugateWeight,
  { restartEvery = Number.POSITIVE_INFINITY, orthogonality = Number.POSITIVE_INFINITY }: ConjugateOptions,
): Promise<T | undefined> {
  const la = manifold.algebra;
  const { gradient: previousGradient, direction: previousDirection } = memory.tangents;
  const { squaredNorm: previousSquaredNorm = Number.NaN, age = 1 } = memory.numbers;
  if (previousGradient === undefined || previousDirection === undefined) return undefined;
  if (age >= (restartEvery === 'dimension' ? manifold.dim : restartEvery)) return undefined;
  const squaredNorm = gradientNorm ** 2;
  const alike = orthogonality < Number.POSITIVE_INFINITY ? Math.abs(await manifold.inner(x, gradient, previousGradient)) : 0;
  if (alike >= orthogonality * squaredNorm) return undefined;
  const beta = await weight({
    gradient,
    squaredNorm,
    previousSquaredNorm,
    gradientChange: axpyTree(la, -1, previousGradient, gradient),
    previousDirection,
    inner: (u, v) => manifold.inner(x, u, v),
  });
  const direction = axpyTree(la, beta, previousDirection, scaleTree(la, -1, gradient));
  // Also false if the slope is NaN, as after a division by zero in β.
  return (await manifold.inner(x, gradient, direction)) < 0 ? direction : undefined;
}
