/**
 * The `cpu` backend of the tensor engine, as a value.
 *
 * @module bures/tensor/cpu
 */

import { openCpu } from '../../cpu.js';
import type { Backend } from '../../opened-backend.js';

export type { Backend } from '../../opened-backend.js';

/**
 * Returns the `cpu` backend for `tensorAlgebra({ backend: cpu() })`. Unlike its name, which loads it when the engine is
 * opened, this is loaded with the program.
 *
 * TensorFlow.js's kernels in plain JavaScript: slow, and there everywhere.
 *
 * @returns a value that {@link bures/tensor!tensorAlgebra | tensorAlgebra} takes. Nothing is started before.
 */
export function cpu(): Backend {
  return { name: 'cpu', open: () => openCpu() };
}
