/**
 * Causal attention on the wasm heap over BLAS, one kernel each way; see attention.ts for formulas and layout. BLAS's
 * row strides read and write the heads in place. A chunk of rows of the score matrix, up to the last key it sees, stays
 * in the processor's cache. The softmax is the backend's own (XNNPACK).
 */

import type { KernelConfig, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core';
import { BackendError } from '../../core/errors.js';
import type { Sgemm } from '../../linalg/host/blas/sgemm.js';
import { offsetOf } from '../../linalg/tensor/tensorflow-internals.js';
import { heapSgemm } from '../../linalg/tensor/wasm/install.js';
import { floatsAt, integersAt, makeTensor, type WasmBackend, withScratch } from '../../linalg/tensor/wasm/wasm-heap.js';
import { softmaxRows } from './softmax-rows.js';

/** Rows of scores computed at a time: a multiple of BLAS's tiles, and half a megabyte with a thousand keys. */
const CHUNK = 128;
/** Score of a hidden pair: far below any other, and finite, because −∞ − (−∞) is NaN. */
const HIDDEN = -1e30;

type Inputs = Readonly<Record<string, TensorInfo | undefined>>;

/** Lengths and heap offsets. */
interface Layout {
  readonly batch: number;
  readonly heads: number;
  /** Query heads per key head. */
  readonly group: number;
  readonly queries: number;
  readonly keys: number;
  readonly size: number;
  readonly scale: number;
  /** Number of visible tokens; 0 for all. */
  readonly window: number;
  /** Heap offset of the segments; 0 without segments. */
  readonly segments: number;
}

/** A chunk of rows of the scores of one head. */
interface Chunk {
  /** Index of its first entry in q and in k, counted in numbers. */
  readonly q: number;
  readonly k: number;
  readonly rows: number;
  readonly columns: number;
  /** Positions of the first query and of the first key among the keys of the sequence. */
  readonly position: number;
  readonly firstKey: number;
  /** Index of the sequence's first key among all keys. */
  readonly sequence: number;
}

/** Maps q, k, v, segments? to O. */
export const attentionKernel: KernelConfig = {
  kernelName: 'BuresAttention',
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend, attrs }) => attend(backend as WasmBackend, requiredSgemm(), inputs, attrs ?? {}),
};

/** Maps dy, q, k, v, result, segments? to ∂Q, ∂K, ∂V. */
export const attentionGradientKernel: KernelConfig = {
  kernelName: 'BuresAttentionGradient',
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend, attrs }) => differentiate(backend as WasmBackend, requiredSgemm(), inputs, attrs ?? {}),
};

function requiredSgemm(): Sgemm {
  const found = heapSgemm();
  if (found === undefined) throw new BackendError('attention: expected a BLAS library, got none; leave the kernel out');
  return found;
}

function attend(backend: WasmBackend, sgemm: Sgemm, inputs: Inputs, attrs: NamedAttrMap): TensorInfo {
  const [q, k, v] = [floats(inputs.q), floats(inputs.k), floats(inputs.v)];
  const layout = layoutOf(backend, q, k, inputs.segments, attrs);
  const { heads, group, size } = layout;
  const [rowQ, rowK] = [heads * size, (heads / group) * size];
  const result = makeTensor(backend, q.shape, 'float32');
  try {
    withScratch(backend, [chunkLength(layout)], ([scores]) => {
      const at = (tensor: TensorInfo, start: number): Float32Array => floatsAt(backend, offsetOf(backend, tensor) + 4 * start, 1);
      for (const chunk of chunks(layout)) {
        const { rows, columns } = chunk;
        probabilities(backend, sgemm, layout, chunk, at(q, chunk.q), at(k, chunk.k), scores);
        sgemm.multiplyStrided({
          ...{ transposeA: false, transposeB: false, m: rows, n: size, k: columns, alpha: 1, beta: 0 },
          ...{
            a: floatsAt(backend, scores, rows * columns),
            rowA: columns,
            b: at(v, chunk.k),
            rowB: rowK,
            c: at(result, chunk.q),
            rowC: rowQ,
          },
        });
      }
    });
  } catch (error) {
    backend.disposeData(result.dataId);
    throw error;
  }
  return result;
}

function differentiate(backend: WasmBackend, sgemm: Sgemm, inputs: Inputs, attrs: NamedAttrMap): TensorInfo[] {
  const [dy, q, k, v, result] = [inputs.dy, inputs.q, inputs.k, inputs.v, inputs.result].map(floats);
  const layout = layoutOf(backend, q, k, inputs.segments, attrs);
  const { heads, group, size, scale } = layout;
  const [rowQ, rowK] = [heads * size, (heads / group) * size];
  const gradients: TensorInfo[] = [];
  try {
    for (const { shape } of [q, k, v]) gradients.push(makeTensor(backend, shape, 'float32'));
    const [dq, dk, dv] = gradients;
    const length = chunkLength(layout);
    withScratch(backend, [length, length], ([scores, upstream]) => {
      const at = (tensor: TensorInfo, start: number): Float32Array => floatsAt(backend, offsetOf(backend, tensor) + 4 * start, 1);
      for (const sum of [dk, dv]) floatsAt(backend, offsetOf(backend, sum), layout.batch * layout.keys * rowK).fill(0);
      for (const chunk of chunks(layout)) {
        const { rows, columns } = chunk;
        const [P, S] = [floatsAt(backend, scores, rows * columns), floatsAt(backend, upstream, rows * columns)];
        const product = { transposeA: false, transposeB: false, alpha: 1, beta: 0 };
        probabilities(backend, sgemm, layout, chunk, at(q, chunk.q), at(k, chunk.k), scores);
        const toKeys = { ...product, transposeA: true, m: columns, n: size, k: rows, rowA: columns, rowB: rowQ, beta: 1, rowC: rowK };
        sgemm.multiplyStrided({ ...toKeys, a: P, b: at(dy, chunk.q), c: at(dv, chunk.k) });
        const fromValues = { ...product, transposeB: true, m: rows, n: columns, k: size, rowA: rowQ, rowB: rowK, rowC: columns };
        sgemm.multiplyStrided({ ...fromValues, a: at(dy, chunk.q), b: at(v, chunk.k), c: S });
        const span = (rows - 1) * rowQ + size;
        const [ofResult, given] = [result, dy].map((tensor) => floatsAt(backend, offsetOf(backend, tensor) + 4 * chunk.q, span));
        scoreGradient(rows, columns, size, rowQ, P, S, ofResult, given);
        const toQueries = { ...product, m: rows, n: size, k: columns, alpha: scale, rowA: columns, rowB: rowK, rowC: rowQ };
        sgemm.multiplyStrided({ ...toQueries, a: S, b: at(k, chunk.k), c: at(dq, chunk.q) });
        sgemm.multiplyStrided({ ...toKeys, alpha: scale, a: S, b: at(q, chunk.q), c: at(dk, chunk.k) });
      }
    });
  } catch (error) {
    for (const { dataId } of gradients) backend.disposeData(dataId);
    throw error;
  }
  return gradients;
}

/** Yields every chunk of every head. */
function* chunks({ batch, heads, group, queries, keys, size, window }: Layout): Generator<Chunk> {
  const [rowQ, rowK] = [heads * size, (heads / group) * size];
  for (let member = 0; member < batch; member++) {
    for (let head = 0; head < heads; head++) {
      for (let first = 0; first < queries; first += CHUNK) {
        const rows = Math.min(CHUNK, queries - first);
        const position = keys - queries + first;
        const firstKey = window > 0 ? Math.max(0, position - window + 1) : 0;
        yield {
          q: (member * queries + first) * rowQ + head * size,
          k: (member * keys + firstKey) * rowK + Math.floor(head / group) * size,
          rows,
          columns: position + rows - firstKey,
          position,
          firstKey,
          sequence: member * keys,
        };
      }
    }
  }
}

/** Computes P of a chunk, [rows, columns] on the heap. */
function probabilities(
  backend: WasmBackend,
  sgemm: Sgemm,
  { heads, group, size, scale, window, segments, batch, keys }: Layout,
  { rows, columns, position, firstKey, sequence }: Chunk,
  q: Float32Array,
  k: Float32Array,
  scores: number,
): void {
  const S = floatsAt(backend, scores, rows * columns);
  sgemm.multiplyStrided({
    ...{ transposeA: false, transposeB: true, m: rows, n: columns, k: size, alpha: scale, beta: 0 },
    ...{ a: q, rowA: heads * size, b: k, rowB: (heads / group) * size, c: S, rowC: columns },
  });
  const marks = segments === 0 ? undefined : integersAt(backend, segments, batch * keys);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    const own = position + row - firstKey;
    S.fill(HIDDEN, start + own + 1, start + columns);
    if (window > 0) S.fill(HIDDEN, start, start + Math.max(0, own - window + 1));
    if (marks === undefined) continue;
    const first = sequence + firstKey;
    for (let column = 0; column < own; column++) if (marks[first + column] !== marks[first + own]) S[start + column] = HIDDEN;
  }
  softmaxRows(backend, scores, rows, columns);
}

/** Writes S̄ = P ∘ (Ō Vᵀ − rowsum(Ō ∘ O)) over Ō Vᵀ. The sum equals that of P ∘ Ō Vᵀ, over fewer numbers. */
function scoreGradient(
  rows: number,
  columns: number,
  size: number,
  rowQ: number,
  P: Float32Array,
  S: Float32Array,
  result: Float32Array,
  dy: Float32Array,
): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let entry = row * rowQ; entry < row * rowQ + size; entry++) sum += result[entry] * dy[entry];
    for (let entry = row * columns; entry < (row + 1) * columns; entry++) S[entry] = P[entry] * (S[entry] - sum);
  }
}

function chunkLength({ queries, keys }: Layout): number {
  return Math.min(CHUNK, queries) * keys;
}

function layoutOf(backend: WasmBackend, q: TensorInfo, k: TensorInfo, segments: TensorInfo | undefined, attrs: NamedAttrMap): Layout {
  const [batch, heads, keyValueHeads] = [Number(attrs.batch), Number(attrs.heads), Number(attrs.keyValueHeads)];
  return {
    batch,
    heads,
    group: heads / keyValueHeads,
    queries: q.shape[0] / batch,
    keys: k.shape[0] / batch,
    size: q.shape[1] / heads,
    scale: Number(attrs.scale),
    window: Number(attrs.window),
    segments: segments === undefined ? 0 : offsetOf(backend, segments),
  };
}

function floats(tensor: TensorInfo | undefined): TensorInfo {
  if (tensor?.dtype === 'float32') return tensor;
  throw new BackendError(`attention: expected float32 tensors, got ${tensor?.dtype ?? 'none'}; cast them first`);
}
