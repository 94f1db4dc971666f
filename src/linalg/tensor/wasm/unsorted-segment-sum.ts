import { type KernelConfig, util } from '@tensorflow/tfjs-core';
import { DomainError, ShapeError } from '../../../core/errors.js';
import { offsetOf } from '../tensorflow-internals.js';
import { floatsAt, integersAt, makeTensor, type WasmBackend } from './wasm-heap.js';

/**
 * Kernel of `tf.unsortedSegmentSum` on wasm, which the backend lacks and the gradient of `tf.gather` needs: out[s] = Σ
 * x[i] over all i with segmentIds[i] = s; ids outside 0 … numSegments − 1 do not count, as on the cpu backend.
 */
export const unsortedSegmentSumKernel: KernelConfig = {
  kernelName: 'UnsortedSegmentSum',
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend: opaque, attrs = {} }) => {
    const backend = opaque as WasmBackend;
    const { x, segmentIds } = inputs;
    const segments = Number(attrs.numSegments);
    if (x === undefined || segmentIds?.shape.length !== 1 || segmentIds.shape[0] !== x.shape[0]) {
      const given = `[${x?.shape.join(', ')}] and [${segmentIds?.shape.join(', ')}]`;
      throw new ShapeError(`unsortedSegmentSum: expected one id for each slice along the first axis, got ${given}; flatten the ids`);
    }
    if (x.dtype !== 'float32' && x.dtype !== 'int32') {
      throw new DomainError(`unsortedSegmentSum: expected float32 or int32, got ${x.dtype}; cast it first`);
    }
    const inner = x.shape.slice(1);
    const width = util.sizeFromShape(inner);
    const result = makeTensor(backend, [segments, ...inner], x.dtype);
    // Views last: making the result may move the heap.
    const view = x.dtype === 'float32' ? floatsAt : integersAt;
    const rows = segmentIds.shape[0];
    const ids = integersAt(backend, offsetOf(backend, segmentIds), rows);
    addRows(ids, width, view(backend, offsetOf(backend, x), rows * width), view(backend, offsetOf(backend, result), segments * width));
    return result;
  },
};

function addRows(ids: Int32Array, width: number, x: Float32Array | Int32Array, sums: Float32Array | Int32Array): void {
  sums.fill(0);
  for (let row = 0; row < ids.length; row++) {
    const to = ids[row] * width;
    if (to < 0 || to >= sums.length) continue;
    const from = row * width;
    for (let column = 0; column < width; column++) sums[to + column] += x[from + column];
  }
}
