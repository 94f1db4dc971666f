/** The interface of an architecture: a config and functions of tensors. */
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import type { RotaryTables } from '../../nn/rope.js';
import type { CausalLMConfig } from '../causal-lm-config.js';
import type { ConfigReader } from '../config/config-reader.js';
import type { RotaryConfig } from '../config/rotary-config.js';
import type { LinearModule } from '../model-overlay.js';
import type { ParameterScope } from '../parameter-scope.js';
import type { BlockCache, Sequence } from '../sequence.js';

/** A kind of model. Each has a file of its own and a line in the registry. */
export interface Architecture {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Reads the config. @throws ConfigError naming a key that is not supported. */
  describe(reader: ConfigReader): Decoder;
}

/** A model without weights. Its functions are differentiable by x and by the overlay behind the scope. */
export interface Decoder {
  readonly config: CausalLMConfig;
  /** Shapes of all parameters by their names in the checkpoint. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /** The linear layers of the blocks; the head is added to them. */
  readonly modules: readonly LinearModule[];
  /** Names of the weights of all embeddings: tokens first, and positions if they are learned. */
  readonly embeddings: readonly string[];
  /** Name of the embedding's weight [vocabulary, hidden], which is also a tied head's. */
  readonly embedding: string;
  /** Prefixes of names in checkpoints that name parameters otherwise, each with what stands for it here. */
  readonly prefixes: readonly (readonly [stored: string, own: string])[];
  /** Pattern of checkpoint tensors that are not parameters. */
  readonly buffers: RegExp;
  /**
   * Number of tokens whose keys and values may be cached for a longer text, if that is limited: past it, those of all
   * tokens are others.
   */
  readonly cacheLimit?: number;
  /** Prepares what one pass needs in every block. */
  prepare(sequence: Sequence): PassContext;
  /** Embeds tokens: [batch · length] → [batch · length, hidden]. */
  embed(scope: ParameterScope, tokens: Tensor1D, sequence: Sequence): Tensor;
  /** Computes one block. */
  block(scope: ParameterScope, layer: number, x: Tensor, context: PassContext, cache?: BlockCache): Tensor;
  /** Applies the normalization before the head. */
  normalize(scope: ParameterScope, x: Tensor): Tensor;
}

/** Data of one pass that every block needs. */
export interface PassContext {
  readonly sequence: Sequence;
  /** Cosines and sines, for architectures with rotary positions: blocks may differ in them. */
  readonly rotary?: ReadonlyMap<RotaryConfig, RotaryTables>;
}
