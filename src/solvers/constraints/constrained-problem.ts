/** Problems with constraints, and the terms by which the augmented Lagrangian replaces them. */
import type { Awaitable } from '../../core/awaitable.js';
import { axpyTree } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { perPoint } from '../objective.js';
import type { Objective, Problem, VectorAdjoint, VectorFunction, VectorHessian } from '../problem.js';
import { checkedValue, riemannianAdjoint, vectorCurvature } from '../vector-function.js';

/**
 * A constraint by the coordinates of the point alone, as `autodiffVector` makes it on every manifold. Its `jvp` and
 * `hessian` are used where tangents are displacements of the coordinates.
 */
export interface CoordinateConstraint<M, P> {
  /** Returns the values, an array of any shape; the same shape at every point. */
  at(x: P): Awaitable<M>;
  /** Returns J u for a displacement u of the coordinates. */
  jvp?(x: P, u: P): Awaitable<M>;
  /** The transposed derivative. */
  readonly vjp: Extract<VectorAdjoint<M, P, never, never>, { readonly kind: 'coordinates' }>;
  /** The second derivative of ⟨w, r(x)⟩ with w held. */
  readonly hessian?: Extract<VectorHessian<M, P, never, never>, { readonly kind: 'coordinates' }>;
}

/** A vector-valued function that a problem constrains. */
export type Constraint<M, P, T, G> = VectorFunction<M, P, T, G> | CoordinateConstraint<M, P>;

/** A cost to minimize over the points of a manifold that fulfil $h(x)=0$ and $g(x)\le0$. */
export interface ConstrainedProblem<M, P, T = P, Z = T, G = Z> extends Problem<M, P, T, Z, G> {
  /** h, each entry of which must be zero. Default: none. */
  readonly equality?: Constraint<M, P, NoInfer<T>, NoInfer<G>>;
  /** g, no entry of which must be positive. Default: none. */
  readonly inequality?: Constraint<M, P, NoInfer<T>, NoInfer<G>>;
}

/** One array for each kind of constraint that a problem has, of the shape of its values. */
export interface ConstraintArrays<M> {
  /** For the equality constraints; absent if there are none. */
  readonly equality?: M;
  /** For the inequality constraints; absent if there are none. */
  readonly inequality?: M;
}

/** The augmented Lagrangian of a problem for multipliers and a penalty, with what its outer iteration measures. */
export interface AugmentedTerms<M, P, T, Z, G> {
  /** Returns the values h(x), g(x). */
  values(x: P): Promise<ConstraintArrays<M>>;
  /** Returns the first estimate of the multipliers: zeros. */
  noMultipliers(x: P): Promise<ConstraintArrays<M>>;
  /** Returns the next multipliers γ + ρh(x) and max(0, λ + ρg(x)). */
  nextMultipliers(x: P, multipliers: ConstraintArrays<M>, penalty: number): Promise<ConstraintArrays<M>>;
  /** Returns the norm of the Riemannian gradient of ½‖h‖² + ½‖max(0, g)‖². */
  violationSlope(x: P): Promise<number>;
  /** Returns the unconstrained problem of minimizing the augmented Lagrangian. */
  problem(multipliers: ConstraintArrays<M>, penalty: number): Problem<M, P, T, Z, G>;
}

/** Returns max(0, x), entry by entry. */
export const positivePart = <M>(la: LinearAlgebra<M>, x: M): M => la.maximum(x, 0);

/**
 * Returns the parts of the augmented Lagrangian of Hestenes, Powell and Rockafellar,
 *
 * $$ L_\rho(x;\gamma,\lambda) = f(x)+\langle\gamma,h(x)\rangle+\tfrac\rho2\lVert h(x)\rVert^2
 *    +\tfrac1{2\rho}\bigl(\lVert\max(0,\lambda+\rho g(x))\rVert^2-\lVert\lambda\rVert^2\bigr). $$
 *
 * @param seen - the cost f without its constraints, as solvers see it.
 */
export function augmentedTerms<M, P, T, Z, G>(
  { manifold, equality, inequality }: ConstrainedProblem<M, P, T, Z, G>,
  seen: Objective<M, P, T>,
): AugmentedTerms<M, P, T, Z, G> {
  const la = manifold.algebra;
  const caller = 'augmentedLagrangian';
  const curvatures = {
    // Of coordinates only where the manifold converts them: a tangent is then a displacement of these.
    equality: equality && vectorCurvature(manifold, equality as VectorFunction<M, P, T, G>),
    inequality: inequality && vectorCurvature(manifold, inequality as VectorFunction<M, P, T, G>),
  };
  // Where one part has no second derivative, the whole is left to differences of gradients.
  const hasHessian =
    seen.hasHessian && !(equality && curvatures.equality === undefined) && !(inequality && curvatures.inequality === undefined);
  const valuesAt = perPoint(async (x: P & object) => ({
    ...(equality && { equality: checkedValue(caller, 'equality', la, await equality.at(x)) }),
    ...(inequality && { inequality: checkedValue(caller, 'inequality', la, await inequality.at(x)) }),
  })) as (x: P) => Promise<ConstraintArrays<M>>;
  const nextMultipliers = async (x: P, multipliers: ConstraintArrays<M>, penalty: number): Promise<ConstraintArrays<M>> => {
    const { equality: h, inequality: g } = await valuesAt(x);
    return {
      ...(h !== undefined && { equality: la.axpy(penalty, h, multipliers.equality as M) }),
      ...(g !== undefined && { inequality: positivePart(la, la.axpy(penalty, g, multipliers.inequality as M)) }),
    };
  };
  const adjoints = (x: P, weights: ConstraintArrays<M>) =>
    constraintAdjoints({ manifold, ...(equality && { equality }), ...(inequality && { inequality }) }, x, weights);
  const plus = (sum: T, tangent: T): T => axpyTree(la, 1, tangent, sum);
  return {
    values: valuesAt,
    nextMultipliers,
    async violationSlope(x) {
      const { equality: h, inequality: g } = await valuesAt(x);
      const gradients = await adjoints(x, {
        ...(h !== undefined && { equality: h }),
        ...(g !== undefined && { inequality: positivePart(la, g) }),
      });
      const norm: Awaitable<number> = manifold.norm(x, gradients.reduce(plus));
      return norm;
    },
    async noMultipliers(x) {
      const { equality: h, inequality: g } = await valuesAt(x);
      return {
        ...(h !== undefined && { equality: la.full(la.shape(h), 0) }),
        ...(g !== undefined && { inequality: la.full(la.shape(g), 0) }),
      };
    },
    problem(multipliers, penalty) {
      const weightsAt = perPoint((x: P & object) => nextMultipliers(x, multipliers, penalty)) as (x: P) => Promise<ConstraintArrays<M>>;
      const penalties = async (x: P): Promise<number> =>
        penaltyTerms(la, { values: await valuesAt(x), multipliers, next: await weightsAt(x), penalty });
      const withConstraints = async (x: P, gradient: T): Promise<T> => (await adjoints(x, await weightsAt(x))).reduce(plus, gradient);
      const hessianAlong = async (x: P, u: T): Promise<T> => {
        const next = await weightsAt(x);
        let sum = await seen.hessian(x, u, 0);
        for (const kind of ['equality', 'inequality'] as const) {
          const [weights, curvature] = [next[kind], curvatures[kind]];
          if (weights === undefined || curvature === undefined) continue;
          // An inequality is penalized where it has a multiplier, and not elsewhere.
          const penalized = (image: M): M => la.scale(penalty, kind === 'equality' ? image : la.multiply(la.greater(weights, 0), image));
          sum = axpyTree(la, 1, await curvature.gaussNewton(x, u, penalized), sum);
          sum = axpyTree(la, 1, await curvature.weighed(x, u, weights), sum);
        }
        return sum;
      };
      const cost = async (x: P): Promise<number> => (await seen.cost(x, 0)) + (await penalties(x));
      return {
        manifold,
        cost,
        gradient: { kind: 'riemannian', at: async (x: P): Promise<T> => withConstraints(x, await seen.gradient(x, 0)) },
        async costAndGradient(x): Promise<{ cost: number; gradient: T }> {
          const here = await seen.evaluate(x, 0);
          return { cost: here.cost + (await penalties(x)), gradient: await withConstraints(x, here.gradient) };
        },
        ...(hasHessian && { hessian: { kind: 'riemannian' as const, at: hessianAlong } }),
        ...(seen.precondition && {
          preconditioner: { at: (x: P, u: T) => (seen.precondition as NonNullable<typeof seen.precondition>)(x, u, 0) },
        }),
      };
    },
  };
}

/** Returns Jᵀw for each kind of constraint, w a weight for each of its entries. */
async function constraintAdjoints<M, P, T, Z, G>(
  { manifold, ...constraints }: Pick<ConstrainedProblem<M, P, T, Z, G>, 'manifold' | 'equality' | 'inequality'>,
  x: P,
  weights: ConstraintArrays<M>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const kind of ['equality', 'inequality'] as const) {
    const [weight, constraint] = [weights[kind], constraints[kind]];
    if (weight !== undefined && constraint !== undefined) found.push(await riemannianAdjoint(manifold, constraint.vjp, x, weight));
  }
  return found;
}

/** Computes ⟨γ, h⟩ + ½ρ‖h‖² + (‖max(0, λ + ρg)‖² − ‖λ‖²)/2ρ. */
async function penaltyTerms<M>(
  la: LinearAlgebra<M>,
  at: {
    readonly values: ConstraintArrays<M>;
    readonly multipliers: ConstraintArrays<M>;
    readonly next: ConstraintArrays<M>;
    readonly penalty: number;
  },
): Promise<number> {
  const { multipliers, next, penalty } = at;
  const { equality: h } = at.values;
  let sum = 0;
  // The two terms of h in one inner product: ⟨γ + ½ρh, h⟩.
  if (h !== undefined) sum += await la.inner(la.axpy(0.5 * penalty, h, multipliers.equality as M), h);
  if (next.inequality !== undefined)
    sum += ((await la.norm(next.inequality)) ** 2 - (await la.norm(multipliers.inequality as M)) ** 2) / (2 * penalty);
  return sum;
}

/** Returns the root of the sum of the squares of norms that may be absent. */
export async function jointSize<M>(la: LinearAlgebra<M>, arrays: ReadonlyArray<M | undefined>): Promise<number> {
  const norms: Awaitable<number>[] = arrays.flatMap((array) => (array === undefined ? [] : [la.norm(array)]));
  return Math.hypot(...(await Promise.all(norms)));
}
