/** Values and derivatives of costs on a tape. */
import { NotImplementedError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { forEachLeaf, mapTree } from '../core/tree.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import { Tape, Traced } from './tape.js';
import { algebraOnTape } from './tape-algebra.js';

/**
 * A cost of a point (an array, or a record of arrays), written in the operations it is given. It returns a single
 * number as an array of shape []. It may use arrays of the engine as constants, and may pass the arrays of the point to
 * the operations only: while the cost is differentiated, these are places on a tape. The cost of a stochastic problem
 * takes the batch besides, as it is.
 */
export type TracedCost<M, P, Batch = undefined> = (ops: DifferentiableAlgebra<M>, x: P, batch: Batch) => M;

/** A cost without a batch, or on a fixed one. */
export type PlainCost<M, P> = (ops: DifferentiableAlgebra<M>, x: P) => M;

/**
 * Computes the inner product of a gradient, which may be on a tape, with a displacement of the coordinates.
 *
 * @param caller - the function that the user called, for errors.
 * @throws ShapeError unless the displacement has the components of the gradient.
 */
export function innerWith<M, P>(caller: string, la: LinearAlgebra<M>, outer: DifferentiableAlgebra<M>, gradient: P, u: P): M {
  const terms: M[] = [];
  const fail = (message: string): never => {
    throw new ShapeError(`${caller}: ${message}; pass a displacement of its coordinates, with all of its components`);
  };
  const directions = new Map<string, M>();
  forEachLeaf<M>(la, u, (leaf, path) => directions.set(path, leaf));
  forEachLeaf<M>(outer, gradient, (leaf, path) => {
    const direction =
      directions.get(path) ?? fail(path === '' ? 'u must be an array, as the point is' : `u has no component '${path}' of the point`);
    const [expected, came] = [outer.shape(leaf), la.shape(direction)];
    if (expected.join() !== came.join()) fail(`${path === '' ? 'u' : `u.${path}`} has shape [${came}], and the point [${expected}]`);
    directions.delete(path);
    terms.push(outer.inner(leaf, direction));
  });
  const beyond = directions.keys().next();
  if (!beyond.done)
    fail(beyond.value === '' ? 'u is an array, and the point is not' : `u has a component '${beyond.value}', and the point has none`);
  return terms.reduce((sum, term) => outer.add(sum, term));
}

/** Computes value and gradient of a cost over an algebra, which may itself be on a tape. */
export function differentiate<M, P>(
  la: LinearAlgebra<M>,
  base: DifferentiableAlgebra<M>,
  cost: PlainCost<M, P>,
  x: P,
): { readonly value: M; readonly gradient: P } {
  const tape = new Tape<M>(base);
  const variables: Traced<M>[] = [];
  const leaves = { isArray: (value: unknown): value is M => la.isArray(value) || value instanceof Traced };
  // Places on the tape stand in for arrays: a cost passes them on without looking inside.
  const traced = mapTree<M, P>(
    leaves,
    (leaf) => {
      const variable = tape.variable(leaf);
      variables.push(variable);
      return variable as unknown as M;
    },
    x,
  );
  const result: unknown = cost(algebraOnTape(tape) as unknown as DifferentiableAlgebra<M>, traced);
  const value = scalar(base, tape.valueOf(result));
  const derivatives = tape.holds(result) ? tape.gradient(result, base.full([], 1), variables) : [];
  // mapTree visits trees of one structure in one order.
  let next = 0;
  return { value, gradient: mapTree<M, P>(leaves, (leaf) => derivatives[next++] ?? base.full(base.shape(leaf), 0), x) };
}

/** @throws ShapeError or NotImplementedError unless a cost is a single number that has not left the engine. */
export function scalar<M>(ops: DifferentiableAlgebra<M>, value: M): M {
  if (value instanceof Traced || ops.isArray(value)) {
    const shape = ops.shape(value);
    if (shape.length === 0) return value;
    throw new ShapeError(
      `autodiff: the cost must be a single number, of shape [], got [${shape}]; sum it up with ops.total, ops.inner or ops.norm`,
    );
  }
  throw new NotImplementedError(
    `autodiff: the cost must return an array of shape [], got ${describeValue(value)}; a number has left the tape: use ops.inner, ops.norm and ops.total, and scale with ops.scale`,
  );
}
