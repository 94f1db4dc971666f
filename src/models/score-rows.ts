/** Scores of a model on rows that it is not trained on: mean loss, and exact answers. */
import { argMax, type Tensor } from '@tensorflow/tfjs-core';
import { declareOptions, option, size } from '../core/options.js';
import type { CausalLM, ForwardOptions } from './causal-lm.js';
import { collateRows, padIdOption } from './datasets/collate-rows.js';
import { ignoredLabel, type TokenRow } from './datasets/token-row.js';
import { labelledRows } from './head-loss.js';
import type { ModelOverlay } from './model-overlay.js';
import type { TokenBatch } from './token-batch.js';

/** Options of {@link exactMatches}. */
export interface ExactMatchesOptions {
  /** Token that fills up shorter rows. */
  readonly padId: number;
  /** Adapters and weights to use over those of the model. Default: none. */
  readonly overlay?: ModelOverlay;
}

/** Options of {@link meanLoss}. */
export interface MeanLossOptions extends ExactMatchesOptions {
  /** Number of rows that are evaluated at once. Default: 16. */
  readonly batchSize?: number;
}

const exactMatchesOptions = declareOptions<ExactMatchesOptions>()({ padId: padIdOption, overlay: option({ optional: true }) });
const meanLossOptions = declareOptions<MeanLossOptions>()({ ...exactMatchesOptions.options, batchSize: size({ default: 16 }) });

/** Defaults of {@link MeanLossOptions}. */
export const meanLossDefaults: Required<Pick<MeanLossOptions, 'batchSize'>> = meanLossOptions.defaults;

/** Result of {@link meanLoss}. */
export interface MeanLoss {
  /** Loss in nats per token that counts; NaN if none does. */
  readonly loss: number;
  /** exp(loss). */
  readonly perplexity: number;
  /** Number of tokens that count. */
  readonly tokens: number;
}

/**
 * Computes the mean token loss over rows, in batches of similar lengths.
 *
 * @param rows - rows of tokens and labels, as {@link readDataset} gives them.
 * @param options - see {@link MeanLossOptions}.
 * @throws ConfigError for a bad `padId`; ShapeError for a bad `batchSize` and for rows that do not fit together.
 */
export async function meanLoss(model: CausalLM, rows: readonly TokenRow[], options: MeanLossOptions): Promise<MeanLoss> {
  const { padId, overlay, batchSize } = meanLossOptions.read('meanLoss', options);
  // The model refuses a batch in which nothing counts.
  const sorted = rows.filter(({ labels }) => labels.some(counts)).sort((a, b) => a.inputIds.length - b.inputIds.length);
  let [sum, tokens] = [0, 0];
  for (let i = 0; i < sorted.length; i += batchSize) {
    const batch = collateRows(sorted.slice(i, i + batchSize), { padId });
    const part = await model.algebra.tidy(() => model.loss(batch, overlay === undefined ? {} : { overlay }));
    sum += part.sum;
    tokens += part.tokens;
  }
  return { loss: sum / tokens, perplexity: Math.exp(sum / tokens), tokens };
}

/** Returns true for a label that counts: the first token of a row has none before it. */
const counts = (label: number, position: number): boolean => position > 0 && label !== ignoredLabel;

/** Maximum number of logits held at a time. */
const mostLogits = 2 ** 26;

/**
 * Tests for each row whether greedy generation from its prompt gives its labels exactly, end token included. That is so
 * if and only if, after each part of the right answer, the likeliest token is its next one. One pass over prompt and
 * answer decides this without generating. A row without labels counts as exact.
 *
 * @param options - see {@link ExactMatchesOptions}.
 * @returns an entry for each row, in their order.
 * @throws ConfigError for a bad `padId`; ShapeError for rows that do not fit together.
 */
export async function exactMatches(model: CausalLM, rows: readonly TokenRow[], options: ExactMatchesOptions): Promise<readonly boolean[]> {
  const { padId, overlay } = exactMatchesOptions.read('exactMatches', options);
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
    const wanted = part.map((i) => rows[i].labels.filter(counts));
    const isIdle = wanted.every(({ length }) => length === 0);
    const likeliest = isIdle ? [] : await likeliestTokens(model, batch, overlay === undefined ? {} : { overlay });
    let next = 0;
    for (const [position, i] of part.entries()) {
      matches[i] = wanted[position].every((label, k) => label === likeliest[next + k]);
      next += wanted[position].length;
    }
    done += count;
  }
  return matches;
}

/** Returns the likeliest token at each label of a batch that counts, row by row. */
async function likeliestTokens(model: CausalLM, batch: TokenBatch, options: ForwardOptions): Promise<ArrayLike<number>> {
  if (model.likeliest !== undefined) return model.likeliest(batch, options);
  const choices = model.algebra.tidy(() => argMax(model.logits(batch, options), -1) as Tensor);
  const tokens = await choices.data().finally(() => choices.dispose());
  return Array.from(labelledRows('exactMatches', batch).rows, (row) => tokens[row]);
}
