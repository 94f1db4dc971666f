import { slice, type Tensor, tensor1d } from '@tensorflow/tfjs-core';
import { ConfigError, DomainError, NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import { declareOptions, number, option, size } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import type { Decoder } from './architectures/architecture.js';
import type { GenerateOptions } from './causal-lm.js';
import { checkTokens } from './check-tokens.js';
import { headLogits } from './head-loss.js';
import type { ModelOverlay } from './model-overlay.js';
import type { ParameterScope } from './parameter-scope.js';
import type { RunOnBackend } from './run-on-backend.js';
import { sampleToken, withoutRepetition } from './sample-token.js';
import { type BlockCache, continuation } from './sequence.js';

/** A model with its overlay, ready to generate. */
export interface Generator {
  readonly decoder: Decoder;
  readonly scope: ParameterScope;
  readonly run: RunOnBackend;
  /** Returns the error for logits that are not finite. */
  explain(problem: string): Promise<NumericalError>;
}

/** How the options of a generation are checked, but for what ends it. */
export const courseOptions = {
  maxNewTokens: size({ optional: true }),
  temperature: number({ default: 0, min: 0 }),
  topK: size({ optional: true }),
  topP: number({ optional: true, above: 0, max: 1 }),
  repetitionPenalty: number({ default: 1, above: 0 }),
  seed: number({ default: 0 }),
  overlay: option<ModelOverlay, { readonly optional: true }>({ optional: true }),
  signal: option<AbortSignal, { readonly optional: true }>({ optional: true }),
} as const;

const generateOptions = declareOptions<GenerateOptions>()({ ...courseOptions, stopTokens: option({ optional: true }) });

/**
 * Implements `CausalLM.generate`; keys and values of earlier tokens are cached. Arguments are checked at once, not at
 * the first token.
 *
 * @throws DomainError for an empty prompt, a token outside the vocabulary, or a prompt that leaves no room; ConfigError
 * for options.
 */
export function generate(
  generator: Generator,
  promptIds: readonly number[] | Int32Array,
  options: GenerateOptions,
): AsyncGenerator<number, void, undefined> {
  const caller = 'generate';
  const { vocabularySize, maxPositions, endTokens } = generator.decoder.config;
  const settings = generateOptions.read(caller, options);
  if (settings.temperature === 0 && (settings.topK !== undefined || settings.topP !== undefined)) {
    throw new ConfigError(
      `${caller}: topK and topP need a temperature above 0, without which the likeliest token is taken; give a temperature`,
    );
  }
  if (promptIds.length === 0) {
    throw new DomainError(`${caller}: expected a prompt, got one without tokens; start with the tokenizer's first token`);
  }
  checkTokens(caller, 'promptIds', promptIds, vocabularySize);
  const room = maxPositions - promptIds.length;
  const { maxNewTokens = room, stopTokens = endTokens, seed, repetitionPenalty: penalty } = settings;
  if (room < 1) {
    throw new DomainError(
      `${caller}: expected a prompt below the position limit of ${maxPositions} tokens, got ${promptIds.length}; cut its beginning`,
    );
  }
  const random = seededRandom(seed);
  const choose = (logits: Float32Array, text: Int32Array): number =>
    sampleToken(penalty === 1 ? logits : withoutRepetition(logits, text, penalty), settings, random);
  return continueText(generator, Int32Array.from(promptIds), {
    count: Math.min(maxNewTokens, room),
    stops: new Set(stopTokens),
    choose,
    signal: settings.signal,
  });
}

interface Course {
  readonly count: number;
  readonly stops: ReadonlySet<number>;
  /** Chooses the token after a text. */
  readonly choose: (logits: Float32Array, text: Int32Array) => number;
  readonly signal: AbortSignal | undefined;
}

/** Room for tokens at the beginning. */
const FIRST_TOKENS = 1024;

async function* continueText(
  { decoder, scope, run, explain }: Generator,
  prompt: Int32Array,
  { count, stops, choose, signal }: Course,
): AsyncGenerator<number, void, undefined> {
  const caches = Array.from({ length: decoder.config.layers }, (): BlockCache => ({ keys: undefined, values: undefined }));
  const pause = eventLoopYielder();
  try {
    // Made longer as the text grows: many models name more positions than memory has room for.
    let text = new Int32Array(prompt.length + Math.min(count, FIRST_TOKENS));
    text.set(prompt);
    let length = prompt.length;
    let past = 0;
    for (let generated = 0; generated < count; generated++) {
      signal?.throwIfAborted();
      // One token more, and the cached keys and values are no longer those of this text.
      if (past > 0 && past === decoder.cacheLimit) {
        release(caches);
        past = 0;
      }
      const input = text.subarray(past, length);
      const logits = run(() => lastLogits(decoder, scope, input, past, caches));
      let token: number;
      try {
        token = choose(await logits.data<'float32'>(), text.subarray(0, length));
      } catch (error) {
        throw error instanceof NumericalError ? await explain(error.message) : error;
      } finally {
        logits.dispose();
      }
      past = length;
      if (length === text.length) {
        const longer = new Int32Array(Math.min(2 * length, prompt.length + count));
        longer.set(text);
        text = longer;
      }
      text[length++] = token;
      yield token;
      if (stops.has(token)) return;
      await pause();
    }
  } finally {
    release(caches);
  }
}

/** Frees keys and values, after which the caches are as new. */
function release(caches: readonly BlockCache[]): void {
  for (const cache of caches) {
    cache.keys?.dispose();
    cache.values?.dispose();
    cache.keys = undefined;
    cache.values = undefined;
  }
}

/** Computes the logits after the last of some tokens, whose keys and values are added to the caches. */
function lastLogits(decoder: Decoder, scope: ParameterScope, tokens: Int32Array, past: number, caches: readonly BlockCache[]): Tensor {
  const sequence = continuation(past, tokens.length);
  const context = decoder.prepare(sequence);
  let x = decoder.embed(scope, tensor1d(tokens, 'int32'), sequence);
  for (const [layer, cache] of caches.entries()) x = decoder.block(scope, layer, x, context, cache);
  return headLogits(decoder, scope, slice(x, [tokens.length - 1, 0], [1, -1]));
}
