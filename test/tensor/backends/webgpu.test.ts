/**
 * What is particular to the WebGPU programs: matrices in several blocks, the memory they work in, and how many launches
 * they take.
 */

import { findBackend, randomNormal, type Tensor } from '@tensorflow/tfjs-core';
import { eye } from 'bures';
import { describe, expect, it } from 'vitest';
import { NotImplementedError } from '../../../src/core/errors.js';
import type { WebgpuBackend } from '../../../src/linalg/tensor/backends/webgpu/run-program.js';
import { tallQr } from '../../../src/linalg/tensor/backends/webgpu/tall-qr.js';
import { webgpuFactorizations } from '../../../src/linalg/tensor/backends/webgpu-factorizations.js';
import { tensorEngines, withoutLeaks } from '../../support/engines.js';
import { geometric, withEigenvalues, withSingularValues } from '../../support/matrices.js';
import { type Dense, identity, members, multiply, timesDiagonal, transposed } from '../../support/naive.js';
import { tolerance } from '../../support/tolerance.js';

const onWebgpu = tensorEngines.filter(([name]) => name === 'tensor:webgpu');

it('webgpu programs are tested where BURES_TEST_BACKENDS names webgpu, as npm run test:backends does', () => {
  expect(onWebgpu.length > 0).toBe((process.env.BURES_TEST_BACKENDS ?? '').split(',').includes('webgpu'));
});

describe.each(onWebgpu)('programs of %s', (_name, la) => {
  const backend = findBackend('webgpu') as unknown as WebgpuBackend;
  const read = async (x: Tensor, m: number, n: number): Promise<Dense[]> => members(await la.toArray(x), m, n);
  const upload = (list: readonly Dense[]): Tensor =>
    la.fromArray(
      list.flatMap((one) => Array.from(one.values)),
      [list.length, list[0].m, list[0].n],
    );

  /** The backend with another size of workgroup memory, counting launches. */
  function counting(bytes?: number): { readonly backend: WebgpuBackend; launches: number } {
    const counter = {
      launches: 0,
      backend: {
        device: { limits: { maxComputeWorkgroupStorageSize: bytes ?? backend.device.limits.maxComputeWorkgroupStorageSize } },
        runWebGPUProgram(...launch: Parameters<WebgpuBackend['runWebGPUProgram']>) {
          counter.launches++;
          return backend.runWebGPUProgram(...launch);
        },
      },
    };
    return counter;
  }

  it('QR in one block, and in trees of two and of many levels, whose last block is not full', async () => {
    const n = 3;
    for (const [m, height] of [
      [7, 7],
      [7, 6],
      [50, 6],
      [49, 8],
    ]) {
      await withoutLeaks(la, async () => {
        for (const sigma of [geometric(n, 1e-2), [1, 1e-7, 0], [0, 0, 0]]) {
          const list = [1, 2].map((seed) => withSingularValues(seed, m, n, sigma));
          const { Q, R } = la.tidy(() => tallQr(backend, upload(list), height));
          const [qs, rs] = [await read(Q, m, n), await read(R, n, n)];
          list.forEach((a, index) => {
            expect(multiply(qs[index], rs[index]).values).toBeAllClose(a.values, tolerance(la, 10 * m));
            expect(multiply(transposed(qs[index]), qs[index]).values).toBeAllClose(identity(n).values, tolerance(la, 10 * m));
          });
        }
      });
    }
  });

  it('Jacobi in the buffer, where the arrays do not fit the memory of a workgroup', async () => {
    const n = 6;
    const factorizations = webgpuFactorizations(counting(4 * (3 * 3 * 8 + 64 + 2 * n + 64)).backend);
    const bound = tolerance(la, 30 * n);
    await withoutLeaks(la, async () => {
      const sigma = [3, 3, 1, 1e-3, 0, 0];
      const list = [1, 2].map((seed) => withSingularValues(seed, n, n, sigma));
      const { U, S, V } = la.tidy(() => factorizations.svd(upload(list)));
      const [us, ss, vs] = [await read(U, n, n), await read(S, 1, n), await read(V, n, n)];
      list.forEach((a, index) => {
        expect(multiply(timesDiagonal(us[index], ss[index].values), transposed(vs[index])).values).toBeAllClose(a.values, bound);
        expect(multiply(transposed(us[index]), us[index]).values).toBeAllClose(identity(n).values, bound);
        expect(ss[index].values).toBeAllClose(sigma, bound);
      });
      const lambda = [-2, -1, 0, 0, 1, 3];
      const symmetric = [3, 4].map((seed) => withEigenvalues(seed, lambda));
      const { values, vectors } = la.tidy(() => factorizations.eigh(upload(symmetric)));
      const [found, ws] = [await read(values, 1, n), await read(vectors, n, n)];
      symmetric.forEach((a, index) => {
        expect(found[index].values).toBeAllClose(lambda, bound);
        expect(multiply(timesDiagonal(ws[index], found[index].values), transposed(ws[index])).values).toBeAllClose(a.values, bound);
      });
    });
  });

  it('sizes whose threads could not even exchange their sums are refused', () => {
    const factorizations = webgpuFactorizations(counting(256).backend);
    const attempt = () => la.tidy(() => factorizations.eigh(la.full([4, 4], 1)));
    expect(attempt).toThrow(NotImplementedError);
    expect(attempt).toThrow(/^eigh: expected matrices small enough for the 256 bytes of a workgroup on this device, got 4 columns; /);
  });

  it('a batch takes as many launches as one matrix', async () => {
    const launches = (members: number) =>
      la.tidy(() => {
        const counter = counting();
        const factorizations = webgpuFactorizations(counter.backend);
        const x = randomNormal([members, 7, 3]);
        const spd = eye(la, 3, [members]);
        factorizations.qr(x);
        factorizations.svd(x);
        factorizations.eigh(spd);
        factorizations.solveTriangular(factorizations.cholesky(spd), spd);
        return counter.launches;
      });
    expect(launches(40)).toBe(launches(1));
    // One QR; QR, Jacobi and sorting; Jacobi and sorting; one each.
    expect(launches(1)).toBe(8);
  });
});
