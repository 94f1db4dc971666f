/** The `cpu` backend: TensorFlow.js's kernels in plain JavaScript. Slow, and always there. */
import { findBackend, setBackend } from '@tensorflow/tfjs-core';
import { hostFactorizations } from '../host-factorizations.js';
import type { ReadyBackend } from './opened-backend.js';
import { processor } from './processor.js';

/**
 * Loads the package and starts the backend.
 *
 * @returns the backend, or why it is not there, with what to do.
 */
export async function openCpu(): Promise<ReadyBackend | string> {
  try {
    await import('@tensorflow/tfjs-backend-cpu');
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return `@tensorflow/tfjs-backend-cpu does not load (${message}); run npm install @tensorflow/tfjs-backend-cpu`;
  }
  if (!(await setBackend('cpu'))) return 'the JavaScript kernels do not start; run npm rebuild @tensorflow/tfjs-backend-cpu';
  // In Node the first tensor would print an advertisement of tfjs-node.
  (findBackend('cpu') as unknown as { firstUse: boolean }).firstUse = false;
  return {
    name: 'cpu',
    factorizations: hostFactorizations(),
    readsSynchronously: true,
    device: { ...processor(), cuda: false, matmul: 'JavaScript' },
  };
}
