/** Pairs that cannot be balanced on a device: a clear error, and no tensor left over. */
import { keep, setBackend, type Tensor, tensor, zeros } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { BuresError, balancedFactors, balancedProjection, balanceStored, seededRandom } from '../../src/index.js';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';

const cpu = await tensorAlgebra({ backend: 'cpu' });

describe.each(tensorEngines)('on %s', (_name, la) => {
  const A = la.keep(la.full([2, 5, 3], 1));
  const B = la.keep(la.full([2, 3, 4], 1));
  const elsewhere = cpu.keep(cpu.full([2, 3, 4], 1));
  const disposed = la.full([2, 3, 4], 1);
  disposed.dispose();
  const manifold = balancedFactors({ m: 5, n: 4, rank: 3, batch: [2], algebra: la });
  // Opening cpu made it TensorFlow.js's current backend.
  beforeAll(() => setBackend(la.report.taken));

  const pairs: readonly (readonly [string, () => { A: Tensor; B: Tensor }, string])[] = [
    ...(cpu.name === la.name
      ? []
      : [['a factor of another backend', () => ({ A, B: elsewhere }), 'expected a tensor of the backend'] as const]),
    ['a disposed factor', () => ({ A, B: disposed }), 'that has been disposed of'],
    [
      'factors of two types',
      () => ({ A, B: keep(tensor(new Int32Array(24), [2, 3, 4], 'int32')) }),
      'expected a float32 tensor, got int32; convert it with cast',
    ],
    ['another batch', () => ({ A, B: la.full([4, 3, 4], 1) }), 'got A [2,5,3] and B [4,3,4]'],
    ['no batch beside a batch', () => ({ A, B: la.full([3, 4], 1) }), 'got A [2,5,3] and B [3,4]'],
    ['a batch without members', () => ({ A: zeros([0, 5, 3]), B: zeros([0, 3, 4]) }), 'expected at least one entry, got shape [0, 5, 3]'],
    ['a factor without rows', () => ({ A: zeros([2, 0, 3]), B }), 'expected at least one entry, got shape [2, 0, 3]'],
    [
      'a factor that is no tensor',
      () => ({ A, B: new Float32Array(24) as unknown as Tensor }),
      'expected { A, B } of arrays of the engine',
    ],
  ];

  it.each(pairs)('%s: balancedProjection and a retraction say so', (_what, make, message) => {
    const pair = make();
    const x = la.tidy(() => manifold.randomPoint(seededRandom(1)));
    const before = liveTensors();
    for (const compute of [
      () => balancedProjection(la, pair),
      () => la.tidy(() => balancedProjection(la, pair, { algorithm: 'qr', gauge: 'nearest' })),
    ]) {
      expect(compute).toThrow(message);
      expect(compute).toThrow(BuresError);
    }
    expect(() => manifold.retract(x, pair)).toThrow(BuresError);
    expect(liveTensors()).toBe(before);
    la.dispose(x.A);
    la.dispose(x.B);
  });

  it('balanceStored leaves nothing on the device where an entry is not finite or the lengths do not fit', async () => {
    const stored = () => ({ A: new Float32Array(2 * 15).fill(1), B: new Float32Array(2 * 12).fill(1), members: 2, m: 5, n: 4, rank: 3 });
    const infinite = stored();
    infinite.B[20] = Number.POSITIVE_INFINITY;
    const before = liveTensors();
    await expect(balanceStored(la, infinite)).rejects.toThrow(/expected finite factors, but [AB] of member/);
    await expect(balanceStored(la, { ...stored(), members: 3 })).rejects.toThrow(/balanceStored/);
    await expect(balanceStored(la, { ...stored(), members: 0 })).rejects.toThrow(/members/);
    await expect(balanceStored(la, { ...stored(), A: new Float32Array(29) })).rejects.toThrow(/balanceStored/);
    expect(liveTensors()).toBe(before);
  });
});
