/** Evaluates a model with an adapter: loss and exact matches on rows, samples of prompts, measures of its modules. */

import { argMax, type Tensor } from '@tensorflow/tfjs-core';
import { hostAlgebra } from '../../index.js';
import type { LoraAdapter } from '../../lora/index.js';
import { type CausalLM, collateRows, type ModelOverlay, type Tokenizer, type TokenRow } from '../../models/index.js';
import { measurePair } from '../adapter/pair-measures.js';
import type { LayersLine } from '../run/recorder.js';

/** Mean loss over rows. */
export interface MeanLoss {
  /** Loss in nats per token that counts. */
  readonly loss: number;
  /** exp(loss). */
  readonly perplexity: number;
  /** Number of tokens that count. */
  readonly tokens: number;
}

/** Computes the mean token loss over rows, in batches of similar lengths. */
export async function meanLoss(
  model: CausalLM,
  rows: readonly TokenRow[],
  batchSize: number,
  padId: number,
  overlay?: ModelOverlay,
): Promise<MeanLoss> {
  const sorted = [...rows].sort((a, b) => a.inputIds.length - b.inputIds.length);
  let [sum, tokens] = [0, 0];
  for (let i = 0; i < sorted.length; i += batchSize) {
    const batch = collateRows(sorted.slice(i, i + batchSize), { padId });
    const part = await model.algebra.tidy(() => model.loss(batch, overlay === undefined ? {} : { overlay }));
    sum += part.sum;
    tokens += part.tokens;
  }
  return { loss: sum / tokens, perplexity: Math.exp(sum / tokens), tokens };
}

/** Options of {@link completeText}. */
export interface SampleOptions {
  readonly maxNewTokens: number;
  readonly overlay?: ModelOverlay;
}

/** Returns the likeliest continuation of a prompt, without its end token. */
export async function completeText(model: CausalLM, tokenizer: Tokenizer, prompt: string, options: SampleOptions): Promise<string> {
  const ids: number[] = [];
  for await (const id of model.generate(tokenizer.encode(prompt), { ...options, stopTokens: tokenizer.endIds })) ids.push(id);
  return tokenizer.decode(ids.filter((id) => !tokenizer.endIds.includes(id)));
}

/** Measures all pairs of an adapter, in float64 on the host; empty if the weights themselves are trained. */
export async function measureLayers(adapter: LoraAdapter): Promise<LayersLine['layers']> {
  const [la, host] = [adapter.model.algebra, hostAlgebra()];
  const layers: LayersLine['layers'][number][] = [];
  for (const { key, targets } of adapter.layout.stacks) {
    const [a, b] = await la.tidy(async () => {
      const { A, B } = adapter.pair(key);
      return [await la.toArray(A), await la.toArray(B)];
    });
    for (const [i, { module, rank, scale }] of targets.entries()) {
      const part = (values: ArrayLike<number>, rows: number, columns: number) =>
        host.fromArray(Float64Array.from(values).subarray(i * rows * columns, (i + 1) * rows * columns), [rows, columns]);
      const pair = { A: part(a, module.outFeatures, rank), B: part(b, rank, module.inFeatures) };
      const { balanceGap, conditionNumber, balancedConditionNumber, effectiveRank, singularValues } = await measurePair(pair, scale);
      layers.push({ module: module.name, balanceGap, conditionNumber, balancedConditionNumber, effectiveRank, singularValues });
    }
  }
  return layers;
}

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
