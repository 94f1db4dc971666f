/**
 * The `tensorflow` backend of the tensor engine, as a value.
 *
 * @module bures/tensor/tensorflow
 */

import { openTensorflow } from '#platform/linalg/tensor/backends/tensorflow';
import type { Backend } from '../../opened-backend.js';

export type { Backend } from '../../opened-backend.js';

/**
 * Returns the `tensorflow` backend for `tensorAlgebra({ backend: tensorflow() })`. Unlike its name, which loads it when
 * the engine is opened, this is loaded with the program.
 *
 * TensorFlow's C library, in Node.js through `@tensorflow/tfjs-node-gpu`: CUDA if there is a GPU that it knows, else
 * the processor.
 *
 * @returns a value that {@link bures/tensor!tensorAlgebra | tensorAlgebra} takes. Nothing is started before.
 */
export function tensorflow(): Backend {
  return { name: 'tensorflow', open: () => openTensorflow() };
}
