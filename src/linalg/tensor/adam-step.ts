/** Adam's step in one pass on the wasm backend; composed of its operations it takes fifteen. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkSameShape } from '../shape-checks.js';
import { runFusedKernel } from './fused-kernel.js';
import type { TensorDevice } from './tensor-device.js';
import { heapKernel, lengthOf } from './wasm/heap-kernel.js';
import { heapKernels } from './wasm/heap-kernels.js';

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

/** The member `adamStep` of a device's engine; nothing where there is no such kernel. */
export function adamStep(device: TensorDevice): Pick<LinearAlgebra<Tensor>, 'adamStep'> {
  if (device.name !== 'wasm' || heapKernels() === undefined) return {};
  return {
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
