import { declareOptions, number } from '../../core/options.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import { carryTangents } from '../carry.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';

/** Options of {@link lbfgs}. */
export interface LbfgsOptions {
  /** Number of pairs of steps and changes of gradient to remember. Default: 10. */
  readonly memory?: number;
  /**
   * Smallest cosine of the angle between step and change at which a pair is remembered; it shrinks in proportion to the
   * gradient. Default: 1e-4.
   */
  readonly caution?: number;
}

const lbfgsOptions = declareOptions<LbfgsOptions>()({
  memory: number({ default: 10, min: 1, integer: true }),
  caution: number({ default: 1e-4, min: 0, below: 1 }),
});

/** Defaults of {@link lbfgs}. */
export const lbfgsDefaults: Required<LbfgsOptions> = lbfgsOptions.defaults;

/** A step s, the change of gradient y along it, both at the current point, and ⟨s, y⟩ when the pair was made. */
interface Pair<T> {
  readonly step: T;
  readonly change: T;
  readonly curvature: number;
}

/**
 * Limited-memory BFGS: u = −Hg, with H the inverse Hessian from the last pairs (s, y); s is a step, y the change of
 * gradient along it, and all are carried from point to point as vectors.
 *
 * $$ H \leftarrow \Bigl(I-\frac{s\,y^\flat}{\langle s,y\rangle}\Bigr)H\Bigl(I-\frac{y\,s^\flat}{\langle s,y\rangle}\Bigr)+\frac{s\,s^\flat}{\langle s,y\rangle}, \qquad H_0 = \frac{\langle s,y\rangle}{\langle y,y\rangle}I $$
 *
 * u is computed by the two-loop recursion. Line searches try t = 1 first; {@link armijo} is enough, since pairs without
 * positive curvature are not remembered (cautious update).
 *
 * Differences from the reference: y is g − Tg_prev with the manifold's own transport, not the isometric one of their
 * locking condition, which most manifolds do not have; ⟨s, y⟩ is kept from the time when the pair was made, so that H
 * stays positive definite whatever the transport does. The bound of the cautious update is on the cosine and relative
 * to the first gradient, so that it does not depend on units; it vanishes with the gradient, as theirs does.
 *
 * @param options - memory and caution.
 * @returns the rule. A step costs 4·memory inner products and sums of tangents, and carries 2·memory + 2 tangents.
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { gradientDescent, hostAlgebra, type HostArray, lbfgs, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: lbfgs({ memory: 5 }) });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 8 steps
 * ```
 * @see Huang, Gallivan and Absil, "A Broyden class of quasi-Newton methods for Riemannian optimization", SIAM J. Optim.
 * 25(3), 2015 (LRBFGS); Huang, Absil and Gallivan, SIAM J. Optim. 28(1), 2018 (cautious update); Nocedal and Wright,
 * Numerical Optimization, 2006, algorithm 7.4 and equation 7.20.
 */
export function lbfgs(options: LbfgsOptions = {}): DirectionRule {
  const settings = lbfgsOptions.read('lbfgs', options);
  return {
    name: `lbfgs(${settings.memory})`,
    async direction(context) {
      const { pairs, scaling, firstGradientNorm } = await rememberedPairs(context, settings);
      const direction = await inverseHessian(context, pairs, scaling);
      const memory = storePairs(pairs, { gradient: context.gradient, direction }, { scaling, firstGradientNorm });
      return pairs.length > 0 ? { direction, memory, trialStep: 1 } : { direction, memory };
    },
    move: carryTangents,
  };
}

/** Returns the pairs, newest first: the old ones and, if its curvature is positive enough, that of the last step. */
async function rememberedPairs<M, P, T>(
  { manifold, x, gradient, gradientNorm, stepSize, memory }: DirectionContext<M, P, T>,
  settings: Required<LbfgsOptions>,
): Promise<{ readonly pairs: readonly Pair<T>[]; readonly scaling: number; readonly firstGradientNorm: number }> {
  const la = manifold.algebra;
  const { tangents, numbers } = memory;
  const { scaling = 1, firstGradientNorm = gradientNorm } = numbers;
  const { gradient: previousGradient, direction: previousDirection } = tangents;
  if (previousGradient === undefined || previousDirection === undefined || stepSize === undefined)
    return { pairs: [], scaling, firstGradientNorm };
  const old = storedPairs(memory);
  const step = scaleTree(la, stepSize, previousDirection);
  const change = axpyTree(la, -1, previousGradient, gradient);
  const curvature = await manifold.inner(x, step, change);
  const changeSquared = await manifold.inner(x, change, change);
  const lengths = Math.sqrt(changeSquared * (await manifold.inner(x, step, step)));
  const threshold = settings.caution * Math.min(1, gradientNorm / firstGradientNorm) * lengths;
  if (!(curvature > threshold)) return { pairs: old, scaling, firstGradientNorm };
  return {
    pairs: [{ step, change, curvature }, ...old].slice(0, settings.memory),
    scaling: curvature / changeSquared,
    firstGradientNorm,
  };
}

/** Computes −H g by the two-loop recursion. */
async function inverseHessian<M, P, T>(
  { manifold, x, gradient }: DirectionContext<M, P, T>,
  pairs: readonly Pair<T>[],
  scaling: number,
): Promise<T> {
  const la = manifold.algebra;
  const weights: number[] = [];
  let u = scaleTree(la, -1, gradient);
  for (const { step, change, curvature } of pairs) {
    const weight = (await manifold.inner(x, step, u)) / curvature;
    weights.push(weight);
    u = axpyTree(la, -weight, change, u);
  }
  if (pairs.length > 0) u = scaleTree(la, scaling, u);
  for (const [k, { step, change, curvature }] of [...pairs.entries()].reverse()) {
    const weight = (weights[k] as number) - (await manifold.inner(x, change, u)) / curvature;
    u = axpyTree(la, weight, step, u);
  }
  return u;
}

/** Stores pairs as named tangents and numbers: `step0` is the newest. */
function storePairs<T>(pairs: readonly Pair<T>[], tangents: Readonly<Record<string, T>>, numbers: Memory<T>['numbers']): Memory<T> {
  const entries = pairs.flatMap(({ step, change }, k) => [[`step${k}`, step] as const, [`change${k}`, change] as const]);
  const curvatures = pairs.map(({ curvature }, k) => [`curvature${k}`, curvature] as const);
  return { tangents: { ...tangents, ...Object.fromEntries(entries) }, numbers: { ...numbers, ...Object.fromEntries(curvatures) } };
}

function storedPairs<T>({ tangents, numbers }: Memory<T>): Pair<T>[] {
  const pairs: Pair<T>[] = [];
  for (;;) {
    const k = pairs.length;
    const [step, change, curvature] = [tangents[`step${k}`], tangents[`change${k}`], numbers[`curvature${k}`]];
    if (step === undefined || change === undefined || curvature === undefined) return pairs;
    pairs.push({ step, change, curvature });
  }
}
