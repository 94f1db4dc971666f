/**
 * Attention against its definition in float64, values and gradients: composed on cpu, by the kernels on wasm, over
 * several of their chunks.
 */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { memory, mul, ready, setBackend, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/core/errors.js';
import { installWasmKernels } from '../../src/linalg/tensor/wasm/install.js';
import { type AttentionOptions, attention } from '../../src/nn/attention.js';
import { installGradients } from '../../src/nn/gradients.js';
import { record } from '../../src/nn/record.js';
import { randomValues } from '../tensor/wasm/products.js';
import { startKernels } from '../tensor/wasm/start-kernels.js';

interface AttentionCase {
  readonly name: string;
  readonly queries: number;
  readonly keys: number;
  readonly size: number;
  readonly options: AttentionOptions;
}

const HEADS = { batch: 1, heads: 2, keyValueHeads: 2, scale: 0.4 };

const CASES: readonly AttentionCase[] = [
  { name: 'one token', queries: 1, keys: 1, size: 3, options: HEADS },
  { name: 'groups and a batch', queries: 7, keys: 7, size: 5, options: { batch: 3, heads: 6, keyValueHeads: 2, scale: 0.7 } },
  { name: 'cached keys', queries: 3, keys: 11, size: 4, options: { batch: 2, heads: 4, keyValueHeads: 1, scale: 0.5 } },
  { name: 'several chunks', queries: 300, keys: 300, size: 6, options: HEADS },
  { name: 'a window over chunks', queries: 290, keys: 290, size: 3, options: { ...HEADS, keyValueHeads: 1, window: 140 } },
  { name: 'a narrow window with cached keys', queries: 150, keys: 160, size: 3, options: { ...HEADS, window: 2 } },
  {
    name: 'segments and padding',
    queries: 140,
    keys: 140,
    size: 4,
    options: {
      ...HEADS,
      batch: 2,
      window: 50,
      segments: Int32Array.from({ length: 280 }, (_, t) => (t % 140 > 130 ? -1 : Math.floor(t / 37))),
    },
  },
  { name: 'whole tiles', queries: 40, keys: 40, size: 16, options: { batch: 2, heads: 4, keyValueHeads: 2, scale: 0.25 } },
  { name: 'parts of tiles', queries: 37, keys: 45, size: 12, options: { batch: 2, heads: 3, keyValueHeads: 1, scale: 0.3, window: 21 } },
  { name: 'large scores', queries: 20, keys: 20, size: 4, options: { ...HEADS, scale: 60 } },
];

/** O, and the derivatives of Σ w ∘ O, in float64. */
function exact({ queries, keys, size, options }: AttentionCase, q: Float32Array, k: Float32Array, v: Float32Array, w: Float32Array) {
  const { batch, heads, keyValueHeads, scale, window = keys, segments } = options;
  const [O, dq, dk, dv] = [q, q, k, v].map(({ length }) => new Float64Array(length));
  for (let head = 0; head < batch * heads * queries; head++) {
    const [member, h, query] = [Math.floor(head / (heads * queries)), Math.floor(head / queries) % heads, head % queries];
    const position = keys - queries + query;
    const i = (member * queries + query) * heads * size + h * size;
    const keyAt = (key: number) => ((member * keys + key) * keyValueHeads + Math.floor((h * keyValueHeads) / heads)) * size;
    const visible = Array.from({ length: keys }, (_, key) => key).filter(
      (key) =>
        key <= position &&
        position - key < window &&
        (segments === undefined || segments[member * keys + key] === segments[member * keys + position]),
    );
    const dot = (a: ArrayLike<number>, x: number, b: ArrayLike<number>, y: number): number => {
      let sum = 0;
      for (let d = 0; d < size; d++) sum += a[x + d] * b[y + d];
      return sum;
    };
    const scores = visible.map((key) => scale * dot(q, i, k, keyAt(key)));
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const P = weights.map((weight) => weight / total);
    const upstream = visible.map((key) => dot(w, i, v, keyAt(key)));
    const mean = upstream.reduce((sum, value, index) => sum + value * P[index], 0);
    for (const [index, key] of visible.entries()) {
      const slope = scale * P[index] * (upstream[index] - mean);
      for (let d = 0; d < size; d++) {
        O[i + d] += P[index] * v[keyAt(key) + d];
        dv[keyAt(key) + d] += P[index] * w[i + d];
        dq[i + d] += slope * k[keyAt(key) + d];
        dk[keyAt(key) + d] += slope * q[i + d];
      }
    }
  }
  return [O, dq, dk, dv];
}

beforeAll(async () => {
  installGradients();
  await startKernels();
});

describe.each([
  { name: 'cpu' },
  { name: 'wasm' },
  { name: 'wasm without BLAS', blas: 'off' },
  { name: 'wasm with BLAS alone', simd: 'off' },
  { name: 'wasm without either', blas: 'off', simd: 'off' },
] as const)('on $name', ({ name, ...options }) => {
  beforeEach(async () => {
    await setBackend(name.split(' ')[0]);
    await ready();
    installWasmKernels(options);
  });
  afterAll(() => {
    installWasmKernels();
  });

  it.each(CASES)('$name', (given) => {
    const before = memory().numTensors;
    const { queries, keys, size, options } = given;
    const { batch, heads, keyValueHeads } = options;
    const shapeQ = [batch * queries, heads * size];
    const shapeK = [batch * keys, keyValueHeads * size];
    const values = [shapeQ, shapeK, shapeK, shapeQ].map((shape, index) => randomValues(shape, index + 1));
    const [q, k, v, w] = values.map((each) => tensor(each.values, [...each.shape]));
    const { value, pullback } = record(() => attention(q, k, v, options));
    const gradients = pullback(w, [q, k, v]);
    const expected = exact(given, ...(values.map((each) => each.values) as [Float32Array, Float32Array, Float32Array, Float32Array]));
    for (const [index, found] of [value, ...gradients].entries()) {
      const scale = Math.max(1, ...expected[index].map(Math.abs));
      expect(found?.dataSync()).toBeAllClose(expected[index], 2e-5 * scale);
      found?.dispose();
    }
    for (const each of [q, k, v, w]) each.dispose();
    expect(memory().numTensors).toBe(before);
  });

  it('gives the same gradient where one tensor is all three', () => {
    const { values, shape } = randomValues([5, 6], 9);
    const x = tensor(values, [...shape]);
    const options = { ...HEADS, scale: 1 };
    const { value, pullback } = record(() => attention(x, x, x, options));
    const [sum] = pullback(x, [x]);
    const parts = [0, 1, 2].map((which) => {
      const copies: Tensor[] = [0, 1, 2].map(() => mul(x, 1));
      const single = record(() => attention(copies[0], copies[1], copies[2], options));
      return single.pullback(x, [copies[which]])[0]?.dataSync() ?? [];
    });
    expect(sum?.dataSync()).toBeAllClose(
      Float64Array.from(values, (_, index) => parts[0][index] + parts[1][index] + parts[2][index]),
      1e-5,
    );
    value.dispose();
  });

  it('refuses shapes that do not belong together', () => {
    const [x, y] = [tensor(new Float32Array(24), [4, 6]), tensor(new Float32Array(18), [3, 6])];
    expect(() => attention(x, y, y, HEADS)).toThrow(ShapeError);
    expect(() => attention(x, x, y, HEADS)).toThrow(ShapeError);
    expect(() => attention(x, x, x, { ...HEADS, heads: 5 })).toThrow(ShapeError);
    expect(() => attention(x, x, x, { ...HEADS, keyValueHeads: 1 })).toThrow(ShapeError);
    expect(() => attention(x, x, x, { ...HEADS, segments: new Int32Array(3) })).toThrow(ShapeError);
  });
});
