/**
 * The rotation of `rope` as one loop over the heap. Composed of the backend's operations it takes two slices, a
 * concatenation and three elementwise passes, and most of the time goes into the copies. (If all passes are
 * elementwise, the backend's SIMD kernels win: such a loop for SwiGLU took twice as long as composed.)
 */

import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { BackendError } from '../../core/errors.js';
import { offsetOf } from '../../linalg/tensor/tensorflow-internals.js';
import { floatsAt, makeTensor, type WasmBackend } from '../../linalg/tensor/wasm/wasm-heap.js';

/** Maps x [..., tokens, heads, d], cos and sin [tokens, d], sign and heads to C ∘ x + sign S ∘ P x; see rope.ts. */
export const ropeKernel: KernelConfig = {
  kernelName: 'BuresRope',
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend: opaque, attrs }) => {
    const backend = opaque as WasmBackend;
    const [x, cos, sin] = [floats(inputs.x), floats(inputs.cos), floats(inputs.sin)];
    const result = makeTensor(backend, x.shape, 'float32');
    const [tokens, headSize] = cos.shape;
    const length = x.shape.reduce((product, axis) => product * axis, 1);
    // Take the views last: making the result may move the heap.
    rotate(
      headSize,
      Number(attrs?.heads ?? 1),
      floatsAt(backend, offsetOf(backend, x), length),
      floatsAt(backend, offsetOf(backend, cos), tokens * headSize),
      floatsAt(backend, offsetOf(backend, sin), tokens * headSize),
      attrs?.sign === -1 ? -1 : 1,
      floatsAt(backend, offsetOf(backend, result), length),
    );
    return result;
  },
};

function rotate(
  headSize: number,
  heads: number,
  x: Float32Array,
  cos: Float32Array,
  sin: Float32Array,
  sign: number,
  y: Float32Array,
): void {
  const half = headSize / 2;
  let table = 0;
  for (let token = 0; token < x.length; token += heads * headSize) {
    if (table === cos.length) table = 0;
    for (let head = token; head < token + heads * headSize; head += headSize) {
      for (let j = 0; j < half; j++) {
        const first = x[head + j];
        const second = x[head + half + j];
        // The second half of the tables repeats the first, with the sines negated.
        const c = cos[table + j];
        const s = sign * sin[table + j];
        y[head + j] = c * first + s * second;
        y[head + half + j] = c * second - s * first;
      }
    }
    table += headSize;
  }
}

function floats(tensor: TensorInfo | undefined): TensorInfo {
  if (tensor?.dtype === 'float32') return tensor;
  throw new BackendError(`rope: expected float32 tensors, got ${tensor?.dtype ?? 'none'}; cast them first`);
}
