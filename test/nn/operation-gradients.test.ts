/** Our gradients of TensorFlow.js's operations against its own, and `record` against its `grads`. */
import '@tensorflow/tfjs-backend-cpu';
import {
  add,
  cast,
  concat,
  div,
  exp,
  expandDims,
  floor,
  gather,
  grads,
  log,
  matMul,
  mean,
  memory,
  mul,
  neg,
  ready,
  reshape,
  rsqrt,
  setBackend,
  sigmoid,
  slice,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  tensor1d,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { NotImplementedError } from '../../src/core/errors.js';
import { installGradients } from '../../src/nn/gradients.js';
import { record } from '../../src/nn/record.js';
import { registerAllGradients } from '../tensor/wasm/all-gradients.js';
import { randomValues } from '../tensor/wasm/products.js';

/** Functions of x [3, 4] and y [4], x positive. */
const FUNCTIONS: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  'add, broadcast': (x, y) => add(y, x),
  'sub, broadcast': (x, y) => sub(y, x),
  'mul, broadcast': (x, y) => mul(x, y),
  'div, broadcast': (x, y) => div(div(y, x), add(square(y), 1)),
  'neg, square': (x, y) => mul(neg(square(x)), square(y)),
  'sqrt, rsqrt': (x, y) => mul(sqrt(x), mul(rsqrt(x), y)),
  'exp, log': (x, y) => mul(log(x), exp(y)),
  'tanh, sigmoid': (x, y) => mul(tanh(x), sigmoid(y)),
  'reshape, expandDims, transpose': (x, y) => mul(transpose(reshape(x, [2, 3, 2]), [2, 0, 1]), sum(square(expandDims(y, 0)))),
  'sums along axes': (x, y) => mul(sum(x, 0), add(mul(y, sum(x)), sum(sum(square(x), -1, true)))),
  'means along axes': (x, y) => mul(mean(x, 0), add(mul(y, mean(x)), mean(mean(square(x), 1, true)))),
  softmax: (x, y) => mul(softmax(mul(x, y)), y),
  'slice, concat': (x, y) => square(concat([slice(x, [1, 1], [2, 3]), reshape(concat([y, y, slice(y, 1, 1)]), [3, 3])], 0)),
  gather: (x, y) => mul(gather(x, tensor1d([2, 0, 2, 2], 'int32')), y),
  'cast, clone': (x, y) => mul(cast(x, 'float32').clone(), y),
  matMul: (x, y) => matMul(x, reshape(y, [1, 4]), false, true),
  'a value that is also an input of others': (x, y) => add(mul(x, x), mul(x, y)),
};

function inputs(): [Tensor, Tensor] {
  const [x, y] = [randomValues([3, 4], 1), randomValues([4], 2)];
  return [
    tensor(
      x.values.map((entry) => Math.abs(entry) + 0.3),
      [3, 4],
    ),
    tensor(y.values, [4]),
  ];
}

function upstreamOf({ shape }: Tensor): Tensor {
  return tensor(randomValues(shape, 3).values, [...shape]);
}

beforeAll(async () => {
  await setBackend('cpu');
  await ready();
  installGradients();
});

describe('record', () => {
  it('gives undefined where nothing depends on an input, and a tensor each where one is given twice', () => {
    const [x, y] = inputs();
    const { value, pullback } = record(() => square(x));
    const upstream = upstreamOf(value);
    const [first, second, none] = pullback(upstream, [x, x, y]);
    expect(none).toBeUndefined();
    expect(first).not.toBe(second);
    expect(second?.dataSync()).toEqual(first?.dataSync());
  });

  it('is the identity for a value that is its input', () => {
    const [x] = inputs();
    const { pullback } = record(() => x.clone());
    const [gradient] = pullback(x, [x]);
    expect(gradient?.dataSync()).toEqual(x.dataSync());
  });

  it('keeps nothing of what failed, was thrown away, or has no gradient', () => {
    const [x, y] = inputs();
    const before = memory().numTensors;
    const failing = () =>
      record(() => {
        mul(square(x), y);
        throw new Error('here');
      });
    expect(failing).toThrow('here');
    const unused = record(() => mul(square(x), y));
    unused.dispose();
    unused.value.dispose();
    const flat = record(() => floor(square(x)));
    expect(() => flat.pullback(x, [x])).toThrow(NotImplementedError);
    flat.value.dispose();
    expect(memory().numTensors).toBe(before);
  });
});

describe('gradients', () => {
  it.each(Object.keys(FUNCTIONS))('%s: as by TensorFlow.js, and freed', async (name) => {
    const compute = FUNCTIONS[name];
    const before = memory().numTensors;
    const [x, y] = inputs();
    const recording = record(() => compute(x, y));
    const upstream = upstreamOf(recording.value);
    const ours = recording.pullback(upstream, [x, y]).map((gradient) => {
      const values = gradient?.dataSync();
      gradient?.dispose();
      return values;
    });
    recording.value.dispose();
    for (const each of [x, y, upstream]) each.dispose();
    expect(memory().numTensors).toBe(before);
    stock.push(() => {
      const [a, b] = inputs();
      const theirs = tidy(() => grads((u, v) => sum(mul(compute(u, v), upstreamOf(compute(a, b)))))([a, b]).map((each) => each.dataSync()));
      expect(ours[0]).toBeAllClose(theirs[0], 1e-5);
      expect(ours[1]).toBeAllClose(theirs[1], 1e-5);
    });
  });

  const stock: (() => void)[] = [];
  it('agree with its own, registered afterwards', async () => {
    await registerAllGradients();
    expect(stock).toHaveLength(Object.keys(FUNCTIONS).length);
    for (const compare of stock) compare();
  });
});
