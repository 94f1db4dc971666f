/**
 * The `webgpu` backend: in Node through the `webgpu` package (Dawn), elsewhere through the platform's own
 * `navigator.gpu`.
 */

import { env, setBackend } from '@tensorflow/tfjs-core';
import { runtime } from '#platform/core/runtime';
import { loadWebgpu } from '#platform/linalg/tensor/backends/load-webgpu';
import { startedBackend } from '../tensorflow-internals.js';
import { findAdapter, imitationReason, nameOf } from './gpu-adapter.js';
import type { ReadyBackend } from './opened-backend.js';
import type { WebgpuBackend } from './webgpu/run-program.js';
import { webgpuFactorizations } from './webgpu-factorizations.js';

/**
 * Loads the package and starts the backend, on any adapter.
 *
 * @returns the backend, or the reason why it is not available, with what to do.
 */
export async function openWebgpu(): Promise<ReadyBackend | string> {
  const adapter = await findAdapter();
  if (typeof adapter === 'string') return adapter;
  try {
    // The package registers itself only if there is a navigator.gpu, as there is from now on.
    await loadWebgpu();
  } catch (error) {
    return `@tensorflow/tfjs-backend-webgpu does not load (${firstLine(error)}); ${runtime.toInstall('@tensorflow/tfjs-backend-webgpu')}`;
  }
  const imitation = imitationReason(adapter.info);
  if (!(await setBackend('webgpu'))) return `the GPU device does not start (${nameOf(adapter.info)}); update its driver`;
  if (imitation !== undefined) preferTiledProducts();
  return {
    name: 'webgpu',
    factorizations: webgpuFactorizations(startedBackend<WebgpuBackend>('webgpu')),
    readsSynchronously: false,
    device: {
      device: nameOf(adapter.info),
      memory: undefined,
      cuda: false,
      matmul: 'WGSL programs of TensorFlow.js',
      ...(imitation === undefined ? {} : { imitation }),
    },
  };
}

/**
 * Prefers the program for large products. For small ones the backend takes one with a workgroup per entry, to occupy
 * all of a GPU; a processor, which runs those threads one after another, is ten to a hundred times slower with it.
 */
function preferTiledProducts(): void {
  const tiled = 3;
  if (env().getNumber('WEBGPU_MATMUL_PROGRAM_TYPE') < 0) env().set('WEBGPU_MATMUL_PROGRAM_TYPE', tiled);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}
