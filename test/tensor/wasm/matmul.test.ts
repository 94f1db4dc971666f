/** Matrix products on wasm, over BLAS and without, against float64 and against TensorFlow.js's cpu backend. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { backend, fill, fused, matMul, memory, ready, reshape, setBackend, type Tensor, tidy, zeros } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BackendError, DomainError, ShapeError } from '../../../src/core/errors.js';
import { blasStatus } from '../../../src/linalg/host/blas/blas-library.js';
import { defaultWasmKernelOptions, installWasmKernels } from '../../../src/linalg/tensor/wasm/install.js';
import { tolerance } from '../../support/tolerance.js';
import { naiveProduct, operands, type ProductCase, productCases, productOn, randomValues, read, toTensor } from './products.js';

const float32 = { epsilon: 2 ** -23 };
const FLAGS = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));

/** k terms of products of normal numbers, the largest of which are below 6. */
function bound(k: number): number {
  return tolerance(float32, 4 * Math.sqrt(k) + 4, 36);
}

/**
 * A process of its own, since a library is looked for once in a process: prints the installer's report, and the sum of
 * a product's entries.
 */
const PROGRAM = `
import { eye, matMul, setBackend, sum } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { installWasmKernels } from './src/linalg/tensor/wasm/install.ts';
await setBackend('wasm');
const report = installWasmKernels();
process.stdout.write(JSON.stringify({ report, trace: sum(matMul(eye(20), eye(20), true, true)).dataSync()[0] }));`;

/** One case, of which only some parts matter. */
function product(parts: Partial<ProductCase>): ProductCase {
  return { m: 4, n: 5, k: 6, transposeA: false, transposeB: false, batchA: [], batchB: [], seed: 1, ...parts };
}

beforeAll(async () => {
  await setBackend('wasm');
  await ready();
});

describe('installWasmKernels', () => {
  it('uses BLAS where the machine has one, and otherwise says why not', () => {
    const report = installWasmKernels();
    const machine = blasStatus();
    expect(report.matmul).toBe(machine.available ? 'blas' : 'xnnpack');
    expect(report.blas).toEqual(machine);
    if (!machine.available) expect(report.blas.reason).toMatch(/BURES_BLAS|OpenBLAS|koffi/);
    expect(report.kernels).toEqual(expect.arrayContaining(['BatchMatMul', '_FusedMatMul', 'UnsortedSegmentSum']));
  });

  it('changes nothing when called again', () => {
    const first = installWasmKernels();
    expect(installWasmKernels(defaultWasmKernelOptions)).toEqual(first);
    expect(installWasmKernels({ blas: 'off' })).toMatchObject({ matmul: 'xnnpack', blas: { available: false } });
  });

  it.each([
    ['off', /BURES_BLAS=off; unset it/],
    ['/nowhere/libnone.so', /BURES_BLAS=\/nowhere/],
  ])('says why there is no BLAS under BURES_BLAS=%s, and multiplies', async (value, reason) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', PROGRAM], {
      cwd: path.resolve(import.meta.dirname, '../../..'),
      env: { ...process.env, BURES_BLAS: value },
    });
    const { report, trace } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
      report: { matmul: string; blas: { reason: string } };
      trace: number;
    };
    expect(report.matmul).toBe('xnnpack');
    expect(report.blas.reason).toMatch(reason);
    expect(trace).toBe(20);
  });
});

describe.each([['auto'], ['off']] as const)('products with blas: %s', (blas) => {
  beforeEach(async () => {
    installWasmKernels({ blas });
    await setBackend('wasm');
  });

  it('agree with float64, for all transposes, batch axes and sizes', async () => {
    await fc.assert(
      fc.asyncProperty(productCases(true), async (given) => {
        const ours = await productOn('wasm', given);
        const exact = naiveProduct(given);
        expect(ours.shape).toEqual(exact.shape);
        expect(ours.values).toBeAllClose(exact.values, bound(given.k));
      }),
      { numRuns: 200 },
    );
  });

  it('agree with the cpu backend', async () => {
    await fc.assert(
      fc.asyncProperty(productCases(false), async (given) => {
        const ours = await productOn('wasm', given);
        const theirs = await productOn('cpu', given);
        expect(ours.shape).toEqual(theirs.shape);
        expect(ours.values).toBeAllClose(theirs.values, 2 * bound(given.k));
      }),
      { numRuns: 60 },
    );
  });

  it.each(FLAGS)('are right for thin matrices: $transposeA, $transposeB', async (flags) => {
    for (const [m, n, k] of [
      [300, 3, 200],
      [3, 300, 200],
      [7, 9, 2000],
      [150, 170, 1],
      [1, 300, 64],
      [300, 1, 64],
    ]) {
      const given = product({ ...flags, m, n, k, batchA: [2], batchB: [2] });
      expect((await productOn('wasm', given)).values).toBeAllClose(naiveProduct(given).values, bound(k));
    }
  });

  it.each(FLAGS)('of nothing are nothing, or zero: $transposeA, $transposeB', async (flags) => {
    for (const parts of [{ m: 0 }, { n: 0 }, { batchA: [0], batchB: [0] }, { batchA: [0], batchB: [1] }]) {
      const given = product({ ...flags, ...parts });
      expect(await productOn('wasm', given)).toEqual({ values: new Float32Array(0), shape: naiveProduct(given).shape });
    }
    // What was on the heap before must not show.
    fill([20], 7).dispose();
    expect((await productOn('wasm', product({ ...flags, k: 0 }))).values).toEqual(new Float32Array(20));
  });

  it('are right for a second operand that was reshaped since it was used, where stock wasm aborts', () => {
    const x = randomValues([20, 30], 3);
    const reshaped = read(() => {
      const second = toTensor(x);
      matMul(toTensor(randomValues([40, 20], 4)), second);
      return matMul(toTensor(randomValues([40, 30], 4)), reshape(second, [30, 20]));
    });
    const fresh = read(() => matMul(toTensor(randomValues([40, 30], 4)), toTensor({ ...x, shape: [30, 20] })));
    expect(reshaped).toEqual(fresh);
  });

  it('are right after the heap has grown', async () => {
    const given = product({ m: 60, n: 50, k: 40, batchA: [3], batchB: [3], transposeA: true });
    const [a, b] = operands(given);
    const [left, right] = [toTensor(a), toTensor(b)];
    const { wasm } = backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
    const before = wasm.HEAPU8.length;
    const held: Tensor[] = [];
    while (wasm.HEAPU8.length === before) held.push(zeros([1024, 1024]));
    const after = read(() => matMul(left, right, true, false));
    for (const each of [...held, left, right]) each.dispose();
    expect(after.values).toBeAllClose(naiveProduct(given).values, bound(40));
  });

  it('refuse what does not fit, and leave nothing behind', () => {
    const counts = (): number[] => [memory().numTensors, (backend() as unknown as { numDataIds(): number }).numDataIds()];
    const before = counts();
    const attempt = (a: Tensor, b: Tensor): Tensor => matMul(a, b);
    expect(() => tidy(() => attempt(zeros([3, 4]), zeros([5, 6])))).toThrow(ShapeError);
    expect(() => tidy(() => attempt(zeros([2, 3, 4]), zeros([3, 4, 5])))).toThrow(/batch axes equal or 1, got \[2, 3, 4\]/);
    expect(() => tidy(() => attempt(zeros([4, 4], 'int32'), zeros([4, 4], 'int32')))).toThrow(DomainError);
    expect(() => tidy(() => fused.matMul({ a: zeros([3, 4]), b: zeros([4, 5]), activation: 'softplus' as 'relu' }))).toThrow(BackendError);
    expect(counts()).toEqual(before);
  });

  it.each(FLAGS)('with a bias are right, where stock wasm ignores it: $transposeA, $transposeB', async (flags) => {
    for (const batch of [[], [1], [3]]) {
      const given = product({ ...flags, m: 9, n: 17, k: 33, batchA: batch, batchB: batch });
      const exact = naiveProduct(given);
      const [a, b] = operands(given);
      const bias = randomValues([17], 9);
      const result = read(() => fused.matMul({ a: toTensor(a), b: toTensor(b), ...flags, bias: toTensor(bias), activation: 'relu' }));
      expect(result.shape).toEqual(exact.shape);
      const expected = exact.values.map((value, index) => Math.max(0, value + bias.values[index % 17]));
      expect(result.values).toBeAllClose(expected, bound(33));
    }
  });

  it.each(['linear', 'relu6', 'elu', 'sigmoid', 'prelu', 'leakyrelu'] as const)(
    'have activation %s as the cpu backend has it',
    async (activation) => {
      const compute = (): Tensor => {
        const [a, b] = operands(product({ m: 9, n: 17, k: 33 })).map(toTensor);
        const preluActivationWeights = toTensor(randomValues([17], 5));
        return fused.matMul({ a, b, bias: toTensor(randomValues([17], 9)), activation, preluActivationWeights, leakyreluAlpha: 0.3 });
      };
      const before = memory().numTensors;
      const ours = read(compute);
      expect(memory().numTensors).toBe(before);
      await setBackend('cpu');
      expect(ours.values).toBeAllClose(read(compute).values, bound(33));
    },
  );
});
