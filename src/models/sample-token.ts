/** Choosing the next token from logits. */
import { NumericalError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import type { GenerateOptions } from './causal-lm.js';

/** Options that restrict and flatten the distribution. */
type SamplingOptions = Pick<GenerateOptions, 'temperature' | 'topK' | 'topP'>;

/**
 * Returns the next token: the first of the likeliest at temperature 0, otherwise a draw from softmax(logits /
 * temperature) among the topK likeliest and, of these, the fewest that have probability topP together (Holtzman et al.
 * 2020), as transformers does in this order.
 *
 * @throws NumericalError if logits are NaN.
 */
export function sampleToken(logits: Float32Array, { temperature = 0, topK, topP }: SamplingOptions, random: Random): number {
  const best = likeliest(logits);
  if (temperature === 0) return best;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - logits[best]) / temperature));
  const kept = topK === undefined && topP === undefined ? undefined : restricted(weights, topK ?? weights.length, topP ?? 1);
  const candidates = kept ?? weights.keys();
  let total = 0;
  for (const token of candidates) total += weights[token];
  let left = random.uniform() * total;
  let last = best;
  for (const token of kept ?? weights.keys()) {
    left -= weights[token];
    if (weights[token] > 0) last = token;
    if (left < 0) return token;
  }
  // Rounding may leave a little over of the sum of the weights.
  return last;
}

/**
 * Returns the logits with those of the given tokens made smaller: positive ones divided by the penalty, negative ones
 * multiplied by it.
 */
export function withoutRepetition(logits: Float32Array, tokens: Iterable<number>, penalty: number): Float32Array {
  const changed = logits.slice();
  for (const token of new Set(tokens)) changed[token] = logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty;
  return changed;
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let token = 0; token < logits.length; token++) {
    if (Number.isNaN(logits[token])) {
      throw new NumericalError('generate: expected finite logits, got NaN');
    }
    if (logits[token] > logits[best]) best = token;
  }
  return best;
}

/** Returns the tokens that may be drawn, likeliest first. */
function restricted(weights: Float64Array, topK: number, topP: number): number[] {
  const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a] || a - b).slice(0, topK);
  if (topP === 1) return order;
  const total = order.reduce((sum, token) => sum + weights[token], 0);
  let sum = 0;
  const end = order.findIndex((token) => {
    sum += weights[token];
    return sum >= topP * total;
  });
  return end < 0 ? order : order.slice(0, end + 1);
}
