import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { processor } from '#platform/linalg/tensor/backends/processor';
import { hostFactorizations } from '../host-factorizations.js';
import { silenceCpu } from '../tensorflow-internals.js';
import type { ReadyBackend } from './opened-backend.js';

/**
 * Starts the `cpu` backend, TensorFlow.js's kernels in plain JavaScript: slow, and always available.
 *
 * @returns the backend, or the reason why it is not available, with what to do.
 */
export async function openCpu(): Promise<ReadyBackend | string> {
  if (!(await setBackend('cpu')))
    return "the JavaScript kernels do not start, for the reason in TensorFlow.js's own warning; name another backend";
  silenceCpu();
  return {
    name: 'cpu',
    factorizations: hostFactorizations(),
    readsSynchronously: true,
    device: { ...processor(), cuda: false, matmul: 'JavaScript' },
  };
}
