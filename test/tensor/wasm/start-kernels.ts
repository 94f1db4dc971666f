import { ready, setBackend } from '@tensorflow/tfjs-core';
import { startedBackend } from '../../../src/linalg/tensor/tensorflow-internals.js';
import { type MemoryOwner, startHeapKernels } from '../../../src/linalg/tensor/wasm/heap-kernels.js';

/** Starts this library's kernels on TensorFlow.js's wasm backend, as `tensorAlgebra` does. */
export async function startKernels(): Promise<void> {
  await setBackend('wasm');
  await ready();
  await startHeapKernels(startedBackend<{ readonly wasm: MemoryOwner }>('wasm').wasm);
}
