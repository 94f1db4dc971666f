/** Adapted layers computed together, against each composed by itself. */
import { add, matMul, mul, sum, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/index.js';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import { installWasmKernels } from '../../src/linalg/tensor/wasm/install.js';
import { multiplyStored } from '../../src/linalg/tensor/wasm/stored-matrix.js';
import type { StoredMatrix } from '../../src/linalg/tensor/wasm/stored-rows.js';
import { adaptedLinear, type FrozenLayer } from '../../src/nn/adapted-linear.js';
import { installGradients } from '../../src/nn/gradients.js';
import { record } from '../../src/nn/record.js';
import { liveTensors } from '../support/engines.js';

const { matmul } = (await tensorAlgebra({ backend: 'wasm' })).report;
installGradients();
const random = seededRandom(5);
const draw = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((p, n) => p * n, 1) }, () => random.normal()),
    shape,
  );

/** Small numbers, so that sums of many are about one. */
const small = (...shape: number[]): Tensor => {
  const wide = draw(...shape);
  const result = mul(wide, 0.05);
  wide.dispose();
  return result;
};

/** A layer on the heap, and one beside it whose products can be added to a target. */
function frozen(W: Tensor, kept: boolean): FrozenLayer {
  const values = W.dataSync<'float32'>().slice();
  const matrix: StoredMatrix = { shape: W.shape as [number, number], dtype: 'F32', bytes: new Uint8Array(values.buffer) };
  return {
    forward: (x) => (kept ? multiplyStored(x, matrix, false) : matMul(x, W, false, true)),
    backward: (y, target) => {
      if (kept) return multiplyStored(y, matrix, true, target);
      const product = matMul(y, W);
      return target === undefined ? product : add(target, product);
    },
  };
}

describe.skipIf(!/BLAS/.test(matmul))('with BLAS', () => {
  const live: Tensor[] = [];
  let before = 0;
  beforeAll(() => {
    before = liveTensors();
  });
  afterEach(() => {
    for (const each of live.splice(0)) each.dispose();
    expect(liveTensors()).toBe(before);
  });

  it.each([
    { layers: [{ m: 5, r: 2 }], kept: false },
    {
      layers: [
        { m: 5, r: 3 },
        { m: 9, r: 2 },
      ],
      kept: true,
    },
    {
      layers: [
        { m: 5, r: 3 },
        { m: 9, r: 1 },
        { m: 4, r: 4 },
      ],
      kept: false,
    },
    {
      layers: [
        { m: 40, r: 16 },
        { m: 33, r: 16 },
        { m: 33, r: 16 },
      ],
      kept: true,
    },
  ])('$layers, kept $kept: values and derivatives', ({ layers, kept }) => {
    const [tokens, n] = [11, 7];
    const x = draw(tokens, n);
    const all = layers.map(({ m, r }, i) => ({ W: draw(m, n), A: draw(m, r), B: draw(r, n), scale: 0.5 + i, dy: small(tokens, m) }));
    live.push(x, ...all.flatMap(({ W, A, B, dy }) => [W, A, B, dy]));
    // One number that depends on every layer, each with a derivative of its own.
    const total = (results: readonly Tensor[]): Tensor => results.map((y, i) => sum(mul(y, all[i].dy))).reduce((a, b) => add(a, b));
    const inputs = [x, ...all.flatMap(({ A, B }) => [A, B])];
    const [together, composed] = [
      (): readonly Tensor[] =>
        adaptedLinear(
          x,
          all.map(({ W, A, B, scale }) => ({ layer: frozen(W, kept), A, B, scale })),
        ) as readonly Tensor[],
      (): readonly Tensor[] =>
        all.map(({ W, A, B, scale }) => add(matMul(x, W, false, true), matMul(mul(matMul(x, B, false, true), scale), A, false, true))),
    ].map((compute) => {
      const { value, pullback } = record(() => total(compute()));
      const one = tensor(1);
      const gradients = pullback(one, inputs) as Tensor[];
      const numbers = [value, ...gradients].map((each) => each.dataSync().slice());
      for (const each of [value, one, ...gradients]) each.dispose();
      return numbers;
    });
    for (const [i, numbers] of together.entries()) expect(numbers).toBeAllClose(composed[i], 1e-4);
  });

  it('leaves out what nobody asks for', () => {
    const [x, W, A, B] = [draw(3, 7), draw(5, 7), draw(5, 2), draw(2, 7)];
    live.push(x, W, A, B);
    const layer: FrozenLayer = { ...frozen(W, false), backward: () => expect.unreachable('the input is not asked for') };
    const { value, pullback } = record(() => sum((adaptedLinear(x, [{ layer, A, B, scale: 2 }]) as readonly Tensor[])[0]));
    const one = tensor(1);
    const gradients = pullback(one, [A, B]);
    expect(gradients.map((each) => each?.shape)).toEqual([A.shape, B.shape]);
    for (const each of [value, one, ...gradients]) each?.dispose();
  });

  it('without BLAS is left to the caller', () => {
    installWasmKernels({ blas: 'off' });
    const x = draw(3, 7);
    live.push(x);
    expect(adaptedLinear(x, [])).toBeUndefined();
    installWasmKernels();
  });
});
