/**
 * Gradients of the operations that models and adapters use. TensorFlow.js has gradients of all operations, but only in
 * files that plain Node cannot import; its main file registers none.
 */

import {
  div,
  type GradConfig,
  mul,
  type NamedAttrMap,
  neg,
  ones,
  pad,
  reshape,
  slice,
  slice_util,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  transpose,
  unsortedSegmentSum,
  util,
} from '@tensorflow/tfjs-core';
import { NotImplementedError } from '../core/errors.js';
import { registerMissingGradient } from '../linalg/tensor/tensorflow-internals.js';
import { installMatMulGradient } from './matmul-gradient.js';
import { sumOverRepeats } from './sum-over-repeats.js';

/** Computes the derivative by each input from the upstream gradient and the saved tensors. */
type Rule = (dy: Tensor, saved: readonly Tensor[], attrs: NamedAttrMap) => Record<string, () => Tensor>;

function gradient(kernelName: string, saves: Pick<GradConfig, 'inputsToSave' | 'outputsToSave'>, rule: Rule): GradConfig {
  return { kernelName, ...saves, gradFunc: (dy, saved, attrs) => rule(Array.isArray(dy) ? dy[0] : dy, saved, attrs) };
}

/** Defines the gradient of an elementwise function of one argument by its derivative. */
function unary(kernelName: string, saved: 'input' | 'output', derivative: (dy: Tensor, value: Tensor) => Tensor): GradConfig {
  const saves = saved === 'input' ? { inputsToSave: ['x'] } : { outputsToSave: [true] };
  return gradient(kernelName, saves, (dy, [value]) => ({ x: () => derivative(dy, value) }));
}

/** Defines the gradient of an elementwise function of two arguments that are broadcast. */
function binary(
  kernelName: string,
  byA: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
  byB: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
): GradConfig {
  return gradient(kernelName, { inputsToSave: ['a', 'b'] }, (dy, [a, b]) => ({
    a: () => sumOverRepeats(a.shape, byA(dy, a, b)),
    b: () => sumOverRepeats(b.shape, byB(dy, a, b)),
  }));
}

function shaped(kernelName: string, input: string): GradConfig {
  return gradient(kernelName, { inputsToSave: [input] }, (dy, [x]) => ({ [input]: () => reshape(dy, x.shape) }));
}

/** Restores the reduced axes of an upstream gradient as axes of length one. */
function unreduced(dy: Tensor, x: Tensor, axis: unknown): Tensor {
  const axes = util.parseAxisParam(axis as number | number[], x.shape);
  return reshape(
    dy,
    x.shape.map((length, index) => (axes.includes(index) ? 1 : length)),
  );
}

function inverse(permutation: readonly number[]): number[] {
  return permutation.map((_, axis) => permutation.indexOf(axis));
}

const gradients: readonly GradConfig[] = [
  gradient('Identity', {}, (dy) => ({ x: () => dy })),
  gradient('Cast', {}, (dy) => ({ x: () => dy })),
  binary(
    'Add',
    (dy) => dy,
    (dy) => dy,
  ),
  binary('Sub', (dy) => dy, neg),
  binary(
    'Multiply',
    (dy, _, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  ),
  binary(
    'RealDiv',
    (dy, _, b) => div(dy, b),
    (dy, a, b) => neg(div(mul(dy, a), square(b))),
  ),
  unary('Neg', 'output', neg),
  unary('Square', 'input', (dy, x) => mul(dy, mul(x, 2))),
  unary('Sqrt', 'output', (dy, y) => div(dy, mul(y, 2))),
  unary('Rsqrt', 'output', (dy, y) => mul(dy, mul(mul(square(y), y), -0.5))),
  unary('Exp', 'output', mul),
  unary('Log', 'input', div),
  unary('Tanh', 'output', (dy, y) => mul(dy, sub(1, square(y)))),
  unary('Sigmoid', 'output', (dy, y) => mul(dy, mul(y, sub(1, y)))),
  shaped('Reshape', 'x'),
  shaped('ExpandDims', 'input'),
  gradient('Transpose', {}, (dy, _, { perm }) => ({ x: () => transpose(dy, inverse(perm as number[])) })),
  gradient('Sum', { inputsToSave: ['x'] }, (dy, [x], { axis }) => ({ x: () => mul(unreduced(dy, x, axis), ones(x.shape)) })),
  gradient('Mean', { inputsToSave: ['x'] }, (dy, [x], { axis }) => ({
    x: () => mul(unreduced(dy, x, axis), div(ones(x.shape), x.size / dy.size)),
  })),
  gradient('Softmax', { outputsToSave: [true] }, (dy, [y], { dim }) => ({
    logits: () => {
      const weighted = mul(dy, y);
      return sub(weighted, mul(sum(weighted, dim as number, true), y));
    },
  })),
  gradient('Slice', { inputsToSave: ['x'] }, (dy, [x], { begin, size }) => ({
    x: () => {
      const [starts, lengths] = slice_util.parseSliceParams(x, begin as number[], size as number[]);
      const margins = x.shape.map((length, axis): [number, number] => [starts[axis], length - starts[axis] - lengths[axis]]);
      return pad(dy, margins);
    },
  })),
  {
    kernelName: 'Concat',
    saveAllInputs: true,
    gradFunc: (dy, saved, { axis: given }) => {
      const upstream = Array.isArray(dy) ? dy[0] : dy;
      const axis = util.parseAxisParam(given as number, upstream.shape)[0];
      let end = 0;
      const parts = saved.map((part) => {
        const begin = part.shape.map((_, index) => (index === axis ? end : 0));
        end += part.shape[axis];
        return () => slice(upstream, begin, part.shape);
      });
      return Object.fromEntries(parts.entries());
    },
  },
  gradient('GatherV2', { inputsToSave: ['x', 'indices'] }, (dy, [x, indices], { axis }) => ({
    x: () => {
      if (util.parseAxisParam(axis as number, x.shape)[0] !== 0) {
        throw new NotImplementedError('gather: expected axis 0, got another, of which there is no gradient; transpose first');
      }
      const slices = reshape(dy, [indices.size, ...x.shape.slice(1)]);
      return unsortedSegmentSum(slices, reshape(indices, [indices.size]) as Tensor1D, x.shape[0]);
    },
  })),
];

/**
 * Registers the gradients of the operations above and of `matMul`, for the whole process and every backend. Gradients
 * that are already registered stay, except that of `matMul`: TensorFlow.js's is wrong if batch axes are broadcast.
 *
 * The gradients of identity and addition return the upstream gradient itself, which TensorFlow.js's `grads` and
 * `record` allow.
 */
export function installGradients(): void {
  for (const config of gradients) registerMissingGradient(config);
  installMatMulGradient();
}
