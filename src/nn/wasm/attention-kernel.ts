/**
 * Causal attention of long sequences on the wasm heap over BLAS, one kernel each way; see attention.ts for formulas and
 * layout. BLAS's row strides read and write the heads in place. A chunk of rows of the score matrix, up to the last key
 * it sees, stays in the processor's cache. What lies between the products is this library's own WebAssembly.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { BackendError } from '../../core/errors.js';
import type { Sgemm } from '../../linalg/host/blas/sgemm.js';
import { type HeapCall, heapKernel } from '../../linalg/tensor/wasm/heap-kernel.js';
import type { AttentionShape } from '../../linalg/tensor/wasm/heap-kernels.js';
import { heapSgemm } from '../../linalg/tensor/wasm/install.js';
import { floatsAt, withScratch } from '../../linalg/tensor/wasm/wasm-heap.js';
import { attentionShape } from './heap-attention-kernel.js';

/** Rows of scores computed at a time: a multiple of BLAS's tiles, and half a megabyte with a thousand keys. */
const CHUNK = 128;
/** Bytes of a float32. */
const BYTES = 4;

/** A chunk of rows of the scores of one head. */
interface Chunk {
  /** Offsets of its first entries in q and in k, in bytes. */
  readonly q: number;
  readonly k: number;
  readonly rows: number;
  readonly columns: number;
  /** The first row's own column: the last that it sees. */
  readonly own: number;
  /** Heap offset of the segments of its keys; 0 without segments. */
  readonly marks: number;
}

/** Maps q, k, v, segments? to O. */
export const attentionKernel = heapKernel('BuresAttention', 'attention', (call) => {
  const { inputs, backend, make, offsets } = call;
  const { q, k, v } = inputs;
  const products = new ChunkProducts(call, requiredSgemm(), attentionShape(call));
  const { rowQ, rowK, size } = products;
  const [result] = make(q.shape);
  withScratch(backend, [products.scratch], ([scores]) => {
    const [queries, keys, values, output] = offsets(q, k, v, result);
    for (const chunk of products.chunks()) {
      const { rows, columns } = chunk;
      products.probabilities(chunk, queries + chunk.q, keys + chunk.k, scores);
      const width = widthOf(columns);
      products.multiply(
        rows,
        size,
        columns,
        { at: scores, row: width },
        { at: values + chunk.k, row: rowK },
        { at: output + chunk.q, row: rowQ },
      );
    }
  });
  return result;
});

/** Maps dy, q, k, v, result, segments? to ∂Q, ∂K, ∂V. */
export const attentionGradientKernel = heapKernel('BuresAttentionGradient', 'attention', (call) => {
  const { inputs, backend, kernels, make, offsets } = call;
  const { dy, q, k, v, result } = inputs;
  const products = new ChunkProducts(call, requiredSgemm(), attentionShape(call));
  const { rowQ, rowK, size, scale, scratch } = products;
  const gradients: TensorInfo[] = make(q.shape, k.shape, v.shape);
  withScratch(backend, [scratch, scratch], ([P, S]) => {
    const [given, queries, keys, values, output, dq, dk, dv] = offsets(dy, q, k, v, result, ...gradients);
    for (const sum of [dk, dv]) floatsAt(backend, sum, k.shape[0] * rowK).fill(0);
    for (const chunk of products.chunks()) {
      const { rows, columns } = chunk;
      const width = widthOf(columns);
      const [ofP, ofS] = [P, S].map((at) => ({ at, row: width }));
      const [ofDy, ofQ] = [given, queries].map((at) => ({ at: at + chunk.q, row: rowQ }));
      const [ofK, ofV, toDk, toDv] = [keys, values, dk, dv].map((at) => ({ at: at + chunk.k, row: rowK }));
      products.probabilities(chunk, ofQ.at, ofK.at, P);
      products.multiply(columns, size, rows, { ...ofP, transposed: true }, ofDy, toDv, 1, 1);
      products.multiply(rows, columns, size, ofDy, { ...ofV, transposed: true }, ofS);
      kernels.scoreGradient(rows, columns, size, rowQ, width, P, S, output + chunk.q, ofDy.at);
      products.multiply(rows, size, columns, ofS, ofK, { at: dq + chunk.q, row: rowQ }, scale);
      products.multiply(columns, size, rows, { ...ofS, transposed: true }, ofQ, toDk, scale, 1);
    }
  });
  return gradients;
});

/** A matrix on the heap: where it begins, and the numbers from one row to the next. */
interface HeapMatrix {
  readonly at: number;
  readonly row: number;
  readonly transposed?: boolean;
}

/** The chunks of an attention, and the products in them. */
class ChunkProducts {
  readonly size: number;
  readonly scale: number;
  readonly rowQ: number;
  readonly rowK: number;
  /** Numbers of a chunk of scores. */
  readonly scratch: number;
  readonly #call: HeapCall;
  readonly #sgemm: Sgemm;
  readonly #shape: AttentionShape;

  constructor(call: HeapCall, sgemm: Sgemm, shape: AttentionShape) {
    const [, heads, group, queries, keys, size, scale] = shape;
    this.#call = call;
    this.#sgemm = sgemm;
    this.#shape = shape;
    this.size = size;
    this.scale = scale;
    this.rowQ = heads * size;
    this.rowK = (heads / group) * size;
    this.scratch = Math.min(CHUNK, queries) * widthOf(keys);
  }

  /** Yields every chunk of every head. */
  *chunks(): Generator<Chunk> {
    const [batch, heads, group, queries, keys, size, , window, segments] = this.#shape;
    for (let member = 0; member < batch; member++) {
      for (let head = 0; head < heads; head++) {
        for (let first = 0; first < queries; first += CHUNK) {
          const rows = Math.min(CHUNK, queries - first);
          const position = keys - queries + first;
          const firstKey = window > 0 ? Math.max(0, position - window + 1) : 0;
          const sequence = member * keys + firstKey;
          yield {
            q: BYTES * ((member * queries + first) * this.rowQ + head * size),
            k: BYTES * (sequence * this.rowK + Math.floor(head / group) * size),
            rows,
            columns: position + rows - firstKey,
            own: position - firstKey,
            marks: segments === 0 ? 0 : segments + BYTES * sequence,
          };
        }
      }
    }
  }

  /** Computes P of a chunk, rows {@link widthOf} its columns apart. */
  probabilities({ rows, columns, own, marks }: Chunk, q: number, k: number, scores: number): void {
    const width = widthOf(columns);
    this.multiply(
      rows,
      columns,
      this.size,
      { at: q, row: this.rowQ },
      { at: k, row: this.rowK, transposed: true },
      { at: scores, row: width },
      this.scale,
    );
    this.#call.kernels.maskedSoftmax(scores, width, rows, width, own, this.#shape[7], marks);
  }

  /** C (m×n) = α op(A) op(B) + β C. */
  multiply(m: number, n: number, k: number, a: HeapMatrix, b: HeapMatrix, c: HeapMatrix, alpha = 1, beta = 0): void {
    const { backend } = this.#call;
    const [ofA, ofB, ofC] = [a, b, c].map(({ at }) => floatsAt(backend, at, 1));
    this.#sgemm.multiplyStrided({
      ...{ transposeA: a.transposed === true, transposeB: b.transposed === true, m, n, k, alpha, beta },
      ...{ a: ofA, rowA: a.row, b: ofB, rowB: b.row, c: ofC, rowC: c.row },
    });
  }
}

/** Numbers from one row of scores to the next: a multiple of 8, as the kernels want it. */
function widthOf(columns: number): number {
  return Math.ceil(columns / 8) * 8;
}

function requiredSgemm(): Sgemm {
  const found = heapSgemm();
  if (found === undefined) throw new BackendError('attention: expected a BLAS library, got none; leave the kernel out');
  return found;
}
