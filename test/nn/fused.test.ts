/**
 * Fused functions against the plain compositions and against float64, values and gradients, on every backend of this
 * package's own.
 */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import {
  add,
  concat,
  div,
  grad,
  logSoftmax,
  mean,
  memory,
  mul,
  neg,
  oneHot,
  ready,
  reshape,
  setBackend,
  sigmoid,
  slice,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  tensor1d,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, ShapeError } from '../../src/core/errors.js';
import { installWasmKernels } from '../../src/linalg/tensor/wasm/install.js';
import { crossEntropy, crossEntropyWithGradient, DEFAULT_IGNORED_LABEL, tokenCrossEntropy } from '../../src/nn/cross-entropy.js';
import { gelu } from '../../src/nn/gelu.js';
import { layerNorm } from '../../src/nn/layer-norm.js';
import { defaultRmsNormOptions, rmsNorm } from '../../src/nn/rms-norm.js';
import { DEFAULT_ROTARY_BASE, rope, rotaryTables } from '../../src/nn/rope.js';
import { swiglu } from '../../src/nn/swiglu.js';
import { registerAllGradients } from '../tensor/wasm/all-gradients.js';
import { randomValues, toTensor } from '../tensor/wasm/products.js';
import { startKernels } from '../tensor/wasm/start-kernels.js';
import { byRows, expectAgreement } from './gradients.js';

const LEADING = [{ axes: [] }, { axes: [4] }, { axes: [2, 3] }, { axes: [2, 2, 3] }];

beforeAll(async () => {
  await registerAllGradients();
  await startKernels();
});

describe.each([{ name: 'cpu' }, { name: 'wasm' }, { name: 'wasm without kernels', simd: 'off' }] as const)(
  'on $name',
  ({ name, ...options }) => {
    let before = 0;
    beforeEach(async () => {
      await setBackend(name.split(' ')[0]);
      await ready();
      installWasmKernels(options);
      before = memory().numTensors;
    });

    function expectNothingLeft(): void {
      expect(memory().numTensors).toBe(before);
    }

    it.each(LEADING)('swiglu agrees: leading axes $axes', ({ axes }) => {
      const shape = [...axes, 5];
      expectAgreement({
        inputs: [randomValues(shape, 1), randomValues(shape, 2)],
        fused: swiglu,
        plain: (gate, up) => mul(mul(gate, sigmoid(gate)), up),
        exact: (gate, up) => gate.map((g, index) => (g / (1 + Math.exp(-g))) * up[index]),
      });
      expectNothingLeft();
    });

    it.each(LEADING)('gelu agrees: leading axes $axes', ({ axes }) => {
      const inner = (x: Tensor): Tensor => mul(mul(x, Math.sqrt(2 / Math.PI)), add(1, mul(0.044715, square(x))));
      expectAgreement({
        inputs: [randomValues([...axes, 5], 1)],
        fused: gelu,
        plain: (x) => mul(mul(x, 0.5), add(1, tanh(inner(x)))),
        exact: (x) => x.map((entry) => 0.5 * entry * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (entry + 0.044715 * entry ** 3)))),
      });
      expectNothingLeft();
    });

    it.each(LEADING)('layerNorm agrees: leading axes $axes', ({ axes }) => {
      const epsilon = 0.01;
      const arrays = [randomValues([...axes, 6], 3), randomValues([6], 4), randomValues([6], 5)];
      const plain = (x: Tensor, gain: Tensor, bias: Tensor): Tensor => {
        const centred = sub(x, mean(x, -1, true));
        return add(mul(div(centred, sqrt(add(mean(square(centred), -1, true), epsilon))), gain), bias);
      };
      const exact = (x: Float64Array, gain: Float64Array, bias: Float64Array): Float64Array =>
        byRows(x, 6, (row) => {
          const centre = row.reduce((total, entry) => total + entry, 0) / 6;
          const root = Math.sqrt(row.reduce((total, entry) => total + (entry - centre) ** 2, 0) / 6 + epsilon);
          return row.map((entry, index) => ((entry - centre) / root) * gain[index] + bias[index]);
        });
      expectAgreement({ inputs: arrays, fused: (x, gain, bias) => layerNorm(x, gain, bias, { epsilon }), plain, exact });
      const [gain, bias] = arrays.slice(1).map(({ values }) => tensor(values, [6]));
      expectAgreement({
        inputs: arrays.slice(0, 1),
        fused: (x) => layerNorm(x, gain, bias, { epsilon, frozen: true }),
        plain: (x) => plain(x, gain, bias),
        exact: (x) => exact(x, Float64Array.from(arrays[1].values), Float64Array.from(arrays[2].values)),
      });
      expect(() => layerNorm(gain, gain, tensor([1]))).toThrow(ShapeError);
      for (const each of [gain, bias]) each.dispose();
    });

    it('crossEntropyWithGradient is the loss and its gradient', () => {
      const [tokens, vocabulary, factor] = [5, 7, 0.3];
      const logits = tensor(
        randomValues([tokens, vocabulary], 6).values.map((entry) => 9 * entry),
        [tokens, vocabulary],
      );
      const labels = tensor1d([3, 0, 6, 1, 3], 'int32');
      const { loss, gradient } = crossEntropyWithGradient(logits, labels, factor);
      const total = (given: Tensor): Tensor => tidy(() => sum(tokenCrossEntropy(given, labels)));
      const [expected, slope] = [total(logits), tidy(() => mul(grad(total)(logits), factor))];
      expect(Math.abs(loss.dataSync()[0] - expected.dataSync()[0])).toBeLessThan(1e-5);
      expect(gradient.dataSync()).toBeAllClose(slope.dataSync(), 1e-6);
      for (const each of [logits, labels, loss, gradient, expected, slope]) each.dispose();
      expectNothingLeft();
    });

    it('rope turns heads side by side as it turns each alone', () => {
      const [tokens, heads, size] = [3, 2, 4];
      const tables = rotaryTables({ tokens: Int32Array.of(4, 0, 9), headSize: size });
      const { values } = randomValues([2, tokens, heads * size], 8);
      const side = tidy(() => rope(tensor(values, [2, tokens, heads * size]), tables, { heads }).dataSync());
      for (let head = 0; head < heads; head++) {
        const own = (all: ArrayLike<number>): number[] =>
          Array.from({ length: 2 * tokens * size }, (_, i) => all[Math.floor(i / size) * heads * size + head * size + (i % size)]);
        const alone = tidy(() => rope(tensor(own(values), [2, tokens, size]), tables).dataSync());
        expect(own(side)).toEqual([...alone]);
      }
      for (const each of Object.values(tables)) (each as Tensor).dispose();
      expectNothingLeft();
    });

    it('rope turns a part of each head as a head of that size, times the factor, and leaves the rest', () => {
      const [tokens, heads, size, width] = [3, 2, 6, 4];
      const positions = Int32Array.of(4, 0, 9);
      const tables = rotaryTables({ tokens: positions, headSize: width, factor: 1.5 });
      const plain = rotaryTables({ tokens: positions, headSize: width });
      const { values } = randomValues([2, tokens, heads * size], 8);
      const x = tensor(values, [2, tokens, heads * size]);
      const weights = tensor(randomValues(x.shape, 9).values, x.shape);
      const turned = tidy(() => rope(x, tables, { heads, headSize: size }).dataSync());
      const slope = tidy(() => grad((given) => sum(mul(rope(given, tables, { heads, headSize: size }), weights)))(x).dataSync());
      const part = (all: ArrayLike<number>, from: number, to: number): number[] =>
        Array.from(all).filter((_, i) => i % size >= from && i % size < to);
      const expected = tidy(() => mul(rope(tensor(part(values, 0, width), [2, tokens, heads * width]), plain, { heads }), 1.5).dataSync());
      expect(part(turned, 0, width)).toBeAllClose(expected, 1e-6);
      expect(part(turned, width, size)).toEqual(part(x.dataSync(), width, size));
      expect(part(slope, width, size)).toEqual(part(weights.dataSync(), width, size));
      for (const each of [x, weights, ...Object.values(tables), ...Object.values(plain)]) (each as Tensor).dispose();
      expectNothingLeft();
    });

    it.each(LEADING)('rmsNorm agrees: leading axes $axes', ({ axes }) => {
      const shape = [...axes, 6];
      expectAgreement({
        inputs: [randomValues(shape, 3), randomValues([6], 4)],
        fused: (x, gain) => rmsNorm(x, gain, { ...defaultRmsNormOptions, epsilon: 0.01 }),
        plain: (x, gain) => mul(div(x, sqrt(add(mean(square(x), -1, true), 0.01))), gain),
        exact: (x, gain) =>
          byRows(x, 6, (row) => {
            const root = Math.sqrt(row.reduce((total, entry) => total + entry ** 2, 0) / 6 + 0.01);
            return row.map((entry, index) => (entry / root) * gain[index]);
          }),
      });
      expectNothingLeft();
    });

    it('rmsNorm with a frozen gain has the same gradient by x, and none by the gain', () => {
      tidy(() => {
        const [x, gain, weights] = [[3, 6], [6], [3, 6]].map((shape, seed) => toTensor(randomValues(shape, seed)));
        const cost = (frozenGain: boolean) => (values: Tensor) => sum(mul(rmsNorm(values, gain, { frozenGain }), weights));
        expect(grad(cost(true))(x).dataSync()).toBeAllClose(grad(cost(false))(x).dataSync(), 0);
        const byGain = (factors: Tensor): Tensor => sum(rmsNorm(x, factors, { frozenGain: true }));
        expect(() => grad(byGain)(gain)).toThrow('Cannot compute gradient');
      });
    });

    it.each([[[3, 8]], [[2, 3, 8]], [[2, 2, 3, 8]]])('rope agrees: shape %s', (shape) => {
      const tables = rotaryTables({ tokens: Int32Array.of(5, 6, 7), headSize: 8 });
      const cosSin = (token: number, j: number): [number, number] => {
        const angle = (5 + token) * DEFAULT_ROTARY_BASE ** (-(j % 4) / 4);
        return [Math.cos(angle), Math.sin(angle)];
      };
      const cosines = tensor(
        Array.from({ length: 24 }, (_, i) => cosSin(Math.floor(i / 8), i % 8)[0]),
        [3, 8],
      );
      const sines = tensor(
        Array.from({ length: 24 }, (_, i) => cosSin(Math.floor(i / 8), i % 8)[1]),
        [3, 8],
      );
      const half = (x: Tensor, start: number): Tensor =>
        slice(x, [...Array<number>(x.rank - 1).fill(0), start], [...x.shape.slice(0, -1), 4]);
      expectAgreement({
        inputs: [randomValues(shape, 5)],
        fused: (x) => rope(x, tables),
        plain: (x) => add(mul(x, cosines), mul(concat([neg(half(x, 4)), half(x, 0)], x.rank - 1), sines)),
        exact: (x) =>
          byRows(x, 8, (row, index) =>
            row.map((entry, j) => {
              const [c, s] = cosSin(index % 3, j);
              return entry * c + (j < 4 ? -row[j + 4] : row[j - 4]) * s;
            }),
          ),
      });
      for (const each of [cosines, sines, tables.cos, tables.sin]) each.dispose();
      expectNothingLeft();
    });

    it('rope repeats its tables over texts that lie one below the other', () => {
      tidy(() => {
        const tables = rotaryTables({ tokens: 3, headSize: 4 });
        const [x, weights] = [1, 2].map((seed) => toTensor(randomValues([6, 8], seed)));
        const apart = (values: Tensor): Tensor => reshape(rope(reshape(values, [2, 3, 8]), tables, { heads: 2 }), [6, 8]);
        const together = (values: Tensor): Tensor => rope(values, tables, { heads: 2 });
        expect(together(x).dataSync()).toBeAllClose(apart(x).dataSync(), 0);
        const slope = (turn: typeof apart) => grad((values: Tensor) => sum(mul(turn(values), weights)))(x).dataSync();
        expect(slope(together)).toBeAllClose(slope(apart), 0);
      });
    });

    it.each([[[1]], [[5]], [[2, 3]]])('tokenCrossEntropy agrees: tokens %s', (tokens) => {
      const count = tokens.reduce((product, axis) => product * axis, 1);
      const chosen = Array.from({ length: count }, (_, index) => (index % 3 === 2 ? DEFAULT_IGNORED_LABEL : (index * 5) % 7));
      const factors = randomValues(tokens, 8);
      const labels = tensor(chosen, tokens, 'int32');
      const weights = toTensor(factors);
      const targets = tidy(() =>
        mul(
          oneHot(
            tensor(
              chosen.map((label) => Math.max(label, 0)),
              tokens,
              'int32',
            ),
            7,
          ),
          tensor(
            chosen.map((label) => (label < 0 ? 0 : 1)),
            [...tokens, 1],
          ),
        ),
      );
      expectAgreement({
        inputs: [randomValues([...tokens, 7], 6)],
        fused: (logits) => tokenCrossEntropy(logits, labels, { weights }),
        plain: (logits) => mul(neg(sum(mul(logSoftmax(logits), targets), -1)), weights),
        exact: (logits) =>
          byRows(logits, 7, (row, index) => {
            if (chosen[index] < 0) return [0];
            const logSumExp = Math.log(row.reduce((total, entry) => total + Math.exp(entry), 0));
            return [(logSumExp - row[chosen[index]]) * factors.values[index]];
          }),
      });
      for (const each of [labels, weights, targets]) each.dispose();
      expectNothingLeft();
    });

    it('crossEntropy is the mean over the tokens that count, or over a given number of them', () => {
      tidy(() => {
        const logits = toTensor(randomValues([2, 3, 5], 1));
        const labels = tensor(
          [
            [1, -100, 4],
            [0, 2, -100],
          ],
          [2, 3],
          'int32',
        );
        const total = sum(tokenCrossEntropy(logits, labels)).dataSync()[0];
        expect(crossEntropy(logits, labels).dataSync()[0]).toBeCloseTo(total / 4, 5);
        expect(crossEntropy(logits, labels, { denominator: 10 }).dataSync()[0]).toBeCloseTo(total / 10, 5);
        const mask = tensor(
          [
            [1, 1, 0],
            [0, 0, 1],
          ],
          [2, 3],
        );
        const first = tokenCrossEntropy(logits, labels).dataSync()[0];
        expect(crossEntropy(logits, labels, { weights: mask }).dataSync()[0]).toBeCloseTo(first, 5);
        expect(crossEntropy(logits, labels, { ignoredLabel: 2 }).dataSync()[0]).toBeNaN();
      });
      expectNothingLeft();
    });

    it('crossEntropy without a token that counts is zero, and so is its gradient', () => {
      tidy(() => {
        const labels = tensor([-100, -100], [2], 'int32');
        const logits = toTensor(randomValues([2, 4], 1));
        expect(crossEntropy(logits, labels).dataSync()[0]).toBe(0);
        const gradient = grad((z: Tensor) => crossEntropy(z, labels))(logits).dataSync();
        expect(gradient).toBeAllClose(new Float32Array(8), 0);
      });
      expectNothingLeft();
    });

    it('crossEntropy is finite for logits that are far apart, and NaN for a label outside the vocabulary', () => {
      tidy(() => {
        const logits = tensor(
          [
            [0, 1000],
            [Number.NEGATIVE_INFINITY, 3],
            [1e30, 1e30],
          ],
          [3, 2],
        );
        const losses = tokenCrossEntropy(logits, tensor([0, 1, 0], [3], 'int32')).dataSync();
        expect([...losses].slice(0, 2)).toEqual([1000, 0]);
        expect(Number.isFinite(losses[2])).toBe(true);
        expect(tokenCrossEntropy(zeros([2, 3]), tensor([0, 3], [2], 'int32')).dataSync()[1]).toBeNaN();
        const gradient = grad((z: Tensor) => sum(tokenCrossEntropy(z, tensor([0, 1, 0], [3], 'int32'))))(logits).dataSync();
        expect(gradient).toBeAllClose([-1, 1, 0, 0, -0.5, 0.5], 1e-6);
      });
      expectNothingLeft();
    });

    it('refuse what does not fit', () => {
      tidy(() => {
        expect(() => swiglu(zeros([2, 3]), zeros([3]))).toThrow(ShapeError);
        expect(() => rmsNorm(zeros([2, 3]), zeros([2]))).toThrow(ShapeError);
        expect(() => rope(zeros([4, 6]), rotaryTables({ tokens: 3, headSize: 6 }))).toThrow(ShapeError);
        expect(() => rope(zeros([3, 8]), rotaryTables({ tokens: 3, headSize: 4 }), { headSize: 6 })).toThrow(ShapeError);
        expect(() => rotaryTables({ tokens: 3, headSize: 5 })).toThrow(ConfigError);
        expect(() => rotaryTables({ tokens: 3, headSize: 6, frequencies: [1] })).toThrow(ConfigError);
        expect(() => tokenCrossEntropy(zeros([2, 3, 5]), zeros([3], 'int32'))).toThrow(ShapeError);
        expect(() => tokenCrossEntropy(zeros([3, 5]), zeros([3], 'int32'), { weights: zeros([2]) })).toThrow(ShapeError);
      });
      expectNothingLeft();
    });
  },
);
