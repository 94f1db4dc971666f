/** RMS normalization and its gradient in one kernel each; see rms-norm.ts. */
import { heapKernel, lengthOf } from '../../linalg/tensor/wasm/heap-kernel.js';

/** Maps x [..., d], gain [d] and epsilon to y of x's shape and to r, a number for each vector. */
export const rmsNormKernel = heapKernel('BuresRmsNorm', 'rmsNorm', ({ inputs: { x, gain }, attrs, kernels, make, offsets }) => {
  const results = make(x.shape, [...x.shape.slice(0, -1), 1]);
  const [values, factors, y, inverse] = offsets(x, gain, ...results);
  const [length] = gain.shape;
  kernels.rmsNorm(values, factors, y, inverse, lengthOf(x.shape) / length, length, Number(attrs.epsilon));
  return results;
});

/** Maps dy, x, gain, inverse to ∂x. */
export const rmsNormGradientKernel = heapKernel('BuresRmsNormGradient', 'rmsNorm', ({ inputs, kernels, make, offsets }) => {
  const { dy, x, gain, inverse } = inputs;
  const [result] = make(x.shape);
  const [d, values, factors, r, dx] = offsets(dy, x, gain, inverse, result);
  const [length] = gain.shape;
  kernels.rmsNormBack(d, values, factors, r, dx, lengthOf(x.shape) / length, length);
  return result;
});
