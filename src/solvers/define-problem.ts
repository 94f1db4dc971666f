import { checkConstrained } from './constraints/check-constrained.js';
import type { ConstrainedProblem, Constraint } from './constraints/constrained-problem.js';
import type { Problem } from './problem.js';

/**
 * Returns a problem as it is given, checked, with the types of points, tangents and gradients from its manifold: in a
 * variable of its own it needs no annotations. With `equality` or `inequality` it is one for
 * {@link augmentedLagrangian}.
 *
 * @param problem - see {@link Problem} and {@link ConstrainedProblem}.
 * @returns the same object.
 * @throws ConfigError naming the first field that is missing, invalid, or of another library.
 *
 * @example
 * ```ts
 * import { defineProblem, hostAlgebra, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const problem = defineProblem({
 *   manifold: sphere({ shape: [4] }),
 *   cost: (x) => 0.5 * la.inner(x, la.multiply(spectrum, x)),
 *   gradient: { kind: 'ambient', at: (x) => la.multiply(spectrum, x) },
 *   hessian: { kind: 'ambient', at: (_x, u) => la.multiply(spectrum, u) },
 * });
 * console.log((await minimize(problem)).cost); // ½
 * ```
 */
export function defineProblem<M, P, T, Z, G>(
  problem: ConstrainedProblem<M, P, T, Z, G> & { readonly equality: Constraint<M, P, T, G> },
): ConstrainedProblem<M, P, T, Z, G>;
export function defineProblem<M, P, T, Z, G>(
  problem: ConstrainedProblem<M, P, T, Z, G> & { readonly inequality: Constraint<M, P, T, G> },
): ConstrainedProblem<M, P, T, Z, G>;
export function defineProblem<M, P, T, Z, G, Batch = undefined>(problem: Problem<M, P, T, Z, G, Batch>): Problem<M, P, T, Z, G, Batch>;
export function defineProblem<M, P, T, Z, G>(problem: ConstrainedProblem<M, P, T, Z, G>): ConstrainedProblem<M, P, T, Z, G> {
  checkConstrained('defineProblem', problem);
  return problem;
}
