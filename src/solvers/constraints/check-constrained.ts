import { ConfigError } from '../../core/errors.js';
import { checkProblem } from '../check-problem.js';
import { checkVectorFunction } from '../vector-function.js';
import type { ConstrainedProblem } from './constrained-problem.js';

/** The fields that a problem with constraints has beside those of every problem. */
export const constraintFields: readonly string[] = ['equality', 'inequality'];

/**
 * Requires a problem that may have constraints.
 *
 * @throws ConfigError naming the first part that is missing, invalid, or of another library, and if the cost of a
 * problem with constraints is stochastic.
 */
export function checkConstrained<M, P, T, Z, G>(caller: string, problem: ConstrainedProblem<M, P, T, Z, G>): void {
  checkProblem(caller, problem, constraintFields);
  const { equality, inequality, nextBatch } = problem;
  if (equality !== undefined) checkVectorFunction(caller, 'equality', equality, false);
  if (inequality !== undefined) checkVectorFunction(caller, 'inequality', inequality, false);
  if (nextBatch !== undefined && (equality !== undefined || inequality !== undefined))
    throw new ConfigError(`${caller}: the cost must be deterministic, got one with nextBatch; state the cost of all data`);
}
