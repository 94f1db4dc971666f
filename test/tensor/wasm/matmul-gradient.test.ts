/** The gradient of matrix products whose batch axes are broadcast. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { grads, matMul, mul, ready, setBackend, sum, type Tensor } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { installWasmKernels } from '../../../src/linalg/tensor/wasm/install.js';
import { installMatMulGradient } from '../../../src/nn/matmul-gradient.js';
import { registerAllGradients } from './all-gradients.js';
import { naiveProduct, operands, type ProductCase, productCases, randomValues, toTensor, type Values } from './products.js';

/**
 * Σ W ∘ C by central differences of the product in float64, exact for a bilinear function, along one entry of one
 * operand.
 */
function derivative(given: ProductCase, weights: Values, which: 0 | 1, entry: number): number {
  const [a, b] = operands(given);
  const moved = which === 0 ? a : b;
  const at = (step: number): number => {
    const values = Float32Array.from(moved.values);
    values[entry] = step;
    const pair: readonly [Values, Values] = which === 0 ? [{ ...a, values }, b] : [a, { ...b, values }];
    return naiveProduct(given, pair).values.reduce((total, value, index) => total + value * weights.values[index], 0);
  };
  return at(1) - at(0);
}

describe.each(['cpu', 'wasm'])('gradient of matMul on %s', (name) => {
  beforeAll(async () => {
    await registerAllGradients();
    installMatMulGradient();
    installWasmKernels();
    await setBackend(name);
    await ready();
  });

  // The cpu backend's product itself is wrong for mixed axes.
  it("has the operands' shapes and values, for all transposes and batch axes", () => {
    fc.assert(
      fc.property(productCases(name === 'wasm'), fc.nat(), (sizes, pick) => {
        const given = { ...sizes, m: Math.min(sizes.m, 5), n: Math.min(sizes.n, 6), k: Math.min(sizes.k, 7) };
        const pair = operands(given);
        const weights = randomValues(naiveProduct(given).shape, given.seed + 2);
        const inputs = pair.map(toTensor);
        const upstream = toTensor(weights);
        const cost = (a: Tensor, b: Tensor): Tensor => sum(mul(matMul(a, b, given.transposeA, given.transposeB), upstream));
        const found = grads(cost)(inputs);
        for (const which of [0, 1] as const) {
          expect(found[which].shape).toEqual(pair[which].shape);
          const entry = pick % pair[which].values.length;
          const exact = derivative(given, weights, which, entry);
          expect(Math.abs(found[which].dataSync()[entry] - exact)).toBeLessThanOrEqual(1e-4);
        }
        for (const tensor of [...inputs, ...found, upstream]) tensor.dispose();
      }),
      { numRuns: 60 },
    );
  });
});
