/** Conversion of the user's problem to the objective that solvers see: batches drawn, gradients Riemannian. */
import { ConfigError, DomainError, NotImplementedError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { forEachLeaf } from '../core/tree.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkProblem } from './check-problem.js';
import type { Evaluation, Objective, Problem } from './problem.js';

/** Error for a step without a batch; it ends the loop, with its message as the reason. */
export class EndOfData extends DomainError {}

/** @throws ShapeError unless a derivative has the arrays that its kind promises. */
function checkStructure<M>(
  caller: string,
  la: LinearAlgebra<M>,
  derivative: unknown,
  like: unknown,
  kind: 'coordinates' | 'riemannian',
): void {
  const what = kind === 'coordinates' ? 'the components of a point' : 'the components of a tangent';
  const found = new Map<string, readonly number[]>();
  forEachLeaf<M>(la, derivative, (leaf, path) => found.set(path, la.shape(leaf)));
  forEachLeaf<M>(la, like, (leaf, path) => {
    const [wanted, came] = [la.shape(leaf), found.get(path)];
    // The manifold reports components that the gradient lacks, or that the point has beyond its coordinates.
    if (came === undefined && found.size > 0 && !(kind === 'riemannian')) return;
    if (came === undefined || came.join() !== wanted.join()) {
      throw new ShapeError(
        `${caller}: problem: gradient.at, of kind '${kind}', must return ${what}: expected ${path || 'an array'} of shape [${wanted}], got ${came === undefined ? describeValue(derivative) : `[${came}]`}; ` +
          "use 'ambient' for the derivative by the matrix X",
      );
    }
  });
}

/** An objective that reports which arrays it holds, so that the loop does not free them. */
export interface DrawnObjective<M, P, T> extends Objective<M, P, T> {
  /** Returns what the objective needs again in the step from x: the batch drawn last, the derivative at x. */
  retained(x: P): unknown;
}

/**
 * Wraps a problem for a solver.
 *
 * The batch of a step is drawn once and kept until another step needs one, so that a line search and the gradient of
 * one step see the same data.
 *
 * @throws ConfigError if a part of the problem is missing.
 */
export function objective<M, P, T, Z, G, Batch>(problem: Problem<M, P, T, Z, G, Batch>): Objective<M, P, T> {
  return drawnObjective('objective', problem);
}

/**
 * Wraps a problem as {@link objective} does, for the loop; errors name the calling function.
 *
 * @param besides - further fields of the problem that the caller reads.
 */
export function drawnObjective<M, P, T, Z, G, Batch>(
  caller: string,
  problem: Problem<M, P, T, Z, G, Batch>,
  besides: readonly string[] = [],
): DrawnObjective<M, P, T> {
  checkProblem(caller, problem, besides);
  const { manifold, gradient, hessian, nextBatch, preconditioner, costAlong, linearize } = problem;
  let drawn: { readonly k: number; readonly batch: Batch } | undefined;
  const batchOf = async (k: number): Promise<Batch> => {
    // Without nextBatch, the type of the problem makes Batch undefined.
    if (nextBatch === undefined) return undefined as Batch;
    if (drawn?.k === k) return drawn.batch;
    const batch = await nextBatch.call(problem, k);
    if (batch === undefined) throw new EndOfData(`nextBatch(${k}) gave undefined: the data has ended`);
    drawn = { k, batch };
    return batch;
  };
  const toRiemannian = gradientConverter(caller, problem);
  const toRhess = hessianConverter(problem);
  const hasHessian = hessian?.kind === 'riemannian' || toRhess !== undefined;
  // The derivative of the last evaluation at a point serves the Hessian products there.
  const derivatives = lastDerivative<P, G | P | T, Batch>();
  const derivativeAt = async (x: P, batch: Batch): Promise<G | P | T> => {
    const derivative =
      problem.costAndGradient === undefined ? await gradient.at(x, batch) : (await problem.costAndGradient(x, batch)).gradient;
    if (toRhess !== undefined) derivatives.put(x, batch, derivative);
    return derivative;
  };
  const evaluateOn = async (x: P, batch: Batch, known: number | undefined): Promise<Evaluation<T>> => {
    const both =
      problem.costAndGradient === undefined
        ? { cost: known ?? (await problem.cost(x, batch)), gradient: await gradient.at(x, batch) }
        : await problem.costAndGradient(x, batch);
    if (typeof both !== 'object' || both === null)
      throw new ConfigError(`${caller}: problem: costAndGradient must return { cost, gradient }, got ${describeValue(both)}; return both`);
    const { cost, gradient: derivative } = both;
    if (typeof cost !== 'number')
      throw new ConfigError(`${caller}: problem: cost must return a number, got ${describeValue(cost)}; sum the array up`);
    if (toRhess !== undefined) derivatives.put(x, batch, derivative);
    const riemannian = toRiemannian(x, derivative);
    return { cost, gradient: riemannian, gradientNorm: await manifold.norm(x, riemannian) };
  };
  const hessianAt = async (x: P, k: number): Promise<(u: T) => Promise<T>> => {
    const batch = await batchOf(k);
    if (hessian?.kind === 'riemannian') return async (u) => hessian.at(x, u, batch);
    if (hessian === undefined || toRhess === undefined) throw noHessian(caller, problem);
    const derivative = derivatives.get(x, batch) ?? (await derivativeAt(x, batch));
    // Where coordinates are converted, a tangent is a displacement of them.
    return async (u) => toRhess(x, derivative, await hessian.at(x, u as T & P, batch), u);
  };
  return {
    manifold,
    stochastic: nextBatch !== undefined,
    finiteSum: problem.wholeBatch !== undefined,
    hasHessian,
    retained: (x) => [drawn?.batch, derivatives.of(x)],
    cost: async (x, k) => problem.cost(x, await batchOf(k)),
    evaluate: async (x, k, known) => evaluateOn(x, await batchOf(k), nextBatch === undefined ? known : undefined),
    gradient: async (x, k) => toRiemannian(x, await derivativeAt(x, await batchOf(k))),
    async evaluateWhole(x) {
      if (problem.wholeBatch === undefined) {
        throw new NotImplementedError('evaluateWhole: the problem is no finite sum; state wholeBatch: () => the batch of all its terms');
      }
      return evaluateOn(x, await problem.wholeBatch(), undefined);
    },
    hessian: async (x, u, k) => (await hessianAt(x, k))(u),
    hessianAt,
    ...(costAlong && { costAlong: async (x: P, u: T, k: number) => costAlong.call(problem, x, u, await batchOf(k)) }),
    ...(linearize && { linearize: async (x: P) => linearize.call(problem, x) }),
    ...(preconditioner && { precondition: async (x: P, u: T, k: number) => preconditioner.at(x, u, await batchOf(k)) }),
  };
}

/** The map from derivatives of the problem's kind to the Riemannian Hessian along u. */
type HessianConverter<P, T> = (x: P, derivative: unknown, product: unknown, u: T) => T;

/**
 * Returns the map from first and second derivatives of the problem's kind to the Riemannian Hessian along u; undefined
 * if the manifold has none for that kind, or the problem no such second derivative.
 */
function hessianConverter<M, P, T, Z, G, Batch>({
  manifold,
  gradient,
  hessian,
}: Problem<M, P, T, Z, G, Batch>): HessianConverter<P, T> | undefined {
  if (hessian === undefined || hessian.kind === 'riemannian' || hessian.kind !== gradient.kind) return undefined;
  const convert = hessian.kind === 'coordinates' ? manifold.coordinatesToRhess : manifold.ehessToRhess;
  return convert && ((convert as HessianConverter<P, T>).bind(manifold) as HessianConverter<P, T>);
}

function noHessian<M, P, T, Z, G, Batch>(
  caller: string,
  { manifold, gradient, hessian }: Problem<M, P, T, Z, G, Batch>,
): NotImplementedError {
  const reason =
    hessian === undefined
      ? 'the problem states no Hessian'
      : `${manifold.name} cannot convert a Hessian of kind '${hessian.kind}' beside a gradient of kind '${gradient.kind}'`;
  return new NotImplementedError(
    `${caller}: ${reason}; state hessian: { kind: 'riemannian', at: (x, u) => … }, or use a manifold that converts it (ehessToRhess, coordinatesToRhess)`,
  );
}

/**
 * Returns the map from a derivative of the problem's kind to the Riemannian gradient; it checks the structure on the
 * first call.
 */
function gradientConverter<M, P, T, Z, G, Batch>(
  caller: string,
  { manifold, gradient }: Problem<M, P, T, Z, G, Batch>,
): (x: P, derivative: G | P | T) => T {
  let checked = false;
  return (x, derivative) => {
    if (!checked) {
      // One check is enough: a gradient of the wrong structure has it at every point.
      if (gradient.kind === 'coordinates') checkStructure(caller, manifold.algebra, derivative, x, gradient.kind);
      if (gradient.kind === 'riemannian') checkStructure(caller, manifold.algebra, derivative, manifold.zeroTangent(x), gradient.kind);
      checked = true;
    }
    if (gradient.kind === 'ambient') return manifold.egradToRgrad(x, derivative as G);
    return gradient.kind === 'coordinates' ? manifold.coordinatesToRgrad(x, derivative as P) : (derivative as T);
  };
}

/** Remembers the last derivative while its arrays live; only one, since it may be as large as the data. */
export function lastDerivative<P, D, Batch>() {
  let last: { readonly x: P; readonly batch: Batch; readonly derivative: D } | undefined;
  return {
    put(x: P, batch: Batch, derivative: D): void {
      // An operator hides its arrays, so that it is unknown if they have been freed since.
      last = hidesArrays(derivative) ? undefined : { x, batch, derivative };
    },
    get: (x: P, batch: Batch): D | undefined =>
      last?.x === x && last.batch === batch && !isDisposed(last.derivative) ? last.derivative : undefined,
    of: (x: unknown): D | undefined => (last?.x === x ? last?.derivative : undefined),
  };
}

/** Returns true if a value is a function or a record that holds functions, which may hide arrays. */
function hidesArrays(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return typeof value === 'function';
  return Object.values(value).some(hidesArrays);
}

/**
 * Remembers a function's last result at each point, with its batch, so that cost and gradient share work such as a
 * residual.
 *
 * Points are compared by identity, which solvers preserve. Results are forgotten with their point. If a device array in
 * a result has been disposed of, as the loop does at the end of a step, the result is computed again.
 *
 * @param compute - a pure function of the point (an object) and the batch.
 */
export function perPoint<P extends object, Result, Batch = undefined>(
  compute: (x: P, batch: Batch) => Result,
): (x: P, ...batch: Batch extends undefined ? [batch?: Batch] : [batch: Batch]) => Result {
  const results = new WeakMap<P, { readonly batch: Batch; readonly result: Result; settled: unknown }>();
  return (x, ...rest) => {
    // If left out, the batch is undefined, as its type says.
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

/**
 * Returns true if a device array in a result has been disposed of; host arrays never are. It looks into plain records
 * and lists only.
 */
function isDisposed(result: unknown): boolean {
  if (typeof result !== 'object' || result === null || ArrayBuffer.isView(result)) return false;
  if ('isDisposed' in result) return result.isDisposed === true;
  const prototype = Object.getPrototypeOf(result);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  return Object.values(result).some(isDisposed);
}
