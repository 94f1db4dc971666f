/** Matrix products with broadcast batch axes by their definition, and the same on a backend of TensorFlow.js. */
import { matMul, setBackend, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { seededRandom } from '../../../src/core/random.js';

/** A product to compute. */
export interface ProductCase {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly batchA: readonly number[];
  readonly batchB: readonly number[];
  readonly seed: number;
}

/** Numbers and their shape. */
export interface Values {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** Batch axes of the two operands. */
const BATCHES: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[], []],
  [[3], [3]],
  [[3], []],
  [[], [3]],
  [[1], [4]],
  [[4], [1]],
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], []],
];

/** Axes that TensorFlow.js's own kernels get wrong. */
const MIXED_BATCHES: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [2, 1],
    [2, 3],
  ],
  [
    [2, 3],
    [2, 1],
  ],
  [
    [2, 1],
    [1, 3],
  ],
  [[3], [2, 1]],
];

const side = fc.oneof(fc.constantFrom(1, 2, 3, 5, 8), fc.integer({ min: 1, max: 70 }));

/**
 * Sides from 1 to 70, so that both plain loops and libraries are met.
 *
 * @param mixed - also batch axes that TensorFlow.js gets wrong.
 */
export function productCases(mixed: boolean): fc.Arbitrary<ProductCase> {
  return fc
    .record({
      m: side,
      n: side,
      k: side,
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      batches: fc.constantFrom(...BATCHES, ...(mixed ? MIXED_BATCHES : [])),
      seed: fc.nat(),
    })
    .map(({ batches: [batchA, batchB], ...rest }) => ({ ...rest, batchA, batchB }));
}

/** Normal numbers. */
export function randomValues(shape: readonly number[], seed: number): Values {
  const random = seededRandom(seed);
  const length = shape.reduce((product, axis) => product * axis, 1);
  return { values: Float32Array.from({ length }, () => random.normal()), shape };
}

/** A case's operands, as stored. */
export function operands({ m, n, k, transposeA, transposeB, batchA, batchB, seed }: ProductCase): readonly [Values, Values] {
  return [
    randomValues([...batchA, ...(transposeA ? [k, m] : [m, k])], seed),
    randomValues([...batchB, ...(transposeB ? [n, k] : [k, n])], seed + 1),
  ];
}

/** The product by the definition, in float64. */
export function naiveProduct(
  given: ProductCase,
  pair = operands(given),
): { readonly values: Float64Array; readonly shape: readonly number[] } {
  const { m, n, k, transposeA, transposeB, batchA, batchB } = given;
  const [a, b] = pair;
  const rank = Math.max(batchA.length, batchB.length);
  const padded = [batchA, batchB].map((axes) => [...Array<number>(rank - axes.length).fill(1), ...axes]);
  const batch = padded[0].map((length, axis) => (length === 1 ? padded[1][axis] : length));
  const count = batch.reduce((product, length) => product * length, 1);
  const values = new Float64Array(count * m * n);
  for (let member = 0; member < count; member++) {
    const [memberA, memberB] = padded.map((axes) => memberOf(member, batch, axes));
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) {
          const left = a.values[memberA * m * k + (transposeA ? p * m + i : i * k + p)];
          sum += left * b.values[memberB * k * n + (transposeB ? j * k + p : p * n + j)];
        }
        values[(member * m + i) * n + j] = sum;
      }
    }
  }
  return { values, shape: [...batch, m, n] };
}

/** Position in an operand with axes `own` of the member at `position` among axes `batch`. */
function memberOf(position: number, batch: readonly number[], own: readonly number[]): number {
  let rest = position;
  let index = 0;
  let stride = 1;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    index += own[axis] === 1 ? 0 : (rest % batch[axis]) * stride;
    stride *= own[axis];
    rest = Math.floor(rest / batch[axis]);
  }
  return index;
}

/** A tensor of the backend in use. */
export function toTensor({ values, shape }: Values): Tensor {
  return tensor(values, [...shape]);
}

/** What a function of tensors gives, read back; nothing of it is left. */
export function read(compute: () => Tensor): Values {
  return tidy(() => {
    const result = compute();
    return { values: result.dataSync<'float32'>(), shape: result.shape };
  });
}

/** The product as a backend computes it. */
export async function productOn(backend: string, given: ProductCase): Promise<Values> {
  await setBackend(backend);
  const [a, b] = operands(given);
  return read(() => matMul(toTensor(a), toTensor(b), given.transposeA, given.transposeB));
}
