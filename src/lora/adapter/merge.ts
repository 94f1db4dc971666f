/** Merging of an adapter into the model's weights, and its reversal. */
import { add, div, mul, reshape, sub, type Tensor } from '@tensorflow/tfjs-core';
import { ConfigError, NumericalError } from '../../core/errors.js';
import { declareOptions, number, option } from '../../core/options.js';
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
import { rowFactors } from './module-adapters.js';

/** Options of {@link mergeAdapter}. */
export interface MergeOptions {
  /** Tokens on which the logits before and after are compared. Default: a short row of arbitrary tokens. */
  readonly batch?: TokenBatch;
  /** Largest difference of the logits, relative to the largest logit. Default: 0.001. */
  readonly tolerance?: number;
}

const mergeOptions = declareOptions<MergeOptions>()({
  batch: option({ optional: true }),
  tolerance: number({ default: 1e-3, min: 0 }),
});

/**
 * Defaults of {@link MergeOptions}: the accumulated rounding of float32 in models of ordinary depth, far less than any
 * mistake.
 */
export const mergeDefaults: Required<Pick<MergeOptions, 'tolerance'>> = mergeOptions.defaults;

/** A merged adapter. Until `unmerge` or `dispose` it owns the copies that undo the merging. */
export interface MergedAdapter {
  /** The largest difference of logits before and after, relative to the largest logit. */
  readonly deviation: number;
  /** True if the head was tied to the embedding, and has a weight of its own now, since one of the two changed. */
  readonly untied: boolean;
  /**
   * Removes the adapter from the weights again, to rounding, and ties the head again.
   *
   * @throws ConfigError if it is called twice, or after `dispose`.
   */
  unmerge(): void;
  /** Frees the copies. The weights stay merged. */
  dispose(): void;
}

/** Change of a weight: W ← c ⊙ (W + sAB) by rows, with c = 1 except for DoRA. */
interface WeightChange {
  readonly target: TargetModule;
  readonly arrays: ModuleArrays;
  readonly factor: Tensor | undefined;
  product(): Tensor;
}

/**
 * Merges an adapter into its model, in float32, and compares the logits before and after. The adapter makes no overlay
 * until it is unmerged.
 *
 * @returns the deviation of the logits, and functions to undo the merging.
 * @throws ConfigError if a weight that the head shares with the embedding would change for one of them only, and the
 * model cannot untie them; NumericalError if the logits differ by more than rounding; the weights are then restored, to
 * rounding.
 */
export async function mergeAdapter(adapter: LoraAdapter, options: MergeOptions = {}): Promise<MergedAdapter> {
  const { model } = adapter;
  const { batch = probe(model), tolerance } = mergeOptions.read('mergeAdapter', options);
  const la = model.algebra;
  const before = await la.tidy(() => la.toArray(model.logits(batch, { overlay: adapter.overlay() })));
  // This check precedes any change, since values that are not finite cannot be subtracted again.
  if (!before.every(Number.isFinite))
    throw await nonFiniteError(
      'mergeAdapter: the logits of model and adapter are not finite',
      model,
      'check the adapter: its training may have diverged',
    );
  const retie = untieShared(adapter);
  let merging: ReturnType<typeof beginMerging>;
  try {
    merging = beginMerging(adapter, retie);
  } catch (error) {
    retie?.();
    throw error;
  }
  try {
    merging.merge();
    const after = await la.tidy(() => la.toArray(model.logits(batch)));
    const deviation = relativeDeviation(before, after);
    if (!(deviation <= tolerance)) {
      throw new NumericalError(
        `mergeAdapter: the merged model's logits differ from those of model and adapter by ${deviation.toExponential(1)} relative to the largest (allowed ${tolerance}); the weights are as they were`,
      );
    }
    return { deviation, untied: retie !== undefined, unmerge: merging.unmerge, dispose: merging.dispose };
  } catch (error) {
    merging.unmerge();
    throw error;
  }
}

/** Prepares the changes of merging, with copies of all that is needed to undo them. */
function beginMerging(adapter: LoraAdapter, retie: (() => void) | undefined) {
  const { model, layout } = adapter;
  const la = model.algebra;
  const { changes, originals } = la.tidy(() => {
    return {
      changes: weightChanges(adapter),
      originals: [...new Set([...trainedParameters(layout), ...adapter.frozen.keys()])].map(
        (name) => [name, la.scale(1, model.parameter(name))] as const,
      ),
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
    /** Changes one weight after another. */
    merge(): void {
      for (const [name, value] of adapter.frozen) model.replaceParameter(name, la.keep(value.clone()));
      for (const change of changes) {
        exchange(model, change, (W) => scaleRows(change, add(W, change.product()), mul));
        changed++;
      }
      la.tidy(() => {
        for (const [name, value] of takeApart(la, layout, adapter.point).parameters) model.replaceParameter(name, la.keep(value));
      });
      adapter.setMerged(true);
    },
    /** Restores the weights that were changed. */
    unmerge(): void {
      if (!alive) throw new ConfigError('unmerge: expected a merged adapter, but it was unmerged or disposed of; merge it again');
      for (const change of changes.slice(0, changed)) exchange(model, change, (W) => sub(scaleRows(change, W, div), change.product()));
      for (const [name, original] of originals) model.replaceParameter(name, original);
      retie?.();
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

/** Returns the changes of all weights, with copies of their arrays that outlive the adapter. */
function weightChanges(adapter: LoraAdapter): readonly WeightChange[] {
  const { modules } = takeApart(adapter.model.algebra, adapter.layout, adapter.point);
  return pairTargets(adapter.layout).map((target) => {
    const arrays = arraysOf(modules, target);
    const factor = arrays.magnitude === undefined ? undefined : rowFactors(arrays.magnitude, adapter.rowNorms(target, arrays));
    return { target, arrays, factor, product: () => storedProduct(target, arrays) };
  });
}

/** Replaces the weight of a module. */
function exchange(model: CausalLM, { target }: WeightChange, change: (weight: Tensor) => Tensor): void {
  const la = model.algebra;
  const changed = la.tidy(() => change(weightOf(model, target)));
  model.replaceParameter(weightName(model, target.module.name), la.keep(changed));
}

/** Returns a weight with its rows, one for each output, multiplied or divided by the change's factors. */
function scaleRows({ target, factor }: WeightChange, weight: Tensor, operation: typeof mul): Tensor {
  if (factor === undefined) return weight;
  return operation(weight, target.module.fanInFanOut ? reshape(factor, [1, -1]) : reshape(factor, [-1, 1]));
}

/**
 * Gives the head a weight of its own if it is tied to the embedding and only one of them would change.
 *
 * @returns a function that ties them again; undefined if they stay as they are.
 * @throws ConfigError if the model cannot do that.
 */
function untieShared({ model, layout, frozen }: LoraAdapter): (() => void) | undefined {
  if (!model.config.tiedHead) return undefined;
  const named = [...layout.targets.map(({ module }) => `${module.name}.weight`), ...trainedParameters(layout), ...frozen.keys()];
  const shared = named.find((name) => storedName(model, name) === storedName(model, HEAD_WEIGHT));
  if (shared === undefined) return undefined;
  if (model.untieHead !== undefined) return model.untieHead();
  throw new ConfigError(
    `mergeAdapter: '${shared}' is one array with ${shared === HEAD_WEIGHT ? 'the embedding' : 'the head'} in this model, which would change as well; leave the adapter unmerged`,
  );
}

/** Returns one row of at most 16 arbitrary tokens. */
function probe({ config }: CausalLM): TokenBatch {
  const length = Math.min(16, config.maxPositions);
  return { batch: 1, length, inputIds: Int32Array.from({ length }, (_, i) => (hashWord(i + 1) >>> 0) % config.vocabularySize) };
}

function relativeDeviation(before: Float64Array, after: Float64Array): number {
  let [largest, apart] = [0, 0];
  for (let i = 0; i < before.length; i++) {
    largest = Math.max(largest, Math.abs(before[i]));
    // A NaN on either side is kept.
    apart = Number.isNaN(apart) ? apart : Math.max(apart, Math.abs(before[i] - after[i]));
  }
  return apart === 0 ? 0 : apart / largest;
}
