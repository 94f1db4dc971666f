/**
 * The head and the loss, a few tokens at a time: hidden rows → logits → their gradient → the hidden rows' gradient.
 * Neither logits nor their gradient are ever held for more than one chunk, and only tokens that carry a label have
 * logits.
 */
import { argMax, concat, gather, sum, type Tensor, tensor1d, tidy, unsortedSegmentSum, zeros } from '@tensorflow/tfjs-core';
import { DomainError } from '../core/errors.js';
import { crossEntropyWithGradient, DEFAULT_IGNORED_LABEL, tokenCrossEntropy } from '../nn/cross-entropy.js';
import { record } from '../nn/record.js';
import type { Decoder } from './architectures/architecture.js';
import type { GradientSum } from './gradient-sum.js';
import type { ChosenTokens } from './model-overlay.js';
import type { ParameterScope } from './parameter-scope.js';
import type { TokenBatch } from './token-batch.js';

/** Logits of a chunk take at most this many bytes, and their gradient as many again. */
export const CHUNK_BYTES = 96 * 2 ** 20;
const BYTES = 4;

/** Path of the head in PEFT. */
export const HEAD = 'lm_head';

/** The tokens that predict a label, and the labels. */
export interface LabelledRows {
  /** Rows of [batch · length, …]: the token before each label. */
  readonly rows: Int32Array;
  readonly labels: Int32Array;
  /** Number of tokens in a row of the batch. */
  readonly length: number;
}

/**
 * Finds the tokens that predict a label. A label at the first token of a row or of a segment has nothing to be
 * predicted from, and does not count.
 *
 * @throws DomainError if no label counts.
 */
export function labelledRows(caller: string, { batch, length, labels, segmentIds }: TokenBatch): LabelledRows {
  const rows: number[] = [];
  for (let token = 0; labels !== undefined && token < batch * length; token++) {
    if (labels[token] === DEFAULT_IGNORED_LABEL || token % length === 0) continue;
    if (segmentIds === undefined || segmentIds[token] === segmentIds[token - 1]) rows.push(token - 1);
  }
  if (labels === undefined || rows.length === 0) {
    const given = labels === undefined ? 'none' : `${DEFAULT_IGNORED_LABEL} wherever one could count`;
    throw new DomainError(`${caller}: expected a batch with labels to predict, got ${given}; leave the batch out, or check how it was cut`);
  }
  return { rows: Int32Array.from(rows), labels: Int32Array.from(rows, (row) => labels[row + 1]), length };
}

/** Computes the logits [rows, vocabulary] of hidden rows: those of some tokens, if not of all. */
export function headLogits(decoder: Decoder, scope: ParameterScope, hidden: Tensor, tokens?: ChosenTokens): Tensor {
  return scope.linear(HEAD, decoder.normalize(scope, hidden), tokens);
}

/** Computes the sum of the token losses of each chunk, scalars, Σ of which is the loss. */
export function headLosses(decoder: Decoder, scope: ParameterScope, hidden: Tensor, { rows, labels, length }: LabelledRows): Tensor[] {
  return chunksOf(rows.length, decoder.config.vocabularySize).map(([start, end]) =>
    tidy(() => {
      const numbers = rows.subarray(start, end);
      const logits = headLogits(decoder, scope, gather(hidden, tensor1d(numbers, 'int32')), { numbers, length });
      return sum(tokenCrossEntropy(logits, tensor1d(labels.subarray(start, end), 'int32')));
    }),
  );
}

/** Returns the likeliest token at each label: int32 [labels]. */
export function headChoices(decoder: Decoder, scope: ParameterScope, hidden: Tensor, { rows, length }: LabelledRows): Tensor {
  const chunks = chunksOf(rows.length, decoder.config.vocabularySize).map(([start, end]) =>
    tidy(() => {
      const numbers = rows.subarray(start, end);
      return argMax(headLogits(decoder, scope, gather(hidden, tensor1d(numbers, 'int32')), { numbers, length }), -1) as Tensor;
    }),
  );
  return chunks.length === 1 ? chunks[0] : concat(chunks);
}

/** Losses of the head, and the gradient that it hands back to the blocks. */
export interface HeadGradient {
  /** Σ of the token losses by chunk, scalars. */
  readonly losses: readonly Tensor[];
  /** ∂(Σ losses / denominator)/∂hidden, of its shape. */
  readonly hidden: Tensor;
}

/**
 * Computes the loss and its derivative by the hidden states, and by the overlay's arrays that the head uses.
 *
 * @param gradients - receives the latter.
 */
export function headGradient(
  decoder: Decoder,
  scope: ParameterScope,
  hidden: Tensor,
  { rows, labels, length }: LabelledRows,
  denominator: number,
  gradients: GradientSum,
): HeadGradient {
  const losses: Tensor[] = [];
  const parts = chunksOf(rows.length, decoder.config.vocabularySize).map(([start, end]) => {
    const numbers = rows.subarray(start, end);
    const chosen = gather(hidden, tensor1d(numbers, 'int32'));
    const { value: logits, pullback, dispose } = record(() => headLogits(decoder, scope, chosen, { numbers, length }));
    try {
      const chunk = crossEntropyWithGradient(logits, tensor1d(labels.subarray(start, end), 'int32'), 1 / denominator);
      logits.dispose();
      losses.push(chunk.loss);
      const used = scope.takeUsed();
      const [byChosen, ...byUsed] = pullback(chunk.gradient, [chosen, ...used]);
      chunk.gradient.dispose();
      chosen.dispose();
      gradients.add(used, byUsed);
      return byChosen ?? zeros([end - start, decoder.config.hiddenSize]);
    } finally {
      // What a recording saved is exempt from every scope.
      dispose();
    }
  });
  return { losses, hidden: scattered(parts, rows, hidden.shape[0]) };
}

/** Scatters the gradients of chosen rows to rows of the whole. */
function scattered(parts: Tensor[], rows: Int32Array, count: number): Tensor {
  return tidy(() => {
    const all = parts.length === 1 ? parts[0] : concat(parts, 0);
    return unsortedSegmentSum(all, tensor1d(rows, 'int32'), count);
  });
}

function chunksOf(rows: number, vocabulary: number): [number, number][] {
  const longest = Math.max(1, Math.floor(CHUNK_BYTES / (BYTES * vocabulary)));
  const count = Math.ceil(rows / longest);
  // Chunks of equal length, so that the last is not a few rows.
  return Array.from({ length: count }, (_, chunk) => [Math.floor((chunk * rows) / count), Math.floor(((chunk + 1) * rows) / count)]);
}
