import { BuresError } from '../core/errors.js';
import { axpyTree } from '../core/tree.js';
import type { Manifold } from '../manifolds/manifold.js';
import type { SlopeCheck } from './slope-fit.js';
import { judgeSlope, short, withProperties } from './slope-verdict.js';
import { requireManifold, sampleErrors, type TaylorOptions, taylorSetup } from './taylor.js';

/** Result of {@link checkRetraction}. */
export interface RetractionCheck extends SlopeCheck {
  /** ‖difference(x, R_x(0))‖, in units of the metric: rounding, for a retraction. */
  readonly zeroError: number;
}

/** R_x(0) may differ from x by this many ulps: a retraction factors x again, and the chart aligns it. */
const identityUlps = 100;

/**
 * Compares a retraction with a geodesic, in a chart D: the logarithm, where the manifold has one, or `difference`,
 * which agrees with it to second order.
 *
 * $$ \|D(x,R_x(tu))-tu\|_x = O(t^2), \quad\text{of second order:}\quad O(t^3) $$
 *
 * Also checks R_x(0) = x.
 *
 * @param manifold - the manifold whose `retractionOrder` is tested.
 * @param options - point, direction and steps; see {@link TaylorOptions}.
 * @returns slope, window, errors and a verdict in words. About 65 retractions.
 * @throws ConfigError for malformed options; the error of `checkPoint` if x is off the manifold; DomainError if u is
 * zero.
 * @see Absil, Mahony and Sepulchre 2008, section 5.5; Manopt's `checkretraction`.
 */
export async function checkRetraction<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  options: TaylorOptions<P, T> = {},
): Promise<RetractionCheck> {
  requireManifold('checkRetraction', manifold);
  const { algebra, retractionOrder } = manifold;
  const setup = await taylorSetup('checkRetraction', manifold as Manifold<M, P, T, unknown, unknown>, options);
  const { x, u } = setup;
  const samples = await sampleErrors(setup, algebra.epsilon, async (t) => ({
    error: await manifold.norm(x, axpyTree(algebra, -t, u, chart(manifold, x, manifold.retract(x, u, t)))),
    // Coordinates of the size of x were added and subtracted.
    magnitude: t + setup.pointLength,
    signal: t,
  }));
  const zeroError = await manifold.norm(x, manifold.difference(x, manifold.retract(x, u, 0)));
  const check = judgeSlope(
    {
      name: 'retraction',
      error: 'difference(x, R_x(tu)) − tu',
      expectedSlope: retractionOrder + 1,
      slopeTolerance: setup.slopeTolerance,
      remedy: (slope, t, error) =>
        slope < 2 - setup.slopeTolerance
          ? `its derivative at 0 is not the identity: it leaves tu by ${short(error / t)} of its length; check how the step enters`
          : 'it is a retraction of first order, but claims the second; set retractionOrder: 1, or correct its curvature',
    },
    samples,
  );
  const identity = {
    description: 'R_x(0) is not x: they differ by',
    error: zeroError,
    // Relative to the steps, or the rounding of coordinates of the size of x.
    tolerance: Math.max(Math.sqrt(algebra.epsilon) * setup.scale, identityUlps * algebra.epsilon * setup.pointLength),
    remedy: 'a zero step must stay at x',
  };
  return { ...withProperties(check, [identity]), zeroError };
}

/**
 * Returns log(y) where there is one and y is close enough, as any retraction of second order agrees with; else the
 * difference.
 */
function chart<M, P, T, Z, G>(manifold: Manifold<M, P, T, Z, G>, x: P, y: P): T {
  try {
    const logarithm = manifold.log?.(x, y);
    if (logarithm !== undefined) return logarithm;
  } catch (error) {
    // A product of which a component has none, or a point beyond the reach of logarithms.
    if (!(error instanceof BuresError)) throw error;
  }
  return manifold.difference(x, y);
}
