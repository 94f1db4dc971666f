/** Slices and stacks on wasm against the backend's own kernels' meaning, in one piece and not. */
import { memory, slice, type Tensor, tensor, tidy, unstack } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { tensorAlgebra } from '../../../src/linalg/tensor/index.js';

const shape = [3, 4, 5];
const values = Float32Array.from({ length: 60 }, (_, i) => i);
const at = ([i, j, k]: readonly number[]): number => 20 * i + 5 * j + k;

/** The entries of a slice, by their indices. */
function expected(begin: readonly number[], size: readonly number[]): number[] {
  const lengths = size.map((length, axis) => (length < 0 ? shape[axis] - begin[axis] : length));
  return Array.from({ length: lengths[0] * lengths[1] * lengths[2] }, (_, i) => {
    const index = [Math.floor(i / (lengths[1] * lengths[2])), Math.floor(i / lengths[2]) % lengths[1], i % lengths[2]];
    return at(index.map((entry, axis) => entry + begin[axis]));
  });
}

it.each([
  ['a member', [1, 0, 0], [1, 4, 5]],
  ['members', [1, 0, 0], [2, -1, -1]],
  ['rows of a member', [2, 1, 0], [1, 2, 5]],
  ['a part of a row', [2, 3, 1], [1, 1, 3]],
  ['all', [0, 0, 0], [3, 4, 5]],
  ['rows of several members', [0, 1, 0], [2, 2, 5]],
  ['columns', [0, 0, 2], [3, 4, 2]],
  ['a column of a member', [1, 0, 4], [1, 4, 1]],
] as const)('slice of %s', async (_, begin, size) => {
  await tensorAlgebra({ backend: 'wasm' });
  const before = memory().numTensors;
  for (const dtype of ['float32', 'int32', 'bool'] as const) {
    tidy(() => {
      const x = tensor(dtype === 'bool' ? values.map((value) => value % 2) : values, shape, dtype);
      const found = Array.from(slice(x, [...begin], [...size]).dataSync());
      expect(found).toEqual(expected(begin, size).map((value) => (dtype === 'bool' ? value % 2 : value)));
    });
  }
  expect(memory().numTensors).toBe(before);
});

it.each([0, 1, 2, -1])('unstack along axis %i', async (axis) => {
  await tensorAlgebra({ backend: 'wasm' });
  tidy(() => {
    const parts: Tensor[] = unstack(tensor(values, shape), axis);
    const along = axis < 0 ? axis + 3 : axis;
    const rest = shape.filter((_, index) => index !== along);
    expect(parts).toHaveLength(shape[along]);
    for (const [i, part] of parts.entries()) {
      expect(part.shape).toEqual(rest);
      const begin = [0, 0, 0].map((_, index) => (index === along ? i : 0));
      const size = shape.map((length, index) => (index === along ? 1 : length));
      expect(Array.from(part.dataSync())).toEqual(expected(begin, size));
    }
  });
});

it('a slice has memory of its own', async () => {
  const la = await tensorAlgebra({ backend: 'wasm' });
  const x = tensor(values, shape);
  const part = slice(x, [1, 0, 0], [1, 4, 5]);
  x.dispose();
  const other = la.full(shape, 7);
  expect(part.dataSync()[0]).toBe(20);
  for (const each of [part, other]) each.dispose();
});
