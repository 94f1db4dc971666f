/** The keys of commands that generate text. */
import { z } from 'zod';
import type { GenerateTextOptions } from '../../models/index.js';
import { UsageError } from '../command.js';
import { count, text } from '../config/keys.js';

/** How tokens are chosen, and where a text ends. */
export const samplingKeys = {
  maxTokens: count(1).default(256).describe('largest number of tokens to generate'),
  temperature: z.number().min(0).default(0).describe('temperature of the sampling; 0 takes the likeliest token').meta({ placeholder: 'T' }),
  topK: count(1).optional().describe('sample among the K likeliest tokens').meta({ placeholder: 'K' }),
  topP: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('sample among the likeliest tokens whose probabilities add up to P')
    .meta({ placeholder: 'P' }),
  repetitionPenalty: z
    .number()
    .gt(0)
    .default(1)
    .describe('divisor of the logits of tokens that the text has already; above 1 it repeats itself less')
    .meta({ placeholder: 'X' }),
  stop: z
    .array(text)
    .default([])
    .describe('text before which the generation ends; the flag can be given several times')
    .meta({ placeholder: 'TEXT', repeats: true }),
  seed: count(0).default(0).describe('seed of the draws'),
};

/** Values of {@link samplingKeys}. */
export type SamplingValues = z.infer<z.ZodObject<typeof samplingKeys>>;

/** Returns the options that the keys mean. @throws UsageError for flags of sampling without a temperature. */
export function samplingOptions(
  caller: string,
  { maxTokens, topK, topP, temperature, repetitionPenalty, stop, seed }: SamplingValues,
): GenerateTextOptions {
  const restricting = topK !== undefined ? '--top-k' : topP !== undefined ? '--top-p' : undefined;
  if (restricting !== undefined && temperature === 0)
    throw new UsageError(
      `bures ${caller}: ${restricting} needs --temperature above 0, without which the likeliest token is taken; add --temperature 1, or leave ${restricting} out`,
    );
  return {
    ...{ maxNewTokens: maxTokens, temperature, repetitionPenalty, stop, seed },
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
  };
}
