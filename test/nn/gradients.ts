/** Comparison of a fused function with the plain composition of TensorFlow.js's operations and with float64. */
import { grads, mul, sum, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { randomValues, type Values } from '../tensor/wasm/products.js';

/** A function of arrays, three times. */
export interface FusedCase {
  /** Its differentiable arguments. */
  readonly inputs: readonly Values[];
  readonly fused: (...inputs: Tensor[]) => Tensor;
  readonly plain: (...inputs: Tensor[]) => Tensor;
  /** In float64. */
  readonly exact: (...inputs: Float64Array[]) => Float64Array;
  /** Largest difference allowed; the numbers are of the order of one. */
  readonly tolerance?: number;
}

/** Step of the central differences: the third root of float64's ε. */
const STEP = 6e-6;

/** Values and gradients of the cost Σ w ∘ f(inputs), w random, agree. */
export function expectAgreement({ inputs, fused, plain, exact, tolerance = 2e-5 }: FusedCase): void {
  const reals = inputs.map(({ values }) => Float64Array.from(values));
  const value = exact(...reals);
  const tensors = inputs.map(({ values, shape }) => tensor(values, [...shape]));
  const [ours, theirs] = [fused(...tensors), tidy(() => plain(...tensors))];
  expect(ours.shape).toEqual(theirs.shape);
  expect(ours.dataSync()).toBeAllClose(value, tolerance);
  const weights = randomValues(ours.shape, 77);
  const upstream = tensor(weights.values, ours.shape);
  const gradientsOf = (f: (...given: Tensor[]) => Tensor): Tensor[] =>
    grads((...given: Tensor[]) => sum(mul(f(...given), upstream)))(tensors);
  const [found, composed] = [gradientsOf(fused), gradientsOf(plain)];
  for (const [index, gradient] of found.entries()) {
    expect(gradient.shape).toEqual(inputs[index].shape);
    expect(gradient.dataSync()).toBeAllClose(composed[index].dataSync(), tolerance);
    expect(gradient.dataSync()).toBeAllClose(differences(reals, index, exact, weights.values), tolerance);
  }
  for (const each of [...tensors, ...found, ...composed, ours, theirs, upstream]) each.dispose();
}

function differences(
  inputs: readonly Float64Array[],
  which: number,
  f: (...inputs: Float64Array[]) => Float64Array,
  weights: Float32Array,
): Float64Array {
  const costAt = (entry: number, step: number): number => {
    const moved = inputs.map((each, index) => (index === which ? each.map((x, at) => (at === entry ? x + step : x)) : each));
    return f(...moved).reduce((total, value, index) => total + value * weights[index], 0);
  };
  return inputs[which].map((_, entry) => (costAt(entry, STEP) - costAt(entry, -STEP)) / (2 * STEP));
}

/** Every vector of length `width` of an array, put through a function. */
export function byRows(values: Float64Array, width: number, f: (row: Float64Array, index: number) => ArrayLike<number>): Float64Array {
  const rows = Array.from({ length: values.length / width }, (_, index) => f(values.slice(index * width, (index + 1) * width), index));
  return Float64Array.from(rows.flatMap((row) => Array.from(row)));
}
