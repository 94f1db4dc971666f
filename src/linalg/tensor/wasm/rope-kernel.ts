/**
 * The rotation of `rope` as one loop over the heap. Composed of the backend's operations it takes two slices, a concatenation and three
 * elementwise passes, most of the time in the copies. (Where all passes are elementwise the backend's SIMD kernels win: SwiGLU as such a
 * loop took twice as long as composed.)
 */
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';
import { floatsAt, makeTensor, offsetOf, type WasmBackend } from './wasm-heap.js';

/** The kernel's name: x [..., tokens, heads, d], cos and sin [tokens, d], sign, heads → C ∘ x + sign S ∘ P x; see fused/rope.ts. */
export const ROPE_KERNEL = 'BuresRope';

/** The kernel. */
export const ropeKernel: KernelConfig = {
  kernelName: ROPE_KERNEL,
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend: opaque, attrs }) => {
    const backend = opaque as WasmBackend;
    const [x, cos, sin] = [floats(inputs.x), floats(inputs.cos), floats(inputs.sin)];
    const result = makeTensor(backend, x.shape, 'float32');
    const [tokens, headSize] = cos.shape;
    const length = x.shape.reduce((product, axis) => product * axis, 1);
    // Views last: making the result may move the heap.
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
        // The second half of the tables repeats the first, the sines with the other sign.
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
