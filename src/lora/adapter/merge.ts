/** Merging an adapter into the weights it lies over, and taking it out again. */
import { add, div, mul, reshape, sub, type Tensor } from '@tensorflow/tfjs-core';
import { ConfigError, NumericalError } from '../../core/errors.js';
import { checkKeys } from '../../core/options.js';
import { hashWord } from '../../core/random.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { nonFiniteError } from '../../models/non-finite.js';
import type { TokenBatch } from '../../models/token-batch.js';
import { storedProduct } from '../methods/start.js';
import type { TargetModule } from '../targets/target-modules.js';
import { HEAD_WEIGHT, pairTargets, storedName, trainedParameters } from './adapter-layout.js';
import { arraysOf, disposeArrays, keepArrays, type ModuleArrays, takeApart } from './adapter-point.js';
import { weightName, weightOf } from './base-weights.js';
import type { LoraAdapter } from './lora-adapter.js';

/** Options of {@link mergeAdapter}. */
export interface MergeOptions {
  /** The tokens on which the logits before and after are compared. Default: a short row of arbitrary ones. */
  readonly batch?: TokenBatch;
  /** How far the logits may be apart, relative to the largest. Default: {@link mergeDefaults}. */
  readonly tolerance?: number;
}

/** The defaults of {@link MergeOptions}: what rounding in float32 adds up to in models of ordinary depth, and far less than any mistake. */
export const mergeDefaults: Required<Pick<MergeOptions, 'tolerance'>> = { tolerance: 1e-3 };

/** A merged adapter. It owns copies of what it takes to undo the merging, until `unmerge` or `dispose`. */
export interface MergedAdapter {
  /** The largest difference of logits before and after, relative to the largest logit. */
  readonly deviation: number;
  /** Takes the adapter out of the weights again, to rounding. @throws ConfigError the second time, and after `dispose`. */
  unmerge(): void;
  /** Frees the copies. The weights stay merged. */
  dispose(): void;
}

/** How a weight is changed: W ← c ⊙ (W + sAB) by rows, c being 1 but for DoRA. */
interface WeightChange {
  readonly target: TargetModule;
  readonly arrays: ModuleArrays;
  readonly factor: Tensor | undefined;
  product(): Tensor;
}

/**
 * Merges an adapter into its model, in float32, and compares the logits before and after. The adapter is not to be laid over the model until it is unmerged.
 *
 * @returns the deviation found, and the way back.
 * @throws ConfigError if a weight that the head shares with the embedding would change for one of them only; NumericalError if the logits differ by more than rounding: the weights
 * are then as they were, to rounding.
 */
export async function mergeAdapter(adapter: LoraAdapter, options: MergeOptions = {}): Promise<MergedAdapter> {
  checkKeys('mergeAdapter', options, ['batch', 'tolerance']);
  const { model } = adapter;
  const { batch = probe(model), tolerance } = { ...mergeDefaults, ...options };
  checkShared(adapter);
  const la = model.algebra;
  const before = await la.tidy(() => la.toArray(model.logits(batch, { overlay: adapter.overlay() })));
  // Before anything is changed: what is not finite cannot be taken out again.
  if (!before.every(Number.isFinite))
    throw await nonFiniteError(
      'mergeAdapter: the logits of model and adapter are not finite',
      model,
      'check the adapter: its training may have diverged',
    );
  const merging = beginMerging(adapter);
  try {
    merging.merge();
    const after = await la.tidy(() => la.toArray(model.logits(batch)));
    const deviation = relativeDeviation(before, after);
    if (!(deviation <= tolerance)) {
      throw new NumericalError(
        `mergeAdapter: the merged model's logits differ from those of model and adapter by ${deviation.toExponential(1)} relative to the largest (allowed ${tolerance}); the weights are as they were`,
      );
    }
    return { deviation, unmerge: merging.unmerge, dispose: merging.dispose };
  } catch (error) {
    merging.unmerge();
    throw error;
  }
}

/** What merging changes, with copies of all that it takes to change it back. */
function beginMerging(adapter: LoraAdapter) {
  const { model, layout } = adapter;
  const la = model.algebra;
  const { changes, originals } = la.tidy(() => {
    return {
      changes: weightChanges(adapter),
      originals: trainedParameters(layout).map((name) => [name, la.scale(1, model.parameter(name))] as const),
    };
  });
  const copies = changes.map(({ arrays, factor }) => ({ arrays, factor }));
  keepArrays(la, [copies, originals]);
  let [changed, alive] = [0, true];
  const dispose = (): void => {
    alive = false;
    disposeArrays(la, copies);
  };
  return {
    /** Changes one weight after the other. */
    merge(): void {
      for (const change of changes) {
        exchange(model, change, (W) => scaleRows(change, add(W, change.product()), mul));
        changed++;
      }
      la.tidy(() => {
        for (const [name, value] of takeApart(la, layout, adapter.point).parameters) model.replaceParameter(name, la.keep(value));
      });
      adapter.setMerged(true);
    },
    /** Changes back those that were changed. */
    unmerge(): void {
      if (!alive) throw new ConfigError('unmerge: expected a merged adapter, but it was unmerged or disposed of; merge it again');
      for (const change of changes.slice(0, changed)) exchange(model, change, (W) => sub(scaleRows(change, W, div), change.product()));
      for (const [name, original] of originals) model.replaceParameter(name, original);
      dispose();
      adapter.setMerged(false);
    },
    dispose(): void {
      if (!alive) return;
      dispose();
      disposeArrays(la, originals);
    },
  };
}

/** Copies of all that the change of every weight takes, so that it can be undone whatever becomes of the adapter. */
function weightChanges(adapter: LoraAdapter): readonly WeightChange[] {
  const { modules } = takeApart(adapter.model.algebra, adapter.layout, adapter.point);
  return pairTargets(adapter.layout).map((target) => {
    const arrays = arraysOf(modules, target);
    const factor = arrays.magnitude === undefined ? undefined : div(arrays.magnitude, adapter.rowNorms(target, arrays));
    return { target, arrays, factor, product: () => storedProduct(target, arrays) };
  });
}

/** Puts another weight in a module's place. */
function exchange(model: CausalLM, { target }: WeightChange, change: (weight: Tensor) => Tensor): void {
  const la = model.algebra;
  const changed = la.tidy(() => change(weightOf(model, target)));
  model.replaceParameter(weightName(model, target.module.name), la.keep(changed));
}

/** The rows of a weight, one for each output, times or divided by the change's factors. */
function scaleRows({ target, factor }: WeightChange, weight: Tensor, operation: typeof mul): Tensor {
  if (factor === undefined) return weight;
  return operation(weight, target.module.fanInFanOut ? reshape(factor, [1, -1]) : reshape(factor, [-1, 1]));
}

/** @throws ConfigError if head and embedding are one array, and only one of them would change. */
function checkShared({ model, layout }: LoraAdapter): void {
  if (!model.config.tiedHead) return;
  const named = [...layout.targets.map(({ module }) => `${module.name}.weight`), ...trainedParameters(layout)];
  const shared = named.find((name) => storedName(model, name) === storedName(model, HEAD_WEIGHT));
  if (shared === undefined) return;
  throw new ConfigError(
    `mergeAdapter: '${shared}' is one array with ${shared === HEAD_WEIGHT ? 'the embedding' : 'the head'} in this model, which would change as well; leave the adapter unmerged`,
  );
}

/** A row of arbitrary tokens. */
function probe({ config }: CausalLM): TokenBatch {
  const length = Math.min(16, config.maxPositions);
  return { batch: 1, length, inputIds: Int32Array.from({ length }, (_, i) => (hashWord(i + 1) >>> 0) % config.vocabularySize) };
}

function relativeDeviation(before: Float64Array, after: Float64Array): number {
  let [largest, apart] = [0, 0];
  for (let i = 0; i < before.length; i++) {
    largest = Math.max(largest, Math.abs(before[i]));
    // A NaN on either side stays one.
    apart = Number.isNaN(apart) ? apart : Math.max(apart, Math.abs(before[i] - after[i]));
  }
  return apart === 0 ? 0 : apart / largest;
}
