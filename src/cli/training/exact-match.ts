import { argMax, type Tensor } from '@tensorflow/tfjs-core';
import { type CausalLM, collateRows, type ModelOverlay, type TokenRow } from '../../models/index.js';

/** Maximum number of logits held at a time. */
const mostLogits = 2 ** 26;

/**
 * Tests for each row whether greedy generation from its prompt gives its labels exactly, end token included. That is so
 * if and only if, after each part of the right answer, the likeliest token is its next one. One pass over prompt and
 * answer decides this without generating.
 */
export async function exactMatches(
  model: CausalLM,
  rows: readonly TokenRow[],
  padId: number,
  overlay?: ModelOverlay,
): Promise<readonly boolean[]> {
  const matches: boolean[] = new Array<boolean>(rows.length);
  const order = rows.map((_, i) => i).sort((a, b) => rows[a].inputIds.length - rows[b].inputIds.length);
  for (let done = 0; done < order.length; ) {
    const longest = (count: number): number => rows[order[Math.min(done + count, order.length) - 1]].inputIds.length;
    let count = 1;
    while (count < 64 && done + count < order.length && (count + 1) * longest(count + 1) * model.config.vocabularySize <= mostLogits)
      count++;
    const part = order.slice(done, done + count);
    const batch = collateRows(
      part.map((i) => rows[i]),
      { padId },
    );
    const likeliest = model.algebra.tidy(() => argMax(model.logits(batch, overlay === undefined ? {} : { overlay }), -1) as Tensor);
    const tokens = await likeliest.data();
    likeliest.dispose();
    for (const [position, i] of part.entries()) matches[i] = isExact(rows[i], tokens.subarray(position * batch.length));
    done += count;
  }
  return matches;
}

function isExact({ labels }: TokenRow, likeliest: ArrayLike<number>): boolean {
  for (let t = 1; t < labels.length; t++) if (labels[t] !== -100 && labels[t] !== likeliest[t - 1]) return false;
  return true;
}
