/** Training as a stochastic cost over the product manifold, which the solver minimizes. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError, DomainError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import { nonFiniteError } from '../../models/non-finite.js';
import type { TokenBatch } from '../../models/token-batch.js';
import type { CostAndDerivative, Problem } from '../../solvers/problem.js';
import { type AdapterPoint, disposeArrays } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { adapterGradient } from './adapter-gradient.js';
import { countTargets } from './count-targets.js';
import { type PartOfStep, shareOfStep } from './share-of-step.js';
import type { AdapterManifold } from './training-manifold.js';

/** The data of one step: one batch, or several whose gradients are added up. */
export type StepBatches = TokenBatch | readonly TokenBatch[];

/** The data of one step, with the number of its tokens. */
export interface StepData {
  /** Number of the step, k = 0, 1, …. */
  readonly step: number;
  /** The batches whose gradients are added up, or the rows of them that are computed here. */
  readonly parts: readonly PartOfStep[];
  /** Number of tokens that count in the whole step, by which losses are divided. */
  readonly tokens: number;
}

/** Arguments of {@link trainingProblem}. */
export interface TrainingCost {
  readonly adapter: LoraAdapter;
  readonly manifold: AdapterManifold;
  /** Returns the data of step k; `undefined` ends the training. */
  nextBatch(k: number): Awaitable<StepBatches | undefined>;
  /** Is called as each step's data is drawn, with the number of tokens that count. */
  onBatch(tokens: number): void;
  /** Seed of the dropout masks. */
  readonly seed: number;
  /** If true, activations are computed twice instead of kept, as in `lossAndGradient`. Default: by their size. */
  readonly recompute: boolean | undefined;
  /** The place of this process among those that share each step. Default: it takes all rows. */
  readonly place?: { readonly rank: number; readonly size: number } | undefined;
}

/** A stochastic problem on the manifold of an adapter. */
export type TrainingProblem = Problem<Tensor, AdapterPoint, AdapterPoint, unknown, unknown, StepData>;

/**
 * Returns the mean token loss of a step's batches as a problem; each token counts the same in all batches. With a place
 * it is the part of that mean that the rows of this process give: the parts add up to the mean.
 */
export function trainingProblem({ adapter, manifold, nextBatch, onBatch, seed, recompute, place }: TrainingCost): TrainingProblem {
  const { model } = adapter;
  const la = model.algebra;
  const partGradient = async (x: AdapterPoint, { step, tokens }: StepData, { batch, ...which }: PartOfStep) => {
    const found = await adapterGradient(adapter, x, batch, { denominator: tokens, dropout: { seed, step, ...which }, recompute });
    if (Number.isFinite(found.loss)) return found;
    disposeArrays(la, [found.gradient]);
    throw await nonFiniteError(
      `trainer: the loss of step ${step + 1} is ${found.loss}`,
      model,
      'lower the learning rate or clip the gradient, and go on from the last state',
    );
  };
  const costAndGradient = async (x: AdapterPoint, data: StepData): Promise<CostAndDerivative<AdapterPoint, AdapterPoint, unknown>> => {
    const [first, ...others] = data.parts;
    // A process may have no rows, or none with labels.
    if (first === undefined) return { cost: 0, gradient: scaleTree(la, 0, x) };
    let { loss: cost, gradient } = await partGradient(x, data, first);
    for (const part of others) {
      const next = await partGradient(x, data, part);
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
      const data = stepData(k, batches, place);
      onBatch(data.tokens);
      return data;
    },
    costAndGradient,
    cost: async (x, data) => (await costAndGradient(x, data)).cost,
    gradient: { kind: 'coordinates', at: async (x, data) => (await costAndGradient(x, data)).gradient as AdapterPoint },
  };
}

/**
 * @throws ConfigError if there is no batch, DomainError if no token of the step counts. The model itself checks that it
 * knows the tokens.
 */
function stepData(step: number, batches: StepBatches, place: TrainingCost['place']): StepData {
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
  // Batches without labels add nothing, and have no loss of their own; nor have rows without, alone in their process.
  const counted = parts.filter((_, i) => counts[i] > 0);
  if (place === undefined) return { step, parts: counted.map((batch, part) => ({ batch, part })), tokens };
  return { step, parts: shareOfStep(counted, place).filter(({ batch }) => countTargets(batch) > 0), tokens };
}
