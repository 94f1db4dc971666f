import { concat, keep, type Tensor } from '@tensorflow/tfjs-core';
import { type AttentionOptions, attention } from '../nn/attention.js';
import type { BlockCache, Sequence } from './sequence.js';

/** Computes attention of a pass's queries over its keys and values, added to the cached ones of earlier passes. */
export function attend(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { batch, segments }: Sequence,
  heads: Omit<AttentionOptions, 'batch' | 'segments'>,
  cache: BlockCache | undefined,
): Tensor {
  const options = { ...heads, batch, segments };
  if (cache === undefined) return attention(q, k, v, options);
  cache.keys = extended(cache.keys, k);
  cache.values = extended(cache.values, v);
  return attention(q, cache.keys, cache.values, options);
}

function extended(before: Tensor | undefined, next: Tensor): Tensor {
  if (before === undefined) return keep(next.clone());
  const all = keep(concat([before, next], 0));
  before.dispose();
  return all;
}
