/** One array in memory in several ways, for an engine that accepts strided views. */
import fc from 'fast-check';
import ndarray from 'ndarray';
import type { HostArray } from '../../src/linalg/host/host-array.js';

/** How the entries lie in memory. */
export type Layout = 'contiguous' | 'transposed' | 'embedded' | 'reversed';

/** Any {@link Layout}. */
export const layouts: fc.Arbitrary<Layout> = fc.constantFrom('contiguous', 'transposed', 'embedded', 'reversed');

/**
 * A host array of these row-major values in a given layout: contiguous; by columns; with gaps, from an offset in a
 * larger buffer of NaNs; or with all axes running backward.
 */
export function arrange(layout: Layout, values: ArrayLike<number>, shape: readonly number[]): HostArray {
  const axes = shape.length;
  const order = shape.map((_, axis) => axis);
  if (layout === 'transposed' && axes >= 2) order.push(...order.splice(axes - 2, 2).reverse());
  const gap = layout === 'embedded' ? 2 : 1;
  const stride = new Array<number>(axes);
  let span = gap;
  for (const axis of [...order].reverse()) {
    stride[axis] = span;
    span *= shape[axis] + gap - 1;
  }
  let offset = layout === 'embedded' ? 5 : 0;
  const data = new Float64Array(offset + span).fill(Number.NaN);
  if (layout === 'reversed') {
    for (let axis = 0; axis < axes; axis++) {
      offset += Math.max(0, shape[axis] - 1) * stride[axis];
      stride[axis] = -stride[axis];
    }
  }
  for (let position = 0; position < values.length; position++) {
    let rest = position;
    let place = offset;
    for (let axis = axes - 1; axis >= 0; axis--) {
      place += (rest % shape[axis]) * stride[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    data[place] = values[position];
  }
  return ndarray(data, [...shape], stride, offset);
}
