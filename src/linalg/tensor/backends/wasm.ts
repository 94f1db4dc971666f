import { setBackend } from '@tensorflow/tfjs-core';
import { hostFactorizations } from '../host-factorizations.js';
import { currentBackend } from '../tensorflow-internals.js';
import { guardHeap, withGuardedGrowth } from '../wasm/heap-guard.js';
import { type MemoryOwner, startHeapKernels } from '../wasm/heap-kernels.js';
import { installWasmKernels } from '../wasm/install.js';
import type { WasmBackend } from '../wasm/wasm-heap.js';
import type { ReadyBackend } from './opened-backend.js';
import { processor } from './processor.js';

/**
 * Starts the `wasm` backend: TensorFlow.js's WebAssembly kernels, with the library's own for what they do slowly or not
 * at all.
 *
 * @returns the backend, or the reason why it is not available, with what to do.
 */
export async function openWasm(): Promise<ReadyBackend | string> {
  try {
    await import('@tensorflow/tfjs-backend-wasm');
    if (!(await withoutProcessListeners(() => withGuardedGrowth(() => setBackend('wasm')))))
      return 'the WebAssembly module does not start: it needs WebAssembly SIMD; run npm rebuild @tensorflow/tfjs-backend-wasm';
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return `@tensorflow/tfjs-backend-wasm does not load (${message}); run npm install @tensorflow/tfjs-backend-wasm`;
  }
  const { wasm } = currentBackend<WasmBackend>();
  guardHeap(wasm);
  await startHeapKernels(wasm as MemoryOwner);
  const { matmul, blas } = installWasmKernels();
  return {
    name: 'wasm',
    factorizations: hostFactorizations(),
    readsSynchronously: true,
    device: {
      ...processor(),
      cuda: false,
      matmul: matmul === 'blas' ? `BLAS (${blas.library})` : `XNNPACK in WebAssembly (no BLAS: ${blas.reason})`,
    },
  };
}

/**
 * Emscripten's start-up code listens for uncaught exceptions and rejections of the whole process and throws them again,
 * so that Node.js prints its minified source, tens of kilobytes, before the user's own error. Listeners added during
 * the start are removed again.
 */
async function withoutProcessListeners<Result>(start: () => Promise<Result>): Promise<Result> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set(process.rawListeners(event)));
  try {
    return await start();
  } finally {
    for (const [index, event] of events.entries()) {
      for (const listener of process.rawListeners(event)) {
        if (!before[index].has(listener)) process.removeListener(event, listener as () => void);
      }
    }
  }
}
