/**
 * Files of weights that are trained themselves: as they are, and as the adapter of a given rank nearest to their
 * change.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import { seededRandom } from '../../core/random.js';
import { leadingTriplesOf } from '../../linalg/subspace-iteration.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import { type AdapterLayout, layOutAdapter } from '../adapter/adapter-layout.js';
import { type AdapterParts, type ModuleArrays, takeApart } from '../adapter/adapter-point.js';
import { matrixOf } from '../adapter/base-weights.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import type { ResolvedLoraConfig } from '../adapter/lora-config.js';
import { outByIn } from '../methods/start.js';

/** Name of the file of the weights, beside PEFT's files. Its tensors are named as in the model's checkpoint. */
export const trainedWeightsFile = 'trained_weights.safetensors';

/** Relative error of an adapter as an approximation of the change of trained weights W − W₀, in the Frobenius norm. */
export interface Truncation {
  /** Relative error of all modules together: the root of Σ‖W − W₀ − AB‖²/Σ‖W − W₀‖²; 0 if nothing has changed. */
  readonly error: number;
  /** Relative error of each module, by its name. */
  readonly modules: Readonly<Record<string, number>>;
}

/** An adapter of factor pairs that approximates trained weights. */
export interface TruncatedAdapter {
  /** Its configuration: α is the rank, so that s = 1. */
  readonly config: ResolvedLoraConfig;
  /** Its layout. */
  readonly layout: AdapterLayout;
  /** Its arrays, which belong to the scope of the call. */
  readonly parts: AdapterParts;
  /** Its relative error. */
  readonly truncation: Truncation;
}

/**
 * Computes the adapter nearest to the change of the weights, module by module: AB is the truncated SVD of W − W₀, and
 * the factors are balanced.
 *
 * @param rank - the rank of all modules. Default: the ranks of the configuration.
 * @throws ConfigError if the rank is too large for a module, or the adapter is merged, so that W₀ is not known.
 */
export async function truncatedAdapter(caller: string, adapter: LoraAdapter, rank: number | undefined): Promise<TruncatedAdapter> {
  const { model } = adapter;
  const la = model.algebra;
  if (adapter.merged)
    throw new ConfigError(`${caller}: the trained weights are in the model already, so that their change is not known; unmerge them first`);
  const config = pairConfig(adapter.config, rank);
  const layout = layOutAdapter(caller, model, config, { everyName: false });
  const { parameters } = takeApart(la, adapter.layout, adapter.point);
  const modules = new Map<string, ModuleArrays>();
  const [errors, sizes] = [new Map<string, number>(), new Map<string, number>()];
  for (const target of layout.targets) {
    const { name, outFeatures: m, inFeatures: n } = target.module;
    if (target.rank > Math.min(m, n)) {
      throw new ConfigError(
        `${caller}: rank must be at most ${Math.min(m, n)} for '${name}', which is ${m}×${n}, got ${target.rank}; choose a lower rank`,
      );
    }
    const weight = parameters.get(`${name}.weight`) as Tensor;
    const { pair, error, size } = await la.tidy(() =>
      nearestPair(la, la.subtract(outByIn(target, weight), matrixOf(model, target)), target.rank),
    );
    modules.set(name, pair);
    errors.set(name, error);
    sizes.set(name, size);
  }
  const relative = (error: number, size: number): number => (size === 0 ? 0 : error / size);
  return {
    config,
    layout,
    parts: { modules, parameters },
    truncation: {
      error: relative(Math.hypot(...errors.values()), Math.hypot(...sizes.values())),
      modules: Object.fromEntries([...errors].map(([name, error]) => [name, relative(error, sizes.get(name) ?? 0)])),
    },
  };
}

/** Returns the pair nearest to a matrix, the norm of the difference, and the norm of the matrix. */
async function nearestPair(
  la: TensorAlgebra,
  change: Tensor,
  rank: number,
): Promise<{ readonly pair: FactorPair<Tensor>; readonly error: number; readonly size: number }> {
  const { U, S, V } = leadingTriplesOf(la, change, rank, seededRandom(0));
  const roots = la.sqrt(S);
  const pair = { A: la.scaleColumns(U, roots), B: la.transpose(la.scaleColumns(V, roots)) };
  const error = await la.norm(la.subtract(change, la.matmul(pair.A, pair.B)));
  return { pair, error, size: await la.norm(change) };
}

function pairConfig(config: ResolvedLoraConfig, rank: number | undefined): ResolvedLoraConfig {
  const ranks = rank === undefined ? { rank: config.rank, rankPattern: config.rankPattern } : { rank, rankPattern: {} };
  return { ...config, ...ranks, alpha: ranks.rank, alphaPattern: ranks.rankPattern, trains: 'pairs', start: 'kaiming' };
}

/** Returns the configuration of trained weights, given that of the adapter beside them. */
export function weightsConfig(config: ResolvedLoraConfig): ResolvedLoraConfig {
  return { ...config, trains: 'weights', scaling: 'rank', alpha: config.rank, alphaPattern: {}, dropout: 0, start: 'weights' };
}

/** Returns the shapes of the tensors in the file of the weights, by name. */
export function expectedWeights({ weights }: AdapterLayout): ReadonlyMap<string, readonly number[]> {
  return new Map(weights.flatMap(({ m, n, targets }) => targets.map(({ module }) => [`${module.name}.weight`, [m, n]] as const)));
}
