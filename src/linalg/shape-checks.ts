/** Shape checks that every engine shares, so that a mistake reads the same on the host and on a device. */
import { ConfigError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

/** Formats a shape as people write it: `5×3`, `[4, 5, 3]` with a batch, `[]` for a batch scalar. */
export function describeShape(shape: readonly number[]): string {
  return shape.length === 2 ? `${shape[0]}×${shape[1]}` : `[${shape.join(', ')}]`;
}

/** Returns the number of entries of an array of this shape. */
export function entryCount(shape: readonly number[]): number {
  let count = 1;
  for (let axis = 0; axis < shape.length; axis++) count *= shape[axis];
  return count;
}

/** Returns true if two shapes agree in every axis. */
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

/**
 * Requires memory for as many floating-point numbers as a shape has entries: the target of `readInto`.
 *
 * @throws ConfigError if it is something else; ShapeError if the count does not fit.
 */
export function checkTarget(caller: string, shape: readonly number[], target: Float32Array | Float64Array): void {
  if (!(target instanceof Float32Array || target instanceof Float64Array)) {
    throw new ConfigError(
      `${caller}: expected a Float32Array or a Float64Array to write to, got ${describeValue(target)}; pass new Float32Array(${entryCount(shape)})`,
    );
  }
  if (target.length === entryCount(shape)) return;
  throw new ShapeError(
    `${caller}: an array of shape ${describeShape(shape)} has ${entryCount(shape)} entries, but the target holds ${target.length}; pass memory for all of them`,
  );
}

/**
 * Requires numbers, as many as a shape has entries: the arguments of `fromArray`.
 *
 * @throws ConfigError if they are not numbers; ShapeError if the shape is invalid or the count does not fit.
 */
export function checkEntries(values: ArrayLike<number>, shape: readonly number[]): void {
  if (typeof values !== 'object' || values === null || typeof values.length !== 'number') {
    throw new ConfigError(
      `fromArray: expected an array of numbers in row-major order, got ${describeValue(values)}; pass, say, fromArray([1, 2, 3, 4], [2, 2])`,
    );
  }
  checkDimensions('fromArray', shape);
  if (values.length !== entryCount(shape)) {
    throw new ShapeError(
      `fromArray: shape ${describeShape(shape)} needs ${entryCount(shape)} values, got ${values.length}; pass all entries in row-major order`,
    );
  }
  // A typed array holds numbers throughout, unless its first element shows it to hold big integers. Any other list is
  // checked, since a nested list or a string in it would silently become NaN.
  if (ArrayBuffer.isView(values) && typeof values[0] === 'number') return;
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] === 'number') continue;
    throw new ConfigError(
      `fromArray: expected numbers, got ${describeValue(values[i])} at index ${i}; flatten nested rows into one list, row after row`,
    );
  }
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
 * @param tailA - number of axes at the end of the first shape that do not belong to the batch; `tailB` likewise.
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

/**
 * Requires d to be a vector along the rows (`fromEnd` 2) or columns (1) of a matrix.
 *
 * @throws ShapeError showing both shapes.
 */
export function checkScaling(caller: string, d: readonly number[], matrix: readonly number[], fromEnd: 1 | 2): void {
  checkMatrix(caller, matrix);
  checkVector(caller, d);
  checkSameBatch(caller, d, 1, matrix, 2);
  if (d[d.length - 1] === matrix[matrix.length - fromEnd]) return;
  throwMismatch(
    caller,
    `a vector as long as the matrix has ${fromEnd === 2 ? 'rows' : 'columns'}`,
    d,
    matrix,
    'check which side is scaled',
  );
}

/** Requires the axes of a batch scalar to be the first axes of an array. @throws ShapeError showing both shapes. */
export function checkScaleEach(batch: readonly number[], shape: readonly number[]): void {
  if (batch.length <= shape.length && batch.every((length, axis) => length === shape[axis])) return;
  throwMismatch(
    'scaleEach',
    'a batch scalar whose axes are the first axes of x',
    batch,
    shape,
    'reshape the scalar to the batch axes of x',
  );
}

/** Requires matrices that can be joined. @throws ShapeError showing the first pair that cannot. */
export function checkConcat(shapes: readonly (readonly number[])[], along: 'rows' | 'columns'): void {
  const [first] = shapes;
  const other = along === 'rows' ? 1 : 2;
  for (const shape of shapes) {
    checkMatrix('concat', shape);
    checkSameBatch('concat', first, 2, shape, 2);
    if (shape[shape.length - other] === first[first.length - other]) continue;
    throwMismatch(
      'concat',
      `matrices with equal ${along === 'rows' ? 'columns' : 'rows'}`,
      first,
      shape,
      `joining along ${along} needs it`,
    );
  }
}

/**
 * Requires a half-open range of rows or columns inside a matrix.
 *
 * @returns the range.
 * @throws ConfigError unless it has two ends; ShapeError if they are not inside.
 */
export function checkRange(
  name: 'rows' | 'columns',
  range: readonly [number, number],
  length: number,
  shape: readonly number[],
): readonly [number, number] {
  const [first, end] = range;
  if (range.length !== 2)
    throw new ConfigError(
      `slice: ${name} must be [first, end), two numbers, got ${describeValue(range)}; slices have no step: join pieces by concat, or multiply by a selection`,
    );
  if (Number.isInteger(first) && Number.isInteger(end) && 0 <= first && first <= end && end <= length) return range;
  throw new ShapeError(
    `slice: ${name} must be [first, end) with 0 ≤ first ≤ end ≤ ${length} for shape ${describeShape(shape)}, got [${String(first)}, ${String(end)}]; pass integers inside it`,
  );
}
