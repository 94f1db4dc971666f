/** Parts of the forward passes in float64 that architectures share. */
import type { DifferentiableAlgebra } from '../../src/autodiff/index.js';
import type { HostArray } from '../../src/linalg/host/host-algebra.js';
import type { TokenBatch } from '../../src/models/index.js';

export type Ops = DifferentiableAlgebra<HostArray>;

/** Arrays by name: parameters as in the checkpoint, and the factors `MODULE.a`, `MODULE.b` of adapters. */
export type NamedArrays = Readonly<Record<string, HostArray>>;

/** A model with what is not trained. */
export interface Float64Model {
  /** Content of config.json, in the style of transformers 5. */
  readonly config: Readonly<Record<string, unknown>>;
  /** All parameters. */
  readonly parameters: NamedArrays;
  /** Factor s of the adapters x Wᵀ + s (x aᵀ) bᵀ. */
  readonly adapterScale: number;
}

/** What the parts of a forward pass need. */
export interface Pass {
  readonly ops: Ops;
  readonly model: Float64Model;
  readonly batch: TokenBatch;
  /** Returns a number of config.json. */
  size(key: string): number;
  /** Returns a trained array, or the model's own. */
  get(name: string): HostArray;
  /** Computes x Wᵀ + b with the adapter, where there are any. */
  linear(name: string, x: HostArray): HostArray;
}

/** Rows of a matrix, in the order given. */
export function rowsOf(ops: Ops, x: HostArray, rows: ArrayLike<number>): HostArray {
  return ops.concat(
    Array.from(rows, (row) => ops.slice(x, { rows: [row, row + 1] })),
    'rows',
  );
}

/** A vector in each of as many rows as x has. */
export function repeated(ops: Ops, vector: HostArray, x: HostArray): HostArray {
  return ops.scaleColumns(ops.full([ops.shape(x)[0], ops.shape(vector)[0]], 1), vector);
}

/** Position of each token: from 0 in each row, and from where the segment changes. */
export function positionsOf({ batch, length, segmentIds }: TokenBatch): number[] {
  const positions: number[] = [];
  for (let t = 0; t < batch * length; t++)
    positions.push(t % length > 0 && segmentIds?.[t] === segmentIds?.[t - 1] ? positions[t - 1] + 1 : 0);
  return positions;
}

/** Heads of attention, and how far they look back. */
interface AttentionHeads {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly window: number;
  /** Factor of the scores; 1/√d if left out. */
  readonly scale?: number;
}

/** Attention of one row of the batch, for all heads: softmax over the tokens that are visible, by grouped heads. */
export function attention(
  { ops, batch: { length, attentionMask, segmentIds } }: Pass,
  row: number,
  [q, k, v]: readonly HostArray[],
  { heads, keyValueHeads, window, scale }: AttentionHeads,
): HostArray {
  const size = ops.shape(q)[1] / heads;
  const visible = Array.from({ length: length ** 2 }, (_, place) => {
    const [i, j] = [Math.floor(place / length), place % length];
    const [query, key] = [row * length + i, row * length + j];
    if (i === j) return 1;
    const isText = attentionMask?.[key] !== 0 && attentionMask?.[query] !== 0;
    return j < i && i - j < window && isText && segmentIds?.[query] === segmentIds?.[key] ? 1 : 0;
  });
  const mask = ops.fromArray(visible, [length, length]);
  const part = (x: HostArray, head: number): HostArray =>
    ops.slice(x, { rows: [row * length, (row + 1) * length], columns: [head * size, (head + 1) * size] });
  const mixed = Array.from({ length: heads }, (_, head) => {
    const shared = Math.floor((head * keyValueHeads) / heads);
    const scores = ops.scale(scale ?? 1 / Math.sqrt(size), ops.matmul(part(q, head), part(k, shared), { transposeB: true }));
    const weights = ops.multiply(mask, ops.exp(scores));
    const sums = ops.sum(weights, 'rows');
    return ops.scaleRows(ops.divide(ops.full([length], 1), sums), ops.matmul(weights, part(v, shared)));
  });
  return ops.concat(mixed, 'columns');
}

/** RMS normalization x / √(mean x² + ε) ∘ g. */
export function rmsNorm({ ops, size }: Pass, gain: HostArray, x: HostArray): HostArray {
  const [rows, width] = ops.shape(x);
  const squares = ops.scale(1 / width, ops.sum(ops.multiply(x, x), 'rows'));
  const roots = ops.sqrt(ops.add(squares, ops.full([rows], size('rms_norm_eps'))));
  return ops.scaleColumns(ops.scaleRows(ops.divide(ops.full([rows], 1), roots), x), gain);
}

/** x (1 + tanh u) / 2 = x (1 − 1 / (e^2u + 1)) with u = √(2/π) (x + 0.044715 x³). */
export function gelu(ops: Ops, x: HostArray): HostArray {
  const one = ops.full(ops.shape(x), 1);
  const cubic = ops.multiply(x, ops.add(one, ops.scale(0.044715, ops.multiply(x, x))));
  const exponential = ops.exp(ops.scale(2 * Math.sqrt(2 / Math.PI), cubic));
  return ops.multiply(x, ops.subtract(one, ops.divide(one, ops.add(exponential, one))));
}
