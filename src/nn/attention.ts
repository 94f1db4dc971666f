/**
 * Causal attention (Vaswani et al. 2017, eq. 1) of many heads, grouped as in Ainslie et al. 2023: with G = heads /
 * keyValueHeads, query head h takes key and value head ⌊h/G⌋. For each head, with s the scale,
 *
 *     S = s Q Kᵀ,      P = softmax of S over the visible pairs, by rows,      O = P V.
 *
 * Key j is visible to query i if 0 ≤ i − j < window and both lie in one segment; a query always sees itself.
 *
 * On wasm, one kernel each way works on a few rows of P at a time and recomputes them on the way back, as
 * FlashAttention does (Dao et al. 2022): P is never stored, and nothing is transposed, tiled or copied. Elsewhere
 * attention is composed of TensorFlow.js operations.
 */

import {
  add,
  customGrad,
  getBackend,
  type KernelConfig,
  matMul,
  mul,
  reshape,
  softmax,
  type Tensor,
  tensor,
  transpose,
} from '@tensorflow/tfjs-core';
import { ShapeError } from '../core/errors.js';
import { runFusedKernel } from '../linalg/tensor/fused-kernel.js';
import { heapKernels } from '../linalg/tensor/wasm/heap-kernels.js';
import { heapSgemm } from '../linalg/tensor/wasm/install.js';
import { attentionGradientKernel, attentionKernel } from './wasm/attention-kernel.js';
import { heapAttentionGradientKernel, heapAttentionKernel } from './wasm/heap-attention-kernel.js';

/** Options of {@link attention}: the heads, and the pairs that are visible. */
export interface AttentionOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Number of query heads. */
  readonly heads: number;
  /** Number of key and value heads; divides `heads`. */
  readonly keyValueHeads: number;
  /** The scale s. */
  readonly scale: number;
  /** Number of tokens a query sees, itself included. Default: all tokens before it. */
  readonly window?: number | undefined;
  /** The segment of each key, batch · keys of them. Default: a single segment. */
  readonly segments?: Int32Array | undefined;
}

/**
 * Computes attention of queries over keys and values, for all heads.
 *
 * @param q - [batch · queries, heads · d], float32, row by row of each sequence.
 * @param k - [batch · keys, keyValueHeads · d], keys ≥ queries: the queries are the last of the keys' tokens.
 * @param v - of k's shape.
 * @returns an array of q's shape, differentiable by all three. Costs 2 · batch · queries · keys · heads · d
 * multiplications, in the kernel about half of that if all tokens are queries; the gradient costs 2.5 times as many.
 * @throws ShapeError if the shapes do not match.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  checkShapes(q, k, v, options);
  const kernels = kernelsFor(k.shape[0] / options.batch);
  return kernels === undefined ? composed(q, k, v, options) : fused(q, k, v, options, kernels);
}

/** The kernels of a backend, each way. */
interface AttentionKernels {
  readonly forward: KernelConfig;
  readonly backward: KernelConfig;
}

/**
 * Above this number of keys BLAS’s products repay its calls: at 36 keys it took three times as long, at 128 two thirds.
 */
const SHORT = 64;

/** Returns the kernels for sequences of a length; `undefined` where there are none. */
function kernelsFor(keys: number): AttentionKernels | undefined {
  if (getBackend() !== 'wasm' || heapKernels() === undefined) return undefined;
  return keys > SHORT && heapSgemm() !== undefined
    ? { forward: attentionKernel, backward: attentionGradientKernel }
    : { forward: heapAttentionKernel, backward: heapAttentionGradientKernel };
}

/** Runs the kernels, which keep Q, K, V and the result for the way back. */
function fused(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions, { forward, backward }: AttentionKernels): Tensor {
  const { segments, batch, heads, keyValueHeads, scale, window = 0 } = options;
  const attrs = { batch, heads, keyValueHeads, scale, window };
  const run = (kernel: KernelConfig, inputs: Record<string, Tensor>): Tensor[] => {
    const marks: Record<string, Tensor> = segments === undefined ? {} : { segments: tensor(segments, [segments.length], 'int32') };
    const results = runFusedKernel(kernel, { ...inputs, ...marks }, attrs) ?? [];
    marks.segments?.dispose();
    return [...results];
  };
  const attend = customGrad((queries, keys, values, save) => {
    const given = { q: queries as Tensor, k: keys as Tensor, v: values as Tensor };
    const [value] = run(forward, given);
    (save as (tensors: Tensor[]) => void)([given.q, given.k, given.v, value]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [savedQ, savedK, savedV, result] = saved;
      return run(backward, { dy, q: savedQ, k: savedK, v: savedV, result });
    };
    return { value, gradFunc };
  });
  return attend(q, k, v);
}

/** Composes TensorFlow.js operations, with the heads of a group folded into the rows of Q: k and v are not repeated. */
function composed(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { batch, heads, keyValueHeads, scale } = options;
  const [queries, keys] = [q.shape[0] / batch, k.shape[0] / batch];
  const size = q.size / q.shape[0] / heads;
  const byHead = (x: Tensor, tokens: number, count: number): Tensor => transpose(reshape(x, [batch, tokens, count, size]), [0, 2, 1, 3]);
  const rows = (heads / keyValueHeads) * queries;
  const folded = reshape(byHead(q, queries, heads), [batch * keyValueHeads, rows, size]);
  const [flatK, flatV] = [k, v].map((x) => reshape(byHead(x, keys, keyValueHeads), [batch * keyValueHeads, keys, size]));
  const scores = reshape(matMul(mul(folded, scale), flatK, false, true), [batch, heads, queries, keys]);
  const probabilities = softmax(queries === 1 && isOpen(keys, options) ? scores : add(scores, maskOf(queries, keys, options)));
  const mixed = matMul(reshape(probabilities, [batch * keyValueHeads, rows, keys]), flatV);
  return reshape(transpose(reshape(mixed, [batch, heads, queries, size]), [0, 2, 1, 3]), q.shape);
}

/** Returns true if a single query sees all keys. */
function isOpen(keys: number, { window, segments }: AttentionOptions): boolean {
  return segments === undefined && (window === undefined || window >= keys);
}

/** Builds the mask, 0 where visible and −∞ elsewhere: [batch or 1, 1, queries, keys]. */
function maskOf(queries: number, keys: number, { batch, window = keys, segments }: AttentionOptions): Tensor {
  const members = segments === undefined ? 1 : batch;
  const mask = new Float32Array(members * queries * keys).fill(Number.NEGATIVE_INFINITY);
  for (let member = 0; member < members; member++) {
    for (let query = 0; query < queries; query++) {
      const position = keys - queries + query;
      const row = (member * queries + query) * keys;
      for (let key = Math.max(0, position - window + 1); key <= position; key++) {
        if (segments === undefined || segments[member * keys + key] === segments[member * keys + position]) mask[row + key] = 0;
      }
    }
  }
  return tensor(mask, [members, 1, queries, keys]);
}

function checkShapes(q: Tensor, k: Tensor, v: Tensor, { batch, heads, keyValueHeads, segments }: AttentionOptions): void {
  const size = q.size / q.shape[0] / heads;
  const matrices = q.rank === 2 && k.rank === 2 && k.shape[0] === v.shape[0] && k.shape[1] === v.shape[1];
  const divisible = heads % keyValueHeads === 0 && q.shape[0] % batch === 0 && k.shape[0] % batch === 0 && k.shape[0] >= q.shape[0];
  if (!matrices || !divisible || !Number.isInteger(size) || k.shape[1] !== keyValueHeads * size) {
    const given = [q, k, v].map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    throw new ShapeError(
      `attention: expected q [${batch} · queries, ${heads} · d] and k, v [${batch} · keys, ${keyValueHeads} · d], got ${given}; project to heads`,
    );
  }
  if (segments !== undefined && segments.length !== k.shape[0]) {
    throw new ShapeError(`attention: expected ${k.shape[0]} segments, one for each key, got ${segments.length}; mark cached keys too`);
  }
}
