/** Training as a stochastic cost over the product manifold: what the descent engine minimizes. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError, DomainError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { axpyTree } from '../../core/tree.js';
import { nonFiniteError } from '../../models/non-finite.js';
import type { TokenBatch } from '../../models/token-batch.js';
import type { CostAndDerivative, Problem } from '../../solvers/problem.js';
import { type AdapterPoint, disposeArrays, pullBack, putTogether } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { countTargets } from './count-targets.js';
import type { AdapterManifold } from './training-manifold.js';

/** The data of one step: one batch, or several whose gradients are added up. */
export type StepBatches = TokenBatch | readonly TokenBatch[];

/** The data of one step, counted. */
export interface StepData {
  /** k = 0, 1, … */
  readonly step: number;
  /** The batches whose gradients are added up. */
  readonly parts: readonly TokenBatch[];
  /** The tokens that count, over all parts: what losses are divided by. */
  readonly tokens: number;
}

/** What a step's cost depends on. */
export interface TrainingCost {
  readonly adapter: LoraAdapter;
  readonly manifold: AdapterManifold;
  /** The data of step k; `undefined` if there is none. */
  nextBatch(k: number): Awaitable<StepBatches | undefined>;
  /** Told of each step's data as it is drawn: how many tokens of it count. */
  onBatch(tokens: number): void;
  /** Seed of the dropout masks. */
  readonly seed: number;
  /** Whether activations are computed twice instead of kept, as `lossAndGradient` takes it. Default: by their size. */
  readonly recompute: boolean | undefined;
}

/** A stochastic problem on the manifold of an adapter. */
export type TrainingProblem = Problem<Tensor, AdapterPoint, AdapterPoint, unknown, unknown, StepData>;

/**
 * The mean token loss of a step's batches, as a problem: tokens of all parts count alike, whichever part they are in.
 */
export function trainingProblem({ adapter, manifold, nextBatch, onBatch, seed, recompute }: TrainingCost): TrainingProblem {
  const { model, layout } = adapter;
  const la = model.algebra;
  /** Frees, part by part, the overlay's copies and the derivatives that were stacked. */
  const partGradient = (x: AdapterPoint, { step, tokens }: StepData, batch: TokenBatch, part: number) =>
    la.tidy(async () => {
      const overlay = adapter.overlay({ point: x, dropout: { seed, step, part } });
      const options = { denominator: tokens, ...(recompute === undefined ? {} : { recompute }) };
      const { loss, adapters, replaced } = await model.lossAndGradient(batch, overlay, options);
      if (!Number.isFinite(loss)) {
        throw await nonFiniteError(
          `trainer: the loss of step ${step + 1} is ${loss}`,
          model,
          'lower the learning rate or clip the gradient, and go on from the last state',
        );
      }
      const modules = new Map(
        [...adapters].map(([name, { A, B, magnitude }]) => [name, { A, B, ...(magnitude === undefined ? {} : { magnitude }) }]),
      );
      return { loss, gradient: pullBack(la, layout, x, putTogether(layout, { modules, parameters: replaced })) };
    });
  const costAndGradient = async (x: AdapterPoint, data: StepData): Promise<CostAndDerivative<AdapterPoint, AdapterPoint, unknown>> => {
    const [first, ...others] = data.parts;
    let { loss: cost, gradient } = await partGradient(x, data, first, 0);
    for (const [i, batch] of others.entries()) {
      const next = await partGradient(x, data, batch, i + 1);
      cost += next.loss;
      const sum = axpyTree(la, 1, next.gradient, gradient);
      disposeArrays(la, [gradient, next.gradient]);
      gradient = sum;
    }
    return { cost, gradient };
  };
  return {
    manifold,
    async nextBatch(k) {
      const batches = await nextBatch(k);
      if (batches === undefined) return undefined;
      const data = stepData(k, batches);
      onBatch(data.tokens);
      return data;
    },
    costAndGradient,
    cost: async (x, data) => (await costAndGradient(x, data)).cost,
    gradient: { kind: 'coordinates', at: async (x, data) => (await costAndGradient(x, data)).gradient as AdapterPoint },
  };
}

/** @throws ConfigError if there is no batch, DomainError if no token of the step counts. Whether tokens are the model's is for the model to check. */
function stepData(step: number, batches: StepBatches): StepData {
  const parts: readonly TokenBatch[] = 'inputIds' in batches ? [batches] : batches;
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new ConfigError(
      `trainer: nextBatch must return a batch or a list of batches for step ${step + 1}, got ${describeValue(batches)}`,
    );
  }
  const counts = parts.map((part) => countTargets(part));
  const tokens = counts.reduce((sum, count) => sum + count, 0);
  if (tokens === 0) {
    throw new DomainError(
      `trainer: no token of step ${step + 1} counts, since all its labels are masked; leave such rows out, or shorten the prompts`,
    );
  }
  // A part without labels adds nothing, and has no loss of its own.
  return { step, parts: parts.filter((_, i) => counts[i] > 0), tokens };
}
