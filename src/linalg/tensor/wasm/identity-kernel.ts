import type { KernelConfig } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';
import type { WasmBackend } from './wasm-heap.js';

/**
 * Kernel of `tf.clone` on wasm without a copy: tensors do not change, so two may share the memory, as on the other
 * backends. Every operation on a tape clones what its gradient needs, weights included.
 */
export const identityKernel: KernelConfig = {
  kernelName: 'Identity',
  backendName: 'wasm',
  kernelFunc: ({ inputs: { x }, backend }) => {
    if (x === undefined) throw new BackendError('identity: expected a tensor, got none; pass one');
    (backend as WasmBackend).incRef(x.dataId);
    return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
  },
};
