import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import type { Tape, Traced } from './tape.js';

type Structure<V> = Pick<
  DifferentiableAlgebra<Traced<V>>,
  | 'scaleRows'
  | 'scaleColumns'
  | 'scaleEach'
  | 'diag'
  | 'diagMatrix'
  | 'transpose'
  | 'concat'
  | 'slice'
  | 'reshape'
  | 'sum'
  | 'sumVector'
  | 'innerEach'
  | 'normEach'
  | 'inner'
  | 'norm'
  | 'total'
>;

/** Records the structural operations and the reductions on a tape. */
export function structureOnTape<V>(tape: Tape<V>): Structure<V> {
  return { ...scaling(tape), ...moving(tape), ...reducing(tape) };
}

const entryCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function scaling<V>(tape: Tape<V>): Pick<Structure<V>, 'scaleRows' | 'scaleColumns' | 'scaleEach'> {
  const { base } = tape;
  const of = (x: unknown): V => tape.valueOf(x);
  return {
    scaleRows: (d, x) =>
      tape.record(base.scaleRows(of(d), of(x)), [
        [d, (g) => base.sum(base.multiply(g, of(x)), 'rows')],
        [x, (g) => base.scaleRows(of(d), g)],
      ]),
    scaleColumns: (x, d) =>
      tape.record(base.scaleColumns(of(x), of(d)), [
        [x, (g) => base.scaleColumns(g, of(d))],
        [d, (g) => base.sum(base.multiply(g, of(x)), 'columns')],
      ]),
    scaleEach: (c, x) =>
      tape.record(base.scaleEach(of(c), of(x)), [
        [c, (g) => sumEach(base, base.multiply(g, of(x)), base.shape(of(c)))],
        [x, (g) => base.scaleEach(of(c), g)],
      ]),
  };
}

/** Sums over the axes that follow those of `batch`. */
function sumEach<V>(base: DifferentiableAlgebra<V>, x: V, batch: readonly number[]): V {
  const count = entryCount(base.shape(x).slice(batch.length));
  return base.sumVector(base.reshape(x, [...batch, count]));
}

function moving<V>(tape: Tape<V>): Pick<Structure<V>, 'diag' | 'diagMatrix' | 'transpose' | 'concat' | 'slice' | 'reshape'> {
  const { base } = tape;
  const of = (x: unknown): V => tape.valueOf(x);
  return {
    diag: (x) => tape.record(base.diag(of(x)), [[x, (g) => base.diagMatrix(g)]]),
    diagMatrix: (d) => tape.record(base.diagMatrix(of(d)), [[d, (g) => base.diag(g)]]),
    transpose: (x) => tape.record(base.transpose(of(x)), [[x, (g) => base.transpose(g)]]),
    concat(parts, along) {
      const values = parts.map(of);
      const axis = along === 'rows' ? -2 : -1;
      let end = 0;
      const operands = parts.map((part, index) => {
        const range = [end, end + (base.shape(values[index]).at(axis) as number)] as const;
        end = range[1];
        return [part, (g: V) => base.slice(g, { [along]: range })] as const;
      });
      return tape.record(base.concat(values, along), operands);
    },
    slice: (x, ranges) =>
      tape.record(base.slice(of(x), ranges), [
        [
          x,
          (g) =>
            padded(
              base,
              padded(base, g, 'rows', ranges.rows, base.shape(of(x)).at(-2) as number),
              'columns',
              ranges.columns,
              base.shape(of(x)).at(-1) as number,
            ),
        ],
      ]),
    reshape: (x, shape) => tape.record(base.reshape(of(x), shape), [[x, (g) => base.reshape(g, base.shape(of(x)))]]),
  };
}

/** Puts a block back between zeros, at the place it was taken from. */
function padded<V>(
  base: DifferentiableAlgebra<V>,
  block: V,
  along: 'rows' | 'columns',
  range: readonly [number, number] | undefined,
  length: number,
): V {
  const [first, end] = range ?? [0, length];
  const shape = base.shape(block);
  const zeros = (count: number): V => base.full(along === 'rows' ? shape.with(-2, count) : shape.with(-1, count), 0);
  const parts = [...(first > 0 ? [zeros(first)] : []), block, ...(end < length ? [zeros(length - end)] : [])];
  return parts.length === 1 ? block : base.concat(parts, along);
}

function reducing<V>(tape: Tape<V>): Pick<Structure<V>, 'sum' | 'sumVector' | 'innerEach' | 'normEach' | 'inner' | 'norm' | 'total'> {
  const { base } = tape;
  const of = (x: unknown): V => tape.valueOf(x);
  const ones = (x: unknown): V => base.full(base.shape(of(x)), 1);
  /**
   * Computes g x / ‖x‖, and 0 where ‖x‖ is 0. There the norm has no second derivative, and that of this is NaN: the
   * quotient, which the result leaves out, is infinite.
   */
  const direction = (x: V, norm: V, g: V): V => {
    const isPositive = base.scaleEach(base.greater(norm, 0), base.full(base.shape(x), 1));
    return base.where(isPositive, base.scaleEach(base.divide(g, norm), x), x);
  };
  return {
    sum: (x, kind) =>
      tape.record(base.sum(of(x), kind), [[x, (g) => (kind === 'rows' ? base.scaleRows(g, ones(x)) : base.scaleColumns(ones(x), g))]]),
    sumVector: (x) => tape.record(base.sumVector(of(x)), [[x, (g) => base.scaleEach(g, ones(x))]]),
    innerEach: (x, y) =>
      tape.record(base.innerEach(of(x), of(y)), [
        [x, (g) => base.scaleEach(g, of(y))],
        [y, (g) => base.scaleEach(g, of(x))],
      ]),
    normEach(x) {
      const norms = base.normEach(of(x));
      return tape.record(norms, [[x, (g) => direction(of(x), norms, g)]]);
    },
    inner: (x, y) =>
      tape.record(base.inner(of(x), of(y)), [
        [x, (g) => base.scaleEach(g, of(y))],
        [y, (g) => base.scaleEach(g, of(x))],
      ]),
    norm(x) {
      const norm = base.norm(of(x));
      return tape.record(norm, [[x, (g) => direction(of(x), norm, g)]]);
    },
    total: (x) => tape.record(base.total(of(x)), [[x, (g) => base.scaleEach(g, ones(x))]]),
  };
}
