import { setBackend } from '@tensorflow/tfjs-core';
import { hostFactorizations } from '../host-factorizations.js';
import { silenceCpu } from '../tensorflow-internals.js';
import type { ReadyBackend } from './opened-backend.js';
import { processor } from './processor.js';

/**
 * Starts the `cpu` backend, TensorFlow.js's kernels in plain JavaScript: slow, and always available.
 *
 * @returns the backend, or the reason why it is not available, with what to do.
 */
export async function openCpu(): Promise<ReadyBackend | string> {
  try {
    await import('@tensorflow/tfjs-backend-cpu');
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return `@tensorflow/tfjs-backend-cpu does not load (${message}); run npm install @tensorflow/tfjs-backend-cpu`;
  }
  if (!(await setBackend('cpu'))) return 'the JavaScript kernels do not start; run npm rebuild @tensorflow/tfjs-backend-cpu';
  silenceCpu();
  return {
    name: 'cpu',
    factorizations: hostFactorizations(),
    readsSynchronously: true,
    device: { ...processor(), cuda: false, matmul: 'JavaScript' },
  };
}
