import { ConfigError } from '../core/errors.js';

/** A solver that carries its data, with the costs that a problem of these data may have at a point. */
export interface OwnProblem {
  /** The solver, for the message. */
  readonly caller: string;
  /** The costs, of which one must be the problem's. */
  readonly costs: readonly number[];
  /** ε of the engine. */
  readonly epsilon: number;
  /** What the cost is compared with besides itself: ½ of the squares of the data, if a fit may leave rounding alone. */
  readonly scale?: number;
  /** The problem to pass, in words. */
  readonly expected: string;
}

/**
 * Requires the problem that a solver is given to be the one it solves. Its data are its own, so that it would take the
 * same steps on any problem, whose costs and gradients would then be those of something else; the cost at the first
 * point tells.
 *
 * @throws ConfigError naming both costs.
 */
export function checkOwnProblem(cost: number, { caller, costs, epsilon, scale = 0, expected }: OwnProblem): void {
  const isNear = (own: number): boolean =>
    own === cost || Math.abs(own - cost) <= Math.sqrt(epsilon) * Math.max(Math.abs(own), Math.abs(cost)) + epsilon * scale;
  if (costs.some(isNear)) return;
  throw new ConfigError(
    `${caller}: expected ${expected}, whose cost at the first point is ${costs.map(String).join(' or ')}, got a problem whose cost is ${cost}; ` +
      'pass that problem, with the same data and weights, or take a solver that works on any problem, such as trustRegions',
  );
}
