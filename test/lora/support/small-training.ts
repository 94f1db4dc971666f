/** Trainings of the small model, and all numbers of an adapter, for comparisons to the bit. */

import type { TensorAlgebra } from '../../../src/linalg/tensor/index.js';
import {
  type CreateAdapterOptions,
  createAdapter,
  type LoraAdapter,
  type LoraConfig,
  type LoraMethod,
  lora,
  type TrainerOptions,
  type TrainingStep,
  trainer,
} from '../../../src/lora/index.js';
import { smallBatch, smallModel } from './small-model.js';

/** The data of step k. */
export const nextBatch = (k: number) => smallBatch(100 + k);

/** Where adapters start: the seed, and batches for starts that ask for a gradient. */
export const startOptions: CreateAdapterOptions = { seed: 7, batches: Array.from({ length: 8 }, (_, k) => smallBatch(300 + k)) };

/** Functions that train on an engine. */
export function smallTraining(la: TensorAlgebra) {
  /** Runs a training to its end: six steps where nothing else is said. */
  async function train(adapter: LoraAdapter, options: Partial<TrainerOptions> & Pick<TrainerOptions, 'method'>): Promise<TrainingStep[]> {
    const run = trainer(adapter, { nextBatch, steps: 6, learningRate: 0.02, ...options });
    const steps: TrainingStep[] = [];
    for await (const step of run) steps.push(step);
    run.dispose();
    return steps;
  }

  /** The arrays of an adapter, one after another. */
  async function numbers(adapter: LoraAdapter): Promise<number[]> {
    const { method = lora() } = adapter;
    const { arrays } = await trainer(adapter, { method, nextBatch, learningRate: 1 }).state();
    return Object.values(arrays).flatMap(({ data }) => [...data]);
  }

  /** A new adapter of rank 2 on a new model, trained. */
  async function trained(config: LoraConfig, options: Partial<TrainerOptions> & { readonly method: LoraMethod }) {
    const model = smallModel(la);
    const adapter = await createAdapter(model, { method: options.method, rank: 2, alpha: 4, ...config }, startOptions);
    const steps = await train(adapter, options);
    const values = await numbers(adapter);
    adapter.dispose();
    model.dispose();
    return { steps, values };
  }

  return { train, numbers, trained };
}
