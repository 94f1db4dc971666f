/** What `String(x)` says of an array of the host engine. */
import type { NdArray } from 'ndarray';

/** Entries of an axis that are written at most; of longer ones the first and the last three. */
const [LONGEST, ENDS] = [8, 3] as const;
const DIGITS = 6;

/** Writes an array as nested lists with its shape, six digits an entry, long axes shortened. */
export function readable(x: Pick<NdArray<Float64Array>, 'data' | 'shape' | 'stride' | 'offset'>): string {
  const { shape } = x;
  const write = (axis: number, offset: number): string => {
    if (axis === shape.length) return String(Number((x.data[offset] as number).toPrecision(DIGITS)));
    const length = shape[axis];
    const at = (i: number): string => write(axis + 1, offset + i * x.stride[axis]);
    const range = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => at(from + i));
    const parts = length > LONGEST ? [...range(0, ENDS), '…', ...range(length - ENDS, length)] : range(0, length);
    const separator = axis === shape.length - 1 ? ', ' : `,\n${' '.repeat(axis + 1)}`;
    return `[${parts.join(separator)}]`;
  };
  return `${shape.length === 0 ? 'number' : shape.join('×')}: ${shape.length > 1 ? '\n' : ''}${write(0, x.offset)}`;
}
