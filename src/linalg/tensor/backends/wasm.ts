import '@tensorflow/tfjs-backend-wasm';
import { setBackend } from '@tensorflow/tfjs-core';
import { processor } from '#platform/linalg/tensor/backends/processor';
import { locateWasm, startWasm } from '#platform/linalg/tensor/backends/start-wasm';
import { hostFactorizations } from '../host-factorizations.js';
import { currentBackend } from '../tensorflow-internals.js';
import { guardHeap, withGuardedGrowth } from '../wasm/heap-guard.js';
import { type MemoryOwner, startHeapKernels } from '../wasm/heap-kernels.js';
import { installWasmKernels } from '../wasm/install.js';
import type { WasmBackend } from '../wasm/wasm-heap.js';
import type { ReadyBackend } from './opened-backend.js';
import type { WasmPaths } from './wasm-paths.js';

/**
 * Starts the `wasm` backend: TensorFlow.js's WebAssembly kernels, with the library's own for what they do slowly or not
 * at all.
 *
 * @param paths - where its files are. Default: beside the package, or in a page beside the page.
 * @returns the backend, or the reason why it is not available, with what to do.
 * @throws BackendError in a page, if there is no file.
 */
export async function openWasm(paths?: WasmPaths): Promise<ReadyBackend | string> {
  await locateWasm(paths);
  if (!(await startWasm(() => withGuardedGrowth(() => setBackend('wasm')))))
    return 'the WebAssembly module does not start: it needs WebAssembly, and a page that may compile it (wasm-unsafe-eval in its policy)';
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
