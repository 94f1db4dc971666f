import { type GradConfig, matMul } from '@tensorflow/tfjs-core';
import { placeGradient } from '../linalg/tensor/tensorflow-internals.js';
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
 * Gives `tf.matMul` a gradient that stays right if batch axes are broadcast, as in [k, m, p] by [p, n]: it sums the
 * operand's gradient over those axes. TensorFlow.js's gradient has the batch axes of the result, on every backend, and
 * the tape then rejects it or passes on the wrong shape. If no axis is broadcast, the two are the same.
 *
 * The gradient holds for the whole process and every backend. Modules that register all of TensorFlow.js's gradients
 * put the wrong one back: call this after importing them.
 */
export function installMatMulGradient(): void {
  placeGradient(batchMatMulGradient);
}
