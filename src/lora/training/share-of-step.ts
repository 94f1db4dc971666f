/** The part of a step's data that falls to one of several processes: some of its rows. */
import { shareOf } from '../../distributed/communicator.js';
import type { TokenBatch } from '../../models/token-batch.js';
import type { DropoutRows } from '../adapter/dropout.js';

/** Rows of one of the batches of a step. */
export interface PartOfStep {
  readonly batch: TokenBatch;
  /** Number of that batch within the step. */
  readonly part: number;
  /** The place of the rows in that batch; absent if they are all of them. */
  readonly rows?: DropoutRows;
}

/**
 * Divides the rows of a step, numbered through over its batches, among the processes: each gets rows that follow each
 * other, as many as the others or one more.
 *
 * @param batches - the batches of the step.
 * @param place - rank of the process and number of processes.
 */
export function shareOfStep(
  batches: readonly TokenBatch[],
  place: { readonly rank: number; readonly size: number },
): readonly PartOfStep[] {
  const { from, to } = shareOf(
    place,
    batches.reduce((rows, { batch }) => rows + batch, 0),
  );
  const parts: PartOfStep[] = [];
  let before = 0;
  for (const [part, batch] of batches.entries()) {
    const [first, last] = [Math.max(from - before, 0), Math.min(to - before, batch.batch)];
    before += batch.batch;
    if (first >= last) continue;
    if (first === 0 && last === batch.batch) parts.push({ batch, part });
    else parts.push({ batch: rowsOf(batch, first, last), part, rows: { first, count: last - first } });
  }
  return parts;
}

/** Returns rows of a batch, as views. */
function rowsOf({ length, inputIds, attentionMask, segmentIds, labels }: TokenBatch, first: number, last: number): TokenBatch {
  const [from, to] = [first * length, last * length];
  return {
    batch: last - first,
    length,
    inputIds: inputIds.subarray(from, to),
    ...(attentionMask === undefined ? {} : { attentionMask: attentionMask.subarray(from, to) }),
    ...(segmentIds === undefined ? {} : { segmentIds: segmentIds.subarray(from, to) }),
    ...(labels === undefined ? {} : { labels: labels.subarray(from, to) }),
  };
}
