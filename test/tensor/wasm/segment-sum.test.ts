/** `tf.unsortedSegmentSum` and the gradient of `tf.gather` on wasm. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import {
  gather,
  grad,
  memory,
  mul,
  ready,
  setBackend,
  sum,
  type Tensor,
  tensor1d,
  tidy,
  unsortedSegmentSum,
  zeros,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../../src/core/errors.js';
import { installWasmKernels } from '../../../src/linalg/tensor/wasm/install.js';
import { registerAllGradients } from './all-gradients.js';
import { randomValues, read, toTensor } from './products.js';

beforeAll(registerAllGradients);

beforeEach(async () => {
  await setBackend('wasm');
  await ready();
  installWasmKernels();
});

describe('unsortedSegmentSum on wasm', () => {
  it('agrees with the cpu backend, ids out of range included', async () => {
    const cases = fc.record({
      ids: fc.array(fc.integer({ min: -2, max: 7 }), { minLength: 1, maxLength: 20 }),
      segments: fc.integer({ min: 1, max: 6 }),
      inner: fc.constantFrom([], [1], [5], [2, 3]),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ ids, segments, inner, seed }) => {
        const compute = (): Tensor =>
          unsortedSegmentSum(toTensor(randomValues([ids.length, ...inner], seed)), tensor1d(ids, 'int32'), segments);
        await setBackend('wasm');
        const ours = read(compute);
        await setBackend('cpu');
        const theirs = read(compute);
        expect(ours.shape).toEqual(theirs.shape);
        expect(ours.values).toBeAllClose(theirs.values, 1e-5);
      }),
    );
  });

  it('sums integers exactly, and nothing to zero', () => {
    const x = tensor1d([2 ** 30, 1, 2], 'int32');
    const ids = tensor1d([1, 1, 0], 'int32');
    expect([...unsortedSegmentSum(x, ids, 2).dataSync()]).toEqual([2, 2 ** 30 + 1]);
    expect([...unsortedSegmentSum(zeros([0, 2]), tensor1d([], 'int32'), 2).dataSync()]).toEqual([0, 0, 0, 0]);
  });

  it('refuses what does not fit', () => {
    expect(() => unsortedSegmentSum(zeros([3, 2]), tensor1d([0, 1], 'int32'), 2)).toThrow(ShapeError);
    expect(() => unsortedSegmentSum(zeros([1], 'bool'), tensor1d([0], 'int32'), 2)).toThrow(DomainError);
  });

  it('gives gather its gradient: rows taken twice count twice', () => {
    const before = memory().numTensors;
    tidy(() => {
      const weights = toTensor(randomValues([3, 2], 4));
      const gradient = grad((x: Tensor) => sum(mul(gather(x, tensor1d([1, 0, 1], 'int32')), weights)))(zeros([4, 2]));
      const w = weights.dataSync();
      expect(gradient.shape).toEqual([4, 2]);
      expect(gradient.dataSync()).toBeAllClose([w[2], w[3], w[0] + w[4], w[1] + w[5], 0, 0, 0, 0], 1e-6);
    });
    expect(memory().numTensors).toBe(before);
  });
});
