/**
 * Vector arithmetic in one pass on the wasm backend: a x + y, inner products, and Adam's step, which takes fifteen
 * composed.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { checkScalar } from '../../core/options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkSameShape } from '../shape-checks.js';
import { runFusedKernel } from './fused-kernel.js';
import type { TensorDevice } from './tensor-device.js';
import { offsetOf, startedBackend } from './tensorflow-internals.js';
import { heapKernel, lengthOf } from './wasm/heap-kernel.js';
import { heapKernels } from './wasm/heap-kernels.js';
import type { WasmBackend } from './wasm/wasm-heap.js';

/** Maps gradient, first? and second? to the new moments and the direction. */
const adamKernel = heapKernel('BuresAdamStep', 'adamStep', ({ inputs, attrs, kernels, make, offsets }) => {
  const { gradient, first, second } = inputs;
  const hasMoments = (first as typeof first | undefined) !== undefined;
  const results = make(gradient.shape, gradient.shape, gradient.shape);
  const [g, newFirst, newSecond, direction] = offsets(gradient, ...results);
  const [m, v] = hasMoments ? offsets(first, second) : [0, 0];
  const [beta1, beta2, c1, c2, epsilon] = ['beta1', 'beta2', 'firstCorrection', 'secondCorrection', 'epsilon'].map((name) =>
    Number(attrs[name]),
  );
  const length = lengthOf(gradient.shape);
  kernels.adamStep(g, m, v, newFirst, newSecond, direction, length, beta1, beta2, 1 - beta1, 1 - beta2, c1, c2, epsilon);
  return results;
});

/** Maps x, y and the factor a to a x + y. */
const axpyKernel = heapKernel('BuresAxpy', 'axpy', ({ inputs: { x, y }, attrs, kernels, make, offsets }) => {
  const [result] = make(x.shape);
  const [from, added, to] = offsets(x, y, result);
  kernels.axpy(Number(attrs.factor), from, added, to, lengthOf(x.shape));
  return result;
});

type OnePass = Pick<LinearAlgebra<Tensor>, 'adamStep' | 'axpy' | 'inner' | 'norm'>;

/** Those members of a device's engine that have a kernel of their own; nothing where there is none. */
export function onePass(device: TensorDevice): Partial<OnePass> {
  const kernels = heapKernels();
  if (device.name !== 'wasm' || kernels === undefined) return {};
  const backend = startedBackend<WasmBackend>(device.name);
  const inner = (x: Tensor, y: Tensor): number => kernels.inner(offsetOf(backend, x), offsetOf(backend, y), x.size);
  return {
    axpy(factor, x, y) {
      checkScalar('axpy', 'the factor', factor);
      checkSameShape('axpy', device.check('axpy', x), device.check('axpy', y));
      return device.run(() => (runFusedKernel(axpyKernel, { x, y }, { factor }) as readonly Tensor[])[0]);
    },

    inner(x, y) {
      checkSameShape('inner', device.check('inner', x), device.check('inner', y));
      return inner(x, y);
    },

    norm(x) {
      device.check('norm', x);
      return Math.sqrt(inner(x, x));
    },

    adamStep(gradient, moments, rates) {
      const shape = device.check('adamStep', gradient);
      if (moments !== undefined)
        for (const moment of [moments.first, moments.second]) checkSameShape('adamStep', shape, device.check('adamStep', moment));
      const [first, second, direction] = device.run(() => [
        ...(runFusedKernel(adamKernel, { gradient, ...moments }, { ...rates }) as readonly Tensor[]),
      ]);
      return { first, second, direction };
    },
  };
}
