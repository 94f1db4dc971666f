/**
 * The `webgpu` backend of the tensor engine, as a value.
 *
 * @module bures/tensor/webgpu
 */
import type { Backend } from '../../opened-backend.js';
import { openWebgpu } from '../../webgpu.js';

export type { Backend } from '../../opened-backend.js';

/**
 * Returns the `webgpu` backend for `tensorAlgebra({ backend: webgpu() })`. Unlike its name, which loads it when the
 * engine is opened, this is loaded with the program.
 *
 * WebGPU: in pages that of the browser, in Node.js through the packages `webgpu` and `@tensorflow/tfjs-backend-webgpu`.
 *
 * @returns a value that {@link bures/tensor!tensorAlgebra | tensorAlgebra} takes. Nothing is started before.
 */
export function webgpu(): Backend {
  return { name: 'webgpu', open: () => openWebgpu() };
}
