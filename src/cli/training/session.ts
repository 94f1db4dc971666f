/** What a run computes with, opened: model, tokenizer, rows, adapter. */
import type { LoraAdapter, LoraMethod, StepBatches } from '../../lora/index.js';
import { createAdapter } from '../../lora/index.js';
import { batchStream, type CausalLM, loadCausalLM, loadTokenizer, type TokenBatch, type Tokenizer } from '../../models/index.js';
import { tensorAlgebra } from '../../tensor/index.js';
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
export async function openSession(config: FinetuneConfig): Promise<Session> {
  const method = methodOf(config);
  const tokenizer = await loadTokenizer(config.model);
  const algebra = await tensorAlgebra({ backend: config.backend });
  const model = await loadCausalLM(config.model, { algebra });
  try {
    const data = await loadData(config, tokenizer, model.config.maxPositions);
    const adapter = createAdapter(model, adapterConfigOf(config, method), { seed: config.seed });
    const steps = config.steps ?? stepsOfEpochs(config, data, model.config.maxPositions);
    return {
      config,
      method,
      model,
      tokenizer,
      data,
      adapter,
      steps,
      nextBatch: stepBatches(config, data, padIdOf(tokenizer), model.config.maxPositions),
      dispose() {
        adapter.dispose();
        model.dispose();
      },
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** What rows are filled up with: never attended to, so any token serves where there is none for it. */
export function padIdOf({ specials: { pad, eos } }: Tokenizer): number {
  return pad?.id ?? eos?.id ?? 0;
}

function openStream(config: FinetuneConfig, { train }: RunData, padId: number, positions: number) {
  const { batchSize, packing, maxLength, seed } = config;
  return batchStream(train, { batchSize, padId, seed, ...(packing ? { packLength: Math.min(maxLength ?? positions, positions) } : {}) });
}

/** Batches in order. A run that is resumed passes over those it has had: making a batch costs nothing beside a step. */
function stepBatches(config: FinetuneConfig, data: RunData, padId: number, positions: number): Session['nextBatch'] {
  const stream = openStream(config, data, padId, positions);
  let next = 0;
  return (k) => {
    let parts: readonly TokenBatch[] = [];
    for (; next <= k; next++) parts = Array.from({ length: config.accumulate }, () => stream.next());
    return parts;
  };
}

/** Steps that pass over the training rows so many times; packed rows are counted by their tokens. */
function stepsOfEpochs(config: FinetuneConfig, { train }: RunData, positions: number): number {
  const { epochs = 1, batchSize, accumulate, packing, maxLength } = config;
  const tokens = train.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const sequences = packing ? Math.ceil(tokens / Math.min(maxLength ?? positions, positions)) : train.length;
  return Math.max(1, Math.ceil((epochs * sequences) / (batchSize * accumulate)));
}
