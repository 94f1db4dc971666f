/** Arrays of other `ndarray` libraries and number types, as arrays of the host engine. */
import type { NdArray } from 'ndarray';
import { ConfigError, DomainError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { entryCount } from '../shape-checks.js';
import { allocateForOverwrite } from './allocate.js';
import { checkReach, type HostArray, wrap } from './host-array.js';

/** A view as `ndarray` makes it, over numbers of any type. */
type AnyView = Pick<NdArray<never>, 'shape' | 'stride' | 'offset'> & {
  readonly data: ArrayLike<unknown> | { readonly length: number; get(index: number): unknown };
};

/**
 * Copies an `NdArray` of any number type and any strides to an array of the host engine: float32, integers of any size,
 * plain lists of numbers, or a store with `get`; transposed, stepped and reversed views too.
 *
 * The entries are read one by one. Arrays over a `Float64Array` need no conversion: every function takes them, whatever
 * their strides.
 *
 * @param x - as `ndarray(data, shape, stride, offset)` makes it.
 * @returns a contiguous copy in float64, in row-major order.
 * @throws ConfigError if it is no `NdArray`; ShapeError if it reaches outside its data; DomainError naming the place of
 * an entry that is not a number, or a large integer that float64 does not hold.
 *
 * @example
 * ```ts
 * import { fromNdarray, hostAlgebra } from 'bures';
 * import ndarray from 'ndarray';
 *
 * const counts = ndarray(Int32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
 * console.log(hostAlgebra().toRows(fromNdarray(counts.transpose(1, 0)))); // [[1, 4], [2, 5], [3, 6]]
 * ```
 */
export function fromNdarray(x: Pick<NdArray<never>, 'shape' | 'stride' | 'offset'> & { readonly data: unknown }): HostArray {
  const { shape, stride, offset, data } = checkView(x);
  checkReach('fromNdarray', { shape, stride, offset, length: data.length });
  const count = entryCount(shape);
  const values = allocateForOverwrite(count);
  const read =
    'get' in data && typeof data.get === 'function' ? (at: number) => data.get(at) : (at: number) => (data as ArrayLike<unknown>)[at];
  const index = shape.map(() => 0);
  let at = offset;
  for (let entry = 0; entry < count; entry++) {
    values[entry] = numberOf(read(at), index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis];
      if (++index[axis] < shape[axis]) break;
      at -= shape[axis] * stride[axis];
      index[axis] = 0;
    }
  }
  return wrap(values, shape);
}

function checkView(x: unknown): AnyView {
  if (typeof x === 'object' && x !== null) {
    const { shape, stride, offset, data } = x as Partial<AnyView>;
    const isView = Array.isArray(shape) && Array.isArray(stride) && typeof offset === 'number';
    if (isView && typeof data === 'object' && data !== null && typeof data.length === 'number') return x as AnyView;
  }
  throw new ConfigError(
    `fromNdarray: expected an NdArray, got ${describeValue(x)}; convert a typed array with la.fromArray(values, shape), lists of rows with la.fromRows(rows)`,
  );
}

function numberOf(value: unknown, index: readonly number[]): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' && BigInt(Number(value)) === value) return Number(value);
  const what = typeof value === 'bigint' ? `${value}, which float64 does not hold` : describeValue(value);
  throw new DomainError(`fromNdarray: expected numbers, got ${what} at [${index.join(', ')}]; convert the entries first`);
}
