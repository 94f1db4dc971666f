/** What a run computes with, opened: model, tokenizer, rows, adapter. */
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import type { LoraAdapter, LoraMethod, StepBatches } from '../../lora/index.js';
import { createAdapter } from '../../lora/index.js';
import {
  type BatchStream,
  batchStream,
  type CausalLM,
  loadCausalLM,
  loadTokenizer,
  type TokenBatch,
  type Tokenizer,
} from '../../models/index.js';
import { tensorAlgebra } from '../../tensor/index.js';
import { exists } from '../adapter/adapter-folder.js';
import type { FinetuneConfig } from '../config/finetune-config.js';
import { loadData, type RunData } from './load-data.js';
import { adapterConfigOf, methodOf } from './training-plan.js';

/** An open run. */
export interface Session {
  readonly config: FinetuneConfig;
  readonly method: LoraMethod;
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  readonly data: RunData;
  readonly adapter: LoraAdapter;
  /** Steps of the whole run. */
  readonly steps: number;
  /** The batches of step k = 0, 1, …; steps are asked for in order, from any first one on. */
  nextBatch(k: number): StepBatches;
  /** Frees adapter and model. */
  dispose(): void;
}

/** Opens what a configuration names. @throws what loading a model, a tokenizer, data or an adapter throws. */
export async function openSession(caller: string, config: FinetuneConfig): Promise<Session> {
  const method = methodOf(config);
  await checkModelFolder(caller, config.model);
  const tokenizer = await loadTokenizer(config.model);
  const algebra = await tensorAlgebra({ backend: config.backend });
  const model = await loadCausalLM(config.model, { algebra });
  let made: LoraAdapter | undefined;
  try {
    const data = await loadData(config, tokenizer, model.config.maxPositions);
    const { epochs = 1, accumulate } = config;
    const open = (): BatchStream => openStream(config, data, padIdOf(tokenizer), model.config.maxPositions);
    // The first batches of the run itself, from a stream of their own: training begins with them again.
    const first = open();
    const batches = Array.from({ length: method.start.gradientBatches ?? 0 }, () => first.next());
    const adapter = await createAdapter(model, adapterConfigOf(config, method), { seed: config.seed, batches });
    made = adapter;
    const stream = open();
    const steps = config.steps ?? Math.ceil((epochs * stream.batchesPerEpoch) / accumulate);
    return {
      config,
      method,
      model,
      tokenizer,
      data,
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

/** @throws ConfigError for a path that is no model's. */
export async function checkModelFolder(caller: string, folder: string): Promise<void> {
  if (await exists(path.join(folder, 'config.json'))) return;
  throw new ConfigError(
    `${caller}: expected a model, found no config.json in ${folder}; pass the directory of a model in Hugging Face format`,
  );
}

/** What rows are filled up with: never attended to, so any token serves where there is none for it. */
export function padIdOf({ specials: { pad, eos } }: Tokenizer): number {
  return pad?.id ?? eos?.id ?? 0;
}

/** The training rows as batches, epoch after epoch. */
function openStream(config: FinetuneConfig, { train }: RunData, padId: number, positions: number): BatchStream {
  const { batchSize, order, packing, maxLength, seed } = config;
  const packed = packing ? { packLength: Math.min(maxLength ?? positions, positions) } : {};
  return batchStream(train, { batchSize, order, padId, seed, ...packed });
}

/** Batches in order. A run that is resumed passes over those it has had: making a batch costs nothing beside a step. */
function stepBatches(stream: BatchStream, accumulate: number): Session['nextBatch'] {
  let next = 0;
  return (k) => {
    let parts: readonly TokenBatch[] = [];
    for (; next <= k; next++) parts = Array.from({ length: accumulate }, () => stream.next());
    return parts;
  };
}
