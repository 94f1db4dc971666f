/** An open run: its model, tokenizer, rows and adapter. */

import type { LoraAdapter, LoraMethod, StepBatches } from '../../lora/index.js';
import { createAdapter } from '../../lora/index.js';
import { type BatchStream, batchStream, type CausalLM, loadTokenizer, type TokenBatch, type Tokenizer } from '../../models/index.js';
import type { FinetuneConfig } from '../config/finetune-config.js';
import { type FoundModel, findModel } from '../hub/find-model.js';
import type { Terminal } from '../terminal.js';
import { chatTemplateSource } from './chat-template-source.js';
import { loadBase } from './load-base.js';
import { loadData, type RunData } from './load-data.js';
import { noonOf } from './open-model.js';
import { adapterConfigOf, keysWithoutEffect, methodOf, startingAt } from './training-plan.js';

/** A configuration with what depends on the number of steps filled in. */
export interface SessionConfig extends FinetuneConfig {
  readonly evalEvery: number;
  readonly saveEvery: number;
}

/** An open run: all that training needs. */
export interface Session {
  readonly config: SessionConfig;
  readonly method: LoraMethod;
  /** Where the base model lies. */
  readonly base: FoundModel;
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  readonly data: RunData;
  readonly adapter: LoraAdapter;
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Returns the batches of step k = 0, 1, …; steps must be requested in ascending order, from any first one. */
  nextBatch(k: number): StepBatches;
  /** Frees adapter and model. */
  dispose(): void;
}

/**
 * Opens the parts that a configuration names, and downloads those of the hub that are not in its cache.
 *
 * @param initial - folder of the adapter that the run starts from, if there is one.
 * @throws errors of downloading and loading a model, a tokenizer, data or an adapter.
 */
export async function openSession(
  caller: string,
  config: FinetuneConfig,
  initial: string | undefined,
  terminal: Terminal,
): Promise<Session> {
  const method = await startingAt(methodOf(config), initial, caller);
  const base = await findModel(caller, config.model, terminal);
  // Templates that write the date give the same rows when the run is resumed on another day.
  const tokenizer = await loadTokenizer(base.folder, {
    ...(config.today === undefined ? {} : { now: noonOf(config.today) }),
    ...(config.chatTemplate === undefined ? {} : { chatTemplate: await chatTemplateSource(caller, config.chatTemplate) }),
  });
  const model = await loadBase(base.folder, config, terminal, { batch: config.batchSize, length: config.maxLength ?? USUAL_LENGTH });
  let made: LoraAdapter | undefined;
  try {
    const data = await loadData(config, { caller, tokenizer, positions: model.config.maxPositions, terminal });
    const { epochs = 1, accumulate } = config;
    const open = (): BatchStream => openStream(config, data, padIdOf(tokenizer), model.config.maxPositions);
    // The start uses the first batches of the run, from a separate stream: training begins with the same ones.
    const first = open();
    const batches = Array.from({ length: method.start.gradientBatches ?? 0 }, () => first.next());
    const adapter = await createAdapter(model, adapterConfigOf(config, method), { seed: config.seed, batches });
    made = adapter;
    const stream = open();
    const steps = config.steps ?? Math.ceil((epochs * stream.batchesPerEpoch) / accumulate);
    // A short run is looked at, and can be resumed, in between as well.
    const often = Math.min(100, Math.max(1, Math.ceil(steps / 5)));
    const { evalEvery = often, saveEvery = often } = config;
    // A run that was begun with such a key goes on as it began.
    const idle = caller === 'resume' ? [] : keysWithoutEffect(caller, config, { steps, rows: data.valid.length });
    return {
      config: { ...config, evalEvery, saveEvery },
      method,
      base,
      model,
      tokenizer,
      data: { ...data, notices: [...data.notices, ...idle] },
      adapter,
      steps,
      nextBatch: stepBatches(stream, accumulate),
      dispose() {
        adapter.dispose();
        model.dispose();
      },
    };
  } catch (error) {
    made?.dispose();
    model.dispose();
    throw error;
  }
}

/** Length of rows, in tokens, with which the room for a step is estimated where the longest row is not limited. */
const USUAL_LENGTH = 512;

/** Returns the token that pads rows. It is never attended to, so any token serves if the tokenizer has none. */
export function padIdOf({ specials: { pad, eos } }: Tokenizer): number {
  return pad?.id ?? eos?.id ?? 0;
}

/** Opens the training rows as batches, epoch after epoch. */
function openStream(config: FinetuneConfig, { train, parts }: RunData, padId: number, positions: number): BatchStream {
  const { batchSize, order, packing, maxLength, seed } = config;
  const packed = packing ? { packLength: Math.min(maxLength ?? positions, positions) } : {};
  return batchStream(train, { batchSize, order, padId, seed, ...packed, ...(parts === undefined ? {} : { parts }) });
}

/** Returns batches in order. A resumed run skips those it has had; making a batch is negligible compared to a step. */
function stepBatches(stream: BatchStream, accumulate: number): Session['nextBatch'] {
  let next = 0;
  return (k) => {
    let parts: readonly TokenBatch[] = [];
    for (; next <= k; next++) parts = Array.from({ length: accumulate }, () => stream.next());
    return parts;
  };
}
