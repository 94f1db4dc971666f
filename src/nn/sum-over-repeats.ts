import { reshape, sum, type Tensor } from '@tensorflow/tfjs-core';

/**
 * Sums the gradient of a broadcast operand over the axes along which it was repeated.
 *
 * @param shape - shape of the operand.
 * @param gradient - an array of the result's shape.
 * @returns an array of the operand's shape; the gradient itself if nothing was repeated.
 */
export function sumOverRepeats(shape: readonly number[], gradient: Tensor): Tensor {
  const missing = gradient.rank - shape.length;
  const repeated: number[] = [];
  for (let axis = 0; axis < gradient.rank; axis++) {
    if (axis < missing || (shape[axis - missing] === 1 && gradient.shape[axis] !== 1)) repeated.push(axis);
  }
  return repeated.length === 0 ? gradient : reshape(sum(gradient, repeated), [...shape]);
}
