/** Reproducible dropout: its random numbers come from counters, not from a stream. */
import { mul, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { hashWord } from '../../core/random.js';
import type { ChosenTokens } from '../../models/model-overlay.js';

/** Numbers that identify a mask: the same numbers give the same mask, in recomputation and after resuming. */
export interface DropoutDraw {
  /** Seed of the run. */
  readonly seed: number;
  /** Number of the step. */
  readonly step: number;
  /** Number of the batch within the step. */
  readonly part: number;
  /**
   * The rows of that batch that are computed here, if not all: each row has the mask that it has among all. Default:
   * all.
   */
  readonly rows?: DropoutRows;
}

/** Rows of a batch that follow each other. */
export interface DropoutRows {
  /** Number of the first, counted from 0. */
  readonly first: number;
  /** How many there are. */
  readonly count: number;
}

/**
 * Sets a fraction `rate` of the entries to zero and divides the others by 1 − rate, so that sums keep their mean.
 *
 * @param stream - distinguishes the masks of one step, such as those of different modules.
 * @param tokens - the tokens of the batch that x holds, whose masks do not depend on which are computed together.
 * Default: all.
 */
export function dropOut(x: Tensor, rate: number, { seed, step, part, rows }: DropoutDraw, stream: number, tokens?: ChosenTokens): Tensor {
  const key = [seed, step, part, stream].reduce((state, word) => hashWord(state ^ Math.imul(word + 1, 0x9e3779b9)), 0x243f6a88);
  const kept = 1 / (1 - rate);
  const threshold = rate * 2 ** 32;
  const mask = new Float32Array(x.size);
  const draw = (entry: number): number => (hashWord(hashWord(entry + 1) ^ key) >>> 0 < threshold ? 0 : kept);
  if (tokens === undefined) {
    const before = rows === undefined ? 0 : (x.size / rows.count) * rows.first;
    for (let i = 0; i < mask.length; i++) mask[i] = draw(before + i);
  } else {
    const width = x.size / tokens.numbers.length;
    const before = (rows?.first ?? 0) * tokens.length;
    for (const [i, token] of tokens.numbers.entries())
      for (let j = 0; j < width; j++) mask[i * width + j] = draw((before + token) * width + j);
  }
  return mul(x, tensor(mask, x.shape, 'float32'));
}
