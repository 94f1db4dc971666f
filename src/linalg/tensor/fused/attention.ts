/**
 * Causal attention (Vaswani et al. 2017, eq. 1) of many heads, grouped as in Ainslie et al. 2023: with G = heads / keyValueHeads, query head h takes key and value head
 * ⌊h/G⌋. For each head, with s the scale,
 *
 *     S = s Q Kᵀ,      P = softmax of S over the visible pairs, by rows,      O = P V.
 *
 * Key j is visible to query i where 0 ≤ i − j < window and both lie in one segment; a query always sees itself.
 *
 * On wasm with BLAS one kernel each way works on a few rows of P at a time and computes them again on the way back, as FlashAttention does (Dao et al. 2022): P is
 * never held, and nothing is transposed, tiled or copied. Elsewhere it is composed of TensorFlow.js's operations.
 */
import { add, customGrad, matMul, mul, reshape, softmax, type Tensor, tensor, transpose } from '@tensorflow/tfjs-core';
import { ShapeError } from '../../../core/errors.js';
import { ATTENTION_GRADIENT_KERNEL, ATTENTION_KERNEL } from '../wasm/attention-kernel.js';
import { hasFusedKernel, runFusedKernel } from './fused-kernel.js';

/** Shape of the heads, and who sees whom. */
export interface AttentionOptions {
  /** How many sequences. */
  readonly batch: number;
  /** Number of query heads. */
  readonly heads: number;
  /** Number of key and value heads; divides `heads`. */
  readonly keyValueHeads: number;
  /** s. */
  readonly scale: number;
  /** How many tokens a query sees, itself included; all before it where not given. */
  readonly window?: number | undefined;
  /** The segment of each key, batch · keys of them; one segment where not given. */
  readonly segments?: Int32Array | undefined;
}

/**
 * Attention of queries over keys and values, all heads.
 *
 * @param q - [batch · queries, heads · d], float32, row by row of each sequence.
 * @param k - [batch · keys, keyValueHeads · d], keys ≥ queries: the queries are the last of the keys' tokens.
 * @param v - of k's shape.
 * @returns an array of q's shape, differentiable by all three. Costs 2 · batch · queries · keys · heads · d multiplications, the kernel
 * about half of them where all tokens are queries; the gradient two and a half times as many.
 * @throws ShapeError if the shapes do not belong together.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  checkShapes(q, k, v, options);
  return hasFusedKernel(ATTENTION_KERNEL) ? fused(q, k, v, options) : composed(q, k, v, options);
}

/** By the kernels, which keep Q, K, V and the result for the way back. */
function fused(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { segments, batch, heads, keyValueHeads, scale, window = 0 } = options;
  const attrs = { batch, heads, keyValueHeads, scale, window };
  const run = (kernel: string, inputs: Record<string, Tensor>): Tensor[] => {
    const marks: Record<string, Tensor> = segments === undefined ? {} : { segments: tensor(segments, [segments.length], 'int32') };
    const results = runFusedKernel(kernel, { ...inputs, ...marks }, attrs) ?? [];
    marks.segments?.dispose();
    return [...results];
  };
  const attend = customGrad((queries, keys, values, save) => {
    const given = { q: queries as Tensor, k: keys as Tensor, v: values as Tensor };
    const [value] = run(ATTENTION_KERNEL, given);
    (save as (tensors: Tensor[]) => void)([given.q, given.k, given.v, value]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [savedQ, savedK, savedV, result] = saved;
      return run(ATTENTION_GRADIENT_KERNEL, { dy, q: savedQ, k: savedK, v: savedV, result });
    };
    return { value, gradFunc };
  });
  return attend(q, k, v);
}

/** Of TensorFlow.js's operations, the heads of a group folded into the rows of Q: k and v are not repeated. */
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

/** Whether a single query sees all keys. */
function isOpen(keys: number, { window, segments }: AttentionOptions): boolean {
  return segments === undefined && (window === undefined || window >= keys);
}

/** 0 where visible and −∞ elsewhere, [batch or 1, 1, queries, keys]. */
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
