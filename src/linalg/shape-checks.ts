/** Shape checks that every engine shares, so that a mistake reads the same on the host and on a device. */
import { ShapeError } from '../core/errors.js';

/** A shape as people write it: `5×3`, `[4, 5, 3]` with a batch, `[]` for a batch scalar. */
export function describeShape(shape: readonly number[]): string {
  return shape.length === 2 ? `${shape[0]}×${shape[1]}` : `[${shape.join(', ')}]`;
}

/** The number of entries of an array of this shape. */
export function entryCount(shape: readonly number[]): number {
  let count = 1;
  for (let axis = 0; axis < shape.length; axis++) count *= shape[axis];
  return count;
}

/** Whether two shapes agree in every axis. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/** Requires nonnegative integer dimensions. @throws ShapeError otherwise. */
export function checkDimensions(caller: string, shape: readonly number[]): void {
  if (Array.isArray(shape) && shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0)) return;
  throw new ShapeError(
    `${caller}: a shape is an array of nonnegative integers, got ${JSON.stringify(shape) ?? String(shape)}; pass, say, [5, 3]`,
  );
}

/** Requires two arrays of one shape. @throws ShapeError showing both. */
export function checkSameShape(caller: string, a: readonly number[], b: readonly number[]): void {
  if (sameShape(a, b)) return;
  throw new ShapeError(
    `${caller}: expected two arrays of the same shape, got ${describeShape(a)} and ${describeShape(b)}; nothing is broadcast, so reshape or repeat one of them`,
  );
}

/** Requires at least the two axes of a matrix. @throws ShapeError otherwise. */
export function checkMatrix(caller: string, shape: readonly number[]): void {
  if (shape.length >= 2) return;
  throw new ShapeError(`${caller}: expected a matrix [.., m, n], got shape ${describeShape(shape)}; reshape it to [m, 1] or [1, n] first`);
}

/** Requires at least the one axis of a vector. @throws ShapeError otherwise. */
export function checkVector(caller: string, shape: readonly number[]): void {
  if (shape.length >= 1) return;
  throw new ShapeError(`${caller}: expected a vector [.., n], got a batch scalar of shape []; reshape it to [1] first`);
}

/** Requires a square matrix, perhaps batched. @throws ShapeError otherwise. */
export function checkSquare(caller: string, shape: readonly number[]): void {
  checkMatrix(caller, shape);
  if (shape[shape.length - 2] === shape[shape.length - 1]) return;
  throw new ShapeError(`${caller}: expected a square matrix [.., n, n], got ${describeShape(shape)}; pass as many rows as columns`);
}

/**
 * Requires equal batch axes.
 *
 * @param tailA - how many axes of the first shape, at its end, do not belong to the batch; `tailB` likewise.
 * @throws ShapeError showing both shapes.
 */
export function checkSameBatch(caller: string, a: readonly number[], tailA: number, b: readonly number[], tailB: number): void {
  let same = a.length - tailA === b.length - tailB;
  for (let axis = 0; same && axis < a.length - tailA; axis++) same = a[axis] === b[axis];
  if (same) return;
  throw new ShapeError(
    `${caller}: expected equal batch axes, got shapes ${describeShape(a)} and ${describeShape(b)}; batches are not broadcast, so give both the same leading axes`,
  );
}

/** Throws the error for two shapes that do not fit, saying what was expected and what to do. */
export function throwMismatch(caller: string, expected: string, a: readonly number[], b: readonly number[], remedy: string): never {
  throw new ShapeError(`${caller}: expected ${expected}, got ${describeShape(a)} and ${describeShape(b)}; ${remedy}`);
}
