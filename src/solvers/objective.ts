/** From a problem as the user states it to the objective that solvers see: batches drawn, gradients Riemannian. */
import { ConfigError, NotImplementedError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { forEachLeaf } from '../core/tree.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { CostAndDerivative, Objective, Problem } from './problem.js';

/** How a problem tells what its gradient is. */
const gradientKinds = ['ambient', 'coordinates', 'riemannian'] as const;

/** @throws ConfigError naming the first part of the problem that is missing. */
function checkProblem<M, P, T, Z, G, Batch>(problem: Problem<M, P, T, Z, G, Batch>): void {
  if (typeof problem?.manifold?.retractTransport !== 'function') {
    throw new ConfigError(
      `problem: 'manifold' must be a manifold, got ${describeValue(problem?.manifold)}; make one with, say, fixedRank({ m, n, rank })`,
    );
  }
  if (typeof problem.cost !== 'function')
    throw new ConfigError(`problem: 'cost' must be a function (x, batch) => number, got ${describeValue(problem.cost)}`);
  if (problem.nextBatch !== undefined && typeof problem.nextBatch !== 'function') {
    throw new ConfigError(`problem: 'nextBatch' must be a function (k) => batch, got ${describeValue(problem.nextBatch)}`);
  }
  const { gradient } = problem;
  if (!gradientKinds.includes(gradient?.kind) || typeof gradient.at !== 'function') {
    throw new ConfigError(
      `problem: 'gradient' must be { kind: 'ambient' | 'coordinates' | 'riemannian', at: (x, batch) => … }, got ${describeValue(gradient)}; ` +
        "use 'ambient' for the derivative by X, 'coordinates' for the derivative by the point's own arrays",
    );
  }
}

/** @throws ShapeError unless a derivative has the arrays that its kind promises. */
function checkStructure<M>(la: LinearAlgebra<M>, derivative: unknown, like: unknown, kind: 'coordinates' | 'riemannian'): void {
  const what = kind === 'coordinates' ? 'the components of a point' : 'the components of a tangent';
  const found = new Map<string, readonly number[]>();
  forEachLeaf<M>(la, derivative, (leaf, path) => found.set(path, la.shape(leaf)));
  forEachLeaf<M>(la, like, (leaf, path) => {
    const [wanted, came] = [la.shape(leaf), found.get(path)];
    // What a gradient lacks, or the point carries beyond its coordinates, is told by the manifold when it reads it.
    if (came === undefined && found.size > 0 && !(kind === 'riemannian')) return;
    if (came === undefined || came.join() !== wanted.join()) {
      throw new ShapeError(
        `problem: gradient.at, of kind '${kind}', must return ${what}: expected ${path || 'an array'} of shape [${wanted}], got ${came === undefined ? describeValue(derivative) : `[${came}]`}; ` +
          "use 'ambient' for the derivative by the matrix X",
      );
    }
  });
}

/** An objective that tells which batch it holds on to, so that the loop does not free it. */
export interface DrawnObjective<M, P, T> extends Objective<M, P, T> {
  /** The batch drawn last; `undefined` before the first, and of a deterministic cost. */
  drawnBatch(): unknown;
}

/**
 * Wraps a problem for a solver.
 *
 * The batch of a step is drawn once, and kept until another step asks: a line search and the gradient of one step see the same data.
 *
 * @throws ConfigError if a part of the problem is missing.
 */
export function objective<M, P, T, Z, G, Batch>(problem: Problem<M, P, T, Z, G, Batch>): Objective<M, P, T> {
  return drawnObjective(problem);
}

/** {@link objective}, for the loop. */
export function drawnObjective<M, P, T, Z, G, Batch>(problem: Problem<M, P, T, Z, G, Batch>): DrawnObjective<M, P, T> {
  checkProblem(problem);
  const { manifold, gradient, hessian, nextBatch } = problem;
  let drawn: { readonly k: number; readonly batch: Batch } | undefined;
  const batchOf = async (k: number): Promise<Batch> => {
    // Without nextBatch, Batch is undefined by the problem's type.
    if (nextBatch === undefined) return undefined as Batch;
    if (drawn?.k !== k) drawn = { k, batch: await nextBatch.call(problem, k) };
    return drawn.batch;
  };
  let checked = false;
  const toRiemannian = (x: P, derivative: G | P | T): T => {
    if (!checked) {
      // Once: a gradient of the wrong structure has it at every point.
      if (gradient.kind === 'coordinates') checkStructure(manifold.algebra, derivative, x, gradient.kind);
      if (gradient.kind === 'riemannian') checkStructure(manifold.algebra, derivative, manifold.zeroTangent(x), gradient.kind);
      checked = true;
    }
    if (gradient.kind === 'ambient') return manifold.egradToRgrad(x, derivative as G);
    return gradient.kind === 'coordinates' ? manifold.coordinatesToRgrad(x, derivative as P) : (derivative as T);
  };
  const costAndDerivative = async (x: P, batch: Batch, known: number | undefined): Promise<CostAndDerivative<P, T, G>> => {
    if (problem.costAndGradient !== undefined) return problem.costAndGradient(x, batch);
    return { cost: known ?? (await problem.cost(x, batch)), gradient: await gradient.at(x, batch) };
  };
  return {
    manifold,
    drawnBatch: () => drawn?.batch,
    stochastic: nextBatch !== undefined,
    cost: async (x, k) => problem.cost(x, await batchOf(k)),
    async evaluate(x, k, knownCost) {
      const known = nextBatch === undefined ? knownCost : undefined;
      const { cost, gradient: derivative } = await costAndDerivative(x, await batchOf(k), known);
      if (typeof cost !== 'number')
        throw new ConfigError(`problem: cost must return a number, got ${describeValue(cost)}; sum the array up`);
      const riemannian = toRiemannian(x, derivative);
      return { cost, gradient: riemannian, gradientNorm: await manifold.norm(x, riemannian) };
    },
    async hessian(x, u, k) {
      const batch = await batchOf(k);
      if (hessian?.kind === 'riemannian') return hessian.at(x, u, batch);
      if (hessian === undefined || gradient.kind !== 'ambient' || manifold.ehessToRhess === undefined) {
        throw new NotImplementedError(
          `hessian: ${hessian === undefined ? 'the problem states none' : `${manifold.name} has no ehessToRhess, or the gradient is not 'ambient'`}; ` +
            "state hessian: { kind: 'riemannian', at: (x, u) => … }, or use a manifold that converts Euclidean Hessians",
        );
      }
      return manifold.ehessToRhess(x, await gradient.at(x, batch), await hessian.at(x, u, batch), u);
    },
  };
}

/**
 * Remembers a function's last results by point and batch, so that cost and gradient share what both need, such as a residual.
 *
 * Points are compared by identity, which is what solvers pass on. Results are forgotten with their point. A result of which a device array has been disposed of,
 * as the loop does at the end of a step, is computed again.
 *
 * @param compute - a pure function of the point (an object) and the batch.
 */
export function perPoint<P extends object, Result, Batch = undefined>(
  compute: (x: P, batch: Batch) => Result,
): (x: P, ...batch: Batch extends undefined ? [batch?: Batch] : [batch: Batch]) => Result {
  const results = new WeakMap<P, { readonly batch: Batch; readonly result: Result; settled: unknown }>();
  return (x, ...rest) => {
    // Left out, the batch is undefined, as its type says.
    const batch = rest[0] as Batch;
    const known = results.get(x);
    if (known !== undefined && known.batch === batch && !isDisposed(known.settled)) return known.result;
    const result = compute(x, batch);
    const entry = { batch, result, settled: result as unknown };
    if (result instanceof Promise) {
      // A rejection reaches whoever awaits the result.
      result.then(
        (value) => {
          entry.settled = value;
        },
        () => undefined,
      );
    }
    results.set(x, entry);
    return result;
  };
}

/** Whether a device array in a result has been disposed of; those say so themselves, host arrays never. Looks into plain records and lists only. */
function isDisposed(result: unknown): boolean {
  if (typeof result !== 'object' || result === null || ArrayBuffer.isView(result)) return false;
  if ('isDisposed' in result) return result.isDisposed === true;
  const prototype = Object.getPrototypeOf(result);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  return Object.values(result).some(isDisposed);
}
