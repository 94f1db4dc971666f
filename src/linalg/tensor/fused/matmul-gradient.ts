/** The gradient of a batched matrix product, where TensorFlow.js's own is wrong. */
import { type GradConfig, matMul, registerGradient } from '@tensorflow/tfjs-core';
import { sumOverRepeats } from './sum-over-repeats.js';

const batchMatMulGradient: GradConfig = {
  kernelName: 'BatchMatMul',
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, [a, b], { transposeA, transposeB }) => {
    const [flagA, flagB] = [transposeA === true, transposeB === true];
    const upstream = Array.isArray(dy) ? dy[0] : dy;
    return {
      a: () => sumOverRepeats(a.shape, flagA ? matMul(b, upstream, flagB, true) : matMul(upstream, b, false, !flagB)),
      b: () => sumOverRepeats(b.shape, flagB ? matMul(upstream, a, true, flagA) : matMul(a, upstream, !flagA, false)),
    };
  },
};

/**
 * Gives `tf.matMul` a gradient that is right also where batch axes were broadcast, as in [k, m, p] by [p, n]: the operand's gradient is
 * summed over those axes. TensorFlow.js's has the batch axes of the result, on every backend, and the tape then rejects it or
 * passes on the wrong shape. Where no axis is broadcast the two are the same.
 *
 * For the whole process and every backend. Modules that register all of TensorFlow.js's gradients put the wrong one back: call this after
 * importing them.
 */
export function installMatMulGradient(): void {
  registerGradient(batchMatMulGradient);
}
