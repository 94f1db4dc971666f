/** What a LoRA method is: a geometry, a direction rule and a start. A new method is one file beside this one, and one export. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Ambient } from '../../linalg/ambient.js';
import type { FactorOptions } from '../../manifolds/factor-manifold.js';
import type { Manifold } from '../../manifolds/manifold.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { AdamWOptions } from '../../solvers/directions/adam.js';
import type { DirectionRule } from '../../solvers/solver.js';
import type { LoraConfig } from '../config/lora-config.js';

/** A manifold whose points are stacks of factor pairs. */
export type PairManifold = Manifold<Tensor, FactorPair<Tensor>, FactorPair<Tensor>, FactorPair<Tensor>, Ambient<Tensor>>;

/** What AdamW may be told where a method builds on it; what becomes of its moments is the method's own. */
export type OptimizerOptions = Omit<AdamWOptions, 'moments'>;

/** A method: how a stack of adapters is trained. */
export interface LoraMethod {
  /** The method's name. */
  readonly name: string;
  /** What it asks of the adapter, such as its start. To be merged with the user's configuration by `createAdapter(model, { ...method.config, rank: 8 })`. */
  readonly config: LoraConfig;
  /** The α/r that suits it, where it is another than LoRA's: for callers who leave α to the method. */
  readonly scale?: number;
  /** The manifold of one stack, [k, m, r] and [k, r, n]. */
  geometry(stack: FactorOptions<Tensor>): PairManifold;
  /** The rule that makes a step of the gradient, where training is not given another. */
  direction(options: OptimizerOptions): DirectionRule;
}
