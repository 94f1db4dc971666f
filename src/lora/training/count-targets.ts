import type { TokenBatch } from '../../models/token-batch.js';
import { DEFAULT_IGNORED_LABEL } from '../../nn/cross-entropy.js';

/**
 * Counts the labels of a batch that enter the loss: those that are not −100, and not the first of a row or segment,
 * which has nothing before it to be predicted from.
 */
export function countTargets({ batch, length, labels, segmentIds }: TokenBatch): number {
  if (labels === undefined) return 0;
  let count = 0;
  for (let row = 0; row < batch; row++) {
    for (let at = row * length + 1; at < (row + 1) * length; at++) {
      const sameText = segmentIds === undefined || segmentIds[at] === segmentIds[at - 1];
      if (labels[at] !== DEFAULT_IGNORED_LABEL && sameText) count += 1;
    }
  }
  return count;
}
