import { NotImplementedError } from '../core/errors.js';
import { axpyTree, scaleTree } from '../core/tree.js';
import type { Manifold } from '../manifolds/manifold.js';
import { drawnObjective } from '../solvers/objective.js';
import type { Objective, Problem } from '../solvers/problem.js';
import type { SlopeCheck } from './slope-fit.js';
import { judgeSlope, type Property, short, withProperties } from './slope-verdict.js';
import { type ErrorAt, relativeGap, sampleErrors, type TaylorOptions, type TaylorSetup, taylorSetup } from './taylor.js';

/** Result of {@link checkHessian}. */
export interface HessianCheck extends SlopeCheck {
  /**
   * The curve along which the model was compared: a geodesic if the retraction is of first order and the manifold has
   * `exp`.
   */
  readonly curve: 'retraction' | 'geodesic';
  /** |⟨Hu, v⟩ − ⟨u, Hv⟩| / (‖Hu‖ + ‖Hv‖), for unit u and v. */
  readonly symmetryError: number;
  /** ‖H(au + bv) − aHu − bHv‖ relative to the larger term. */
  readonly linearityError: number;
  /** ‖toTangent(Hu) − Hu‖ / ‖Hu‖. */
  readonly tangencyError: number;
}

/** A gradient below this times √ε of the Hessian's size makes x critical for the purposes of the check. */
const criticalFactor = 10;

/**
 * Compares a cost with its second-order Taylor model; the error vanishes as t³ or faster if gradient and Hessian are
 * right.
 *
 * $$ \bigl|f(R_x(tu))-f(x)-t\,\langle\operatorname{grad}f(x),u\rangle_x
 *    -\tfrac12t^2\langle\operatorname{Hess}f(x)[u],u\rangle_x\bigr| = O(t^3) $$
 *
 * Also checks that the Hessian is symmetric, linear, and tangent.
 *
 * The model holds along geodesics and second-order retractions. If the retraction is of first order, `exp` takes its
 * place; without `exp` the model holds at critical points only, and a slope of 2 elsewhere proves nothing. The verdict
 * names the case.
 *
 * @param problem - a cost with a `hessian`; a stochastic one is checked on the batch of step 0.
 * @param options - point, direction and steps; see {@link TaylorOptions}.
 * @returns slope, window, errors and a verdict in words. About 65 evaluations of the cost and three of the Hessian.
 * @throws ConfigError for a malformed problem or options; NotImplementedError if there is no Hessian; the error of
 * `checkPoint` if x is off the manifold; DomainError if u is zero.
 * @see Boumal 2023, section 6.8; Manopt's `checkhessian`.
 */
export async function checkHessian<M, P, T, Z, G, Batch>(
  problem: Problem<M, P, T, Z, G, Batch>,
  options: TaylorOptions<P, T> = {},
): Promise<HessianCheck> {
  const seen = drawnObjective('checkHessian', problem);
  const { manifold } = seen;
  const { epsilon } = manifold.algebra;
  const setup = await taylorSetup('checkHessian', manifold, options);
  const { x, u } = setup;
  const value = await seen.evaluate(x, 0);
  const along = await seen.hessian(x, u, 0);
  const { curve, move, secondOrder } = secondOrderCurve(manifold, setup);
  const derivative = await manifold.inner(x, value.gradient, u);
  const curvature = await manifold.inner(x, along, u);
  const samples = await sampleErrors(setup, epsilon, async (t): Promise<ErrorAt> => {
    const stepped = await seen.cost(move(t), 0);
    const linear = t * derivative;
    const quadratic = 0.5 * t * t * curvature;
    return {
      error: Math.abs(stepped - value.cost - linear - quadratic),
      magnitude: Math.abs(stepped) + Math.abs(value.cost) + Math.abs(linear) + Math.abs(quadratic),
      // The term that is checked: rounding of the others may hide it.
      signal: Math.abs(quadratic),
    };
  });
  const critical = value.gradientNorm <= criticalFactor * Math.sqrt(epsilon) * (await manifold.norm(x, along));
  const valid = secondOrder || critical;
  const slope = judgeSlope(
    {
      name: 'Hessian',
      error: 'f(R_x(tu)) − f(x) − t⟨grad, u⟩ − ½t²⟨Hess[u], u⟩',
      expectedSlope: 3,
      slopeTolerance: setup.slopeTolerance,
      remedy: (fitted, t, error) => slopeRemedy(fitted, setup.slopeTolerance, valid, error / Math.abs(0.5 * t * t * curvature)),
    },
    samples,
  );
  const operator = await operatorErrors(seen, setup, along);
  return { ...withProperties(slope, properties(operator, epsilon)), curve, ...operator };
}

/** Returns a curve through x along u: one without acceleration if there is one, else the retraction's. */
function secondOrderCurve<M, P, T>(
  manifold: Manifold<M, P, T, unknown, unknown>,
  { x, u, steps }: TaylorSetup<P, T>,
): { readonly curve: HessianCheck['curve']; readonly secondOrder: boolean; move(t: number): P } {
  const retraction = {
    curve: 'retraction',
    secondOrder: manifold.retractionOrder === 2,
    move: (t: number) => manifold.retract(x, u, t),
  } as const;
  const { exp } = manifold;
  if (retraction.secondOrder || exp === undefined) return retraction;
  try {
    exp.call(manifold, x, u, steps[0]);
  } catch (error) {
    // A product has `exp` if all its components do, which shows only in a call.
    if (error instanceof NotImplementedError) return retraction;
    throw error;
  }
  return { curve: 'geodesic', secondOrder: true, move: (t) => exp.call(manifold, x, u, t) };
}

function slopeRemedy(slope: number, slopeTolerance: number, valid: boolean, relativeError: number): string {
  if (slope < 2 - slopeTolerance) return 'the gradient is wrong already: run checkGradient first';
  if (!valid) {
    return (
      'but this is no proof of a mistake: the retraction is of first order, there is no exp, and x is not a critical point; ' +
      'check at a critical point, or with a second-order retraction'
    );
  }
  return `along u the Hessian is off by ${short(relativeError)} of itself; check its formula, and that hessian.kind says what it returns`;
}

type OperatorErrors = Pick<HessianCheck, 'symmetryError' | 'linearityError' | 'tangencyError'>;

async function operatorErrors<M, P, T>(
  { manifold, hessian }: Objective<M, P, T>,
  { x, u, random }: TaylorSetup<P, T>,
  hessianU: T,
): Promise<OperatorErrors> {
  const { algebra } = manifold;
  const v = await manifold.randomTangent(x, random);
  const [a, b] = [0.7, -1.3];
  const hessianV = await hessian(x, v, 0);
  const ofSum = await hessian(x, axpyTree(algebra, b, v, scaleTree(algebra, a, u)), 0);
  const sumOf = axpyTree(algebra, b, hessianV, scaleTree(algebra, a, hessianU));
  const size = (await manifold.norm(x, hessianU)) + (await manifold.norm(x, hessianV));
  const asymmetry = Math.abs((await manifold.inner(x, hessianU, v)) - (await manifold.inner(x, u, hessianV)));
  return {
    symmetryError: asymmetry === 0 ? 0 : asymmetry / size,
    linearityError: await relativeGap(manifold, x, ofSum, sumOf),
    tangencyError: await relativeGap(manifold, x, hessianU, manifold.toTangent(x, hessianU)),
  };
}

function properties({ symmetryError, linearityError, tangencyError }: OperatorErrors, epsilon: number): Property[] {
  const tolerance = Math.sqrt(epsilon);
  return [
    {
      description: 'the Hessian is not symmetric: ⟨Hu, v⟩ and ⟨u, Hv⟩ differ, relative to ‖Hu‖ + ‖Hv‖, by',
      error: symmetryError,
      tolerance,
      remedy:
        'symmetric means in the metric of the manifold: look for a factor on one side, or the Euclidean Hessian in place of the Riemannian',
    },
    {
      description: 'the Hessian is not linear: H(au + bv) differs from aHu + bHv by',
      error: linearityError,
      tolerance,
      remedy: 'it must not depend on the size of u, nor be a difference of gradients with a coarse step',
    },
    {
      description: 'the Hessian is not tangent: Hu differs from its projection by',
      error: tangencyError,
      tolerance,
      remedy: 'project it onto the tangent space at x',
    },
  ];
}
