/** Positions of a forward pass's tokens, and which tokens see each other. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TokenBatch } from './token-batch.js';

/** Positions and visibility of the tokens of a batch. */
export interface Sequence {
  /** Number of sequences. */
  readonly batch: number;
  /** Number of tokens of each in this pass. */
  readonly length: number;
  /** Position of each token: `length` of them if all sequences have the same, else batch · length. */
  readonly positions: Int32Array;
  /** Segment of each token, −1 for padding; `undefined` if each sequence is one segment. */
  readonly segments: Int32Array | undefined;
}

/**
 * Keys and values of earlier tokens in one block, [tokens, keyValueHeads · headSize]; each pass, which owns them,
 * exchanges them for longer ones.
 */
export interface BlockCache {
  keys: Tensor | undefined;
  values: Tensor | undefined;
}

/** The segment of padding. Padding sees padding, so that no row of attention is empty. */
const PADDING = -1;

/** Counts positions from 0 in each row, or in each segment; as in transformers, padding before a text counts. */
export function sequenceOf({ batch, length, attentionMask, segmentIds }: TokenBatch): Sequence {
  const padded = attentionMask?.includes(0) === true;
  if (segmentIds === undefined && !padded) return { batch, length, positions: consecutive(0, length), segments: undefined };
  const segments = new Int32Array(batch * length);
  const positions = new Int32Array(batch * length);
  for (let token = 0; token < segments.length; token++) {
    segments[token] = attentionMask?.[token] === 0 ? PADDING : numberOfSegment(segmentIds?.[token]);
    const continues = token % length > 0 && segmentIds?.[token] === segmentIds?.[token - 1];
    positions[token] = continues ? positions[token - 1] + 1 : 0;
  }
  return { batch, length, positions, segments };
}

/** Keeps ids off −1, the number of padding: segments may have any number, −1 included. */
function numberOfSegment(id: number | undefined): number {
  return id === undefined ? 0 : id < 0 ? id - 1 : id;
}

/** Describes a pass over tokens of one text after those whose keys and values are cached. */
export function continuation(past: number, length: number): Sequence {
  return { batch: 1, length, positions: consecutive(past, length), segments: undefined };
}

function consecutive(start: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => start + index);
}
