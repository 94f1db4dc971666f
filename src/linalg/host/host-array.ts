/** The host engine's array, and conversions between strided views and the contiguous buffers that kernels read. */
import type { NdArray } from 'ndarray';
import { ConfigError, NumericalError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { describeShape, entryCount } from '../shape-checks.js';
import { allocateForOverwrite } from './allocate.js';
import { HostView } from './host-view.js';

/** A float64 array of any number of axes; inputs may be strided views, results are contiguous and row-major. */
export type HostArray = NdArray<Float64Array>;

/** Wraps a row-major buffer, which the array then owns. */
export function wrap(data: Float64Array, shape: readonly number[]): HostArray {
  const stride = new Array<number>(shape.length);
  let entries = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    stride[axis] = entries;
    entries *= shape[axis];
  }
  // Copied, since callers may pass another array's own shape.
  return new HostView(data, shape.slice(), stride, 0);
}

/** Returns true if a value is an `NdArray` over a `Float64Array`. */
export function isHostArray(value: unknown): value is HostArray {
  if (typeof value !== 'object' || value === null) return false;
  const { data, shape, stride, offset } = value as Partial<HostArray>;
  return data instanceof Float64Array && Array.isArray(shape) && Array.isArray(stride) && typeof offset === 'number';
}

/**
 * Requires an array of this engine whose view lies inside its buffer.
 *
 * @throws ConfigError if it is something else; ShapeError if shape and strides reach outside the buffer.
 */
export function checkArray(caller: string, x: HostArray): void {
  if (!isHostArray(x)) {
    const came =
      (x as unknown) instanceof Object && 'dtype' in (x as object)
        ? `an NdArray of ${String((x as { dtype: unknown }).dtype)}`
        : describeValue(x);
    throw new ConfigError(
      `${caller}: expected an NdArray of Float64Array, got ${came}; convert ${came.startsWith('an NdArray') ? 'it with fromNdarray(x)' : 'plain numbers with fromArray(values, shape)'}`,
    );
  }
  checkReach(caller, { shape: x.shape, stride: x.stride, offset: x.offset, length: x.data.length });
}

/** @throws ShapeError if a view reaches outside its data. */
export function checkReach(
  caller: string,
  { shape, stride, offset, length }: Pick<HostArray, 'shape' | 'stride' | 'offset'> & { readonly length: number },
): void {
  let lowest = offset;
  let highest = offset;
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 0) return;
    const reach = (shape[axis] - 1) * stride[axis];
    if (reach < 0) lowest += reach;
    else highest += reach;
  }
  if (lowest < 0 || highest >= length) {
    throw new ShapeError(
      `${caller}: shape ${describeShape(shape)} with strides [${stride.join(', ')}] from offset ${offset} reaches outside a buffer of ${length}; ` +
        'build arrays with fromArray(values, shape), which checks the count',
    );
  }
}

/** Returns true if the entries are stored one after another in row-major order. */
function isContiguous(x: HostArray): boolean {
  let expected = 1;
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    if (x.shape[axis] !== 1 && x.stride[axis] !== expected) return false;
    expected *= x.shape[axis];
  }
  return true;
}

/**
 * Returns the entries in row-major order, read-only: the array's own buffer if it is contiguous, else a copy.
 *
 * @throws ConfigError, ShapeError as {@link checkArray}.
 */
export function packed(caller: string, x: HostArray): Float64Array {
  checkArray(caller, x);
  const count = entryCount(x.shape);
  if (!isContiguous(x)) return gather(x, count);
  return x.offset === 0 && x.data.length === count ? x.data : x.data.subarray(x.offset, x.offset + count);
}

/** Returns a row-major copy of all entries. */
export function packedCopy(caller: string, x: HostArray): Float64Array {
  const values = packed(caller, x);
  return values.buffer === x.data.buffer ? values.slice() : values;
}

/**
 * Rows of the tiles in which strided matrices are read: each cache line of four columns is used whole before it is
 * displaced.
 */
const TILE = 64;

function gather(x: HostArray, count: number): Float64Array {
  const out = allocateForOverwrite(count);
  const axes = x.shape.length;
  const rows = axes >= 2 ? x.shape[axes - 2] : 1;
  const columns = x.shape[axes - 1];
  const rowStride = axes >= 2 ? x.stride[axes - 2] : 0;
  const columnStride = x.stride[axes - 1];
  const members = count === 0 ? 0 : count / (rows * columns);
  for (let member = 0; member < members; member++) {
    copyStrided(rows, columns, x.data, memberOffset(x, member, 2), rowStride, columnStride, out, member * rows * columns);
  }
  return out;
}

/**
 * Copies a strided m×n matrix to row-major order, in tiles so that a transposed source is not read one cache line an
 * entry, and four columns at a time, which halves the time of narrow matrices.
 */
export function copyStrided(
  m: number,
  n: number,
  source: Float64Array,
  offset: number,
  rowStride: number,
  columnStride: number,
  out: Float64Array,
  outOffset: number,
): void {
  const fourfoldColumns = n - (n % 4);
  for (let firstRow = 0; firstRow < m; firstRow += TILE) {
    const endRow = Math.min(firstRow + TILE, m);
    for (let j = 0; j < fourfoldColumns; j += 4) {
      let from = offset + firstRow * rowStride + j * columnStride;
      for (let i = firstRow; i < endRow; i++) {
        const to = outOffset + i * n + j;
        out[to] = source[from];
        out[to + 1] = source[from + columnStride];
        out[to + 2] = source[from + 2 * columnStride];
        out[to + 3] = source[from + 3 * columnStride];
        from += rowStride;
      }
    }
    for (let j = fourfoldColumns; j < n; j++) {
      for (let i = firstRow; i < endRow; i++) out[outOffset + i * n + j] = source[offset + i * rowStride + j * columnStride];
    }
  }
}

/**
 * Returns the offset at which member number `member` (row-major over the batch axes) begins in the buffer; `tail` axes
 * do not belong to the batch.
 */
export function memberOffset(x: HostArray, member: number, tail: number): number {
  let offset = x.offset;
  let rest = member;
  for (let axis = x.shape.length - tail - 1; axis >= 0; axis--) {
    const length = x.shape[axis];
    const index = rest % length;
    offset += index * x.stride[axis];
    rest = (rest - index) / length;
  }
  return offset;
}

/** Returns the slice of a packed buffer that belongs to one batch member; the buffer itself for the only one. */
export function member(data: Float64Array, index: number, size: number): Float64Array {
  return data.length === size ? data : data.subarray(index * size, (index + 1) * size);
}

/**
 * Requires finite entries before a factorization.
 *
 * @param values - the packed entries of an array of shape `shape`.
 * @param triangle - the part that is read, and so checked.
 * @throws NumericalError naming the operation, and the first entry that is NaN or infinite with its index.
 */
export function checkFinite(
  caller: string,
  values: Float64Array,
  shape: readonly number[],
  triangle: 'all' | 'lower' | 'upper' = 'all',
): void {
  if (allFinite(values)) return;
  const columns = shape[shape.length - 1];
  const rows = shape[shape.length - 2] ?? 1;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    const column = i % columns;
    const row = Math.floor(i / columns) % rows;
    if ((triangle === 'lower' && column > row) || (triangle === 'upper' && column < row)) continue;
    throw new NumericalError(
      `${caller}: the ${describeShape(shape)} matrix has a non-finite entry (${values[i]} at [${indexOf(i, shape).join(', ')}]); ` +
        'a step size that is too large or a division by zero upstream is the usual cause',
    );
  }
}

/**
 * Returns true if all values are finite: zero times a finite number is zero, and NaN otherwise. Sums keep a NaN, so the
 * loop needs no branch; there are four, since the additions of one would wait for each other.
 */
function allFinite(values: Float64Array): boolean {
  let [defect0, defect1, defect2, defect3] = [0, 0, 0, 0];
  const fourfold = values.length - (values.length % 4);
  for (let i = 0; i < fourfold; i += 4) {
    defect0 += values[i] * 0;
    defect1 += values[i + 1] * 0;
    defect2 += values[i + 2] * 0;
    defect3 += values[i + 3] * 0;
  }
  for (let i = fourfold; i < values.length; i++) defect0 += values[i] * 0;
  return defect0 + defect1 + defect2 + defect3 === 0;
}

function indexOf(position: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = position;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return index;
}
