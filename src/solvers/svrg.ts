import { ConfigError } from '../core/errors.js';
import { checkNumber, declareOptions, describeValue, option, size } from '../core/options.js';
import { axpyTree } from '../core/tree.js';
import type { Objective } from './problem.js';
import type { EvaluatedState, Interrupted, Solver } from './solver.js';

/** Options of {@link svrg}. */
export interface SvrgOptions {
  /** Number of stochastic steps per epoch; usually one to five passes over the terms. */
  readonly innerSteps: number;
  /** Step size t of the stochastic steps: a number, or a function of the epoch 0, 1, …. */
  readonly stepSize: number | ((epoch: number) => number);
}

const svrgOptions = declareOptions<SvrgOptions>()({
  innerSteps: size({}),
  stepSize: option({}, (caller, name, value) => {
    if (typeof value !== 'function') checkNumber(caller, name, value, { above: 0 });
  }),
});

/**
 * Riemannian stochastic variance-reduced gradient (R-SVRG), on a finite sum. Each epoch computes the whole gradient at
 * its start x̃; each of its steps corrects the gradient of a batch b by the error of that batch at x̃:
 *
 * $$ v = \operatorname{grad}f_b(x)-T_{\tilde x\to x}\bigl(\operatorname{grad}f_b(\tilde x)-\operatorname{grad}f(\tilde x)\bigr), \qquad x \leftarrow R_x(-t\,v) $$
 *
 * v has the mean grad f(x), and a variance that vanishes as x and x̃ approach a minimum: with constant t it converges
 * linearly, where stochastic gradient descent stays at the level of its noise.
 *
 * An iteration of the solver is an epoch, so that costs, gradient norms and stopping rules are those of the whole sum.
 * Step j of epoch s sees the batch `nextBatch(s·innerSteps + j)`.
 *
 * Differences from the reference: the next x̃ is the epoch's last point (their option II); the first step of an epoch
 * is along the whole gradient, to which v is then equal.
 *
 * @param options - steps per epoch, and their size.
 * @returns the solver. An epoch takes one whole cost and gradient, and per step two gradients of a batch, one transport
 * and one retraction.
 * @throws ConfigError if an option is out of range, and from `init` if the problem states no `wholeBatch`.
 *
 * @example
 * ```ts
 * import { euclidean, gradientNormBelow, hostAlgebra, minimize, seededRandom, svrg } from 'bures';
 *
 * // Least squares over rows (a, b): the batch is a list of rows.
 * const la = hostAlgebra();
 * const random = seededRandom(1);
 * const rows = Array.from({ length: 40 }, () => ({ a: la.randomNormal([3], random), b: random.normal() }));
 * const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
 * type Row = (typeof rows)[number];
 * type Vector = Row['a'];
 * const residual = (x: Vector, { a, b }: Row) => la.inner(a, x) - b;
 * const problem = {
 *   manifold: euclidean({ shape: [3] }),
 *   cost: (x: Vector, batch: Row[]) => 0.5 * mean(batch.map((row) => residual(x, row) ** 2)),
 *   gradient: { kind: 'ambient', at: (x: Vector, batch: Row[]) => batch.reduce((sum, row) => la.axpy(residual(x, row) / batch.length, row.a, sum), la.full([3], 0)) },
 *   nextBatch: (k: number) => [rows[(7 * k) % 40], rows[(11 * k + 3) % 40]],
 *   wholeBatch: () => rows,
 * } as const;
 * console.log((await minimize(problem, { solver: svrg({ innerSteps: 40, stepSize: 0.05 }), stop: gradientNormBelow(1e-9) })).converged);
 * ```
 * @see Sato, Kasai and Mishra, "Riemannian stochastic variance reduced gradient algorithm with retraction and vector
 * transport", SIAM J. Optim. 29(2), 2019, algorithm 1; Johnson and Zhang 2013.
 */
export function svrg(options: SvrgOptions): Solver {
  const { innerSteps, stepSize } = svrgOptions.read('svrg', options);
  return {
    name: `svrg(${innerSteps})`,
    init(problem, x) {
      if (!problem.finiteSum) {
        throw new ConfigError(
          'svrg: the problem is no finite sum; state wholeBatch: () => the batch of all terms, of which nextBatch draws samples',
        );
      }
      return { x, iteration: 0, memory: {} };
    },
    evaluate: (problem, { x }) => problem.evaluateWhole(x),
    async step(problem, state, interrupted) {
      const t = typeof stepSize === 'function' ? stepSize(state.iteration) : stepSize;
      if (!(Number.isFinite(t) && t >= 0)) {
        throw new ConfigError(`svrg: the schedule gave ${describeValue(t)} at epoch ${state.iteration}; it must give a finite number ≥ 0`);
      }
      const x = await runEpoch(problem, state, { innerSteps, t }, interrupted);
      if (x === undefined) return state;
      return { x, iteration: state.iteration + 1, stepSize: t, memory: {} };
    },
  };
}

/** Takes the steps of an epoch; returns `undefined` if interrupted. */
async function runEpoch<M, P, T>(
  problem: Objective<M, P, T>,
  { x: anchor, gradient: whole, iteration }: EvaluatedState<P, T>,
  { innerSteps, t }: { readonly innerSteps: number; readonly t: number },
  interrupted: Interrupted,
): Promise<P | undefined> {
  const la = problem.manifold.algebra;
  // A retraction that changes from step to step counts the steps of the epochs as steps of the run.
  const manifoldOf = (j: number) => problem.manifold.atStep?.(iteration * innerSteps + j + 1) ?? problem.manifold;
  const scope = la.openScope();
  let reached: P | undefined;
  try {
    let x = scope.run(() => manifoldOf(0).retract(anchor, whole, -t));
    for (let j = 1; j < innerSteps; j++) {
      if (await interrupted()) return undefined;
      const from = x;
      x = await scope.run(async () => {
        const k = iteration * innerSteps + j;
        const manifold = manifoldOf(j);
        const excess = axpyTree(la, -1, whole, await problem.gradient(anchor, k));
        const reduced = axpyTree(la, -1, manifold.transport(anchor, from, excess), await problem.gradient(from, k));
        return manifold.retract(from, reduced, -t);
      });
      scope.free(x);
    }
    reached = x;
    return x;
  } finally {
    scope.close(reached);
  }
}
