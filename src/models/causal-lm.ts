/** The contract of causal language models: what training, adapters and the command line compute with. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import type { CausalLMConfig } from './causal-lm-config.js';
import type { LinearModule, ModelOverlay } from './model-overlay.js';
import type { TokenBatch } from './token-batch.js';

/** What {@link CausalLM.logits} and {@link CausalLM.loss} may be told. */
export interface ForwardOptions {
  /** What lies over the model. */
  readonly overlay?: ModelOverlay;
}

/** What {@link CausalLM.lossAndGradient} may be told. */
export interface LossAndGradientOptions {
  /**
   * What the sum of the token losses is divided by; the number of tokens that count where not given. Gradient
   * accumulation gives that of the whole step.
   */
  readonly denominator?: number;
  /**
   * Whether each block's activations are computed a second time on the way back, rather than kept: a third more work,
   * and memory for one block instead of all. Where not given, from {@link RECOMPUTE_ABOVE_BYTES} of activations on.
   */
  readonly recompute?: boolean;
}

/** The loss of a batch. */
export interface TokenLoss {
  /** Σ of the token losses, in nats. */
  readonly sum: number;
  /** How many tokens count. */
  readonly tokens: number;
}

/**
 * A loss with its derivative. All tensors belong to the scope it is computed in (`tidy`), and without one are the
 * caller's to dispose.
 */
export interface LossAndGradient {
  /** Σ of the token losses / denominator. */
  readonly loss: number;
  /** How many tokens count. */
  readonly tokens: number;
  /** The derivative by each adapter's arrays, under the same names. */
  readonly adapters: ReadonlyMap<string, Readonly<Record<string, Tensor>>>;
  /** The derivative by each replaced parameter. */
  readonly replaced: ReadonlyMap<string, Tensor>;
}

/** How {@link CausalLM.generate} continues a text. */
export interface GenerateOptions {
  /** The most tokens to generate; as many as the position limit leaves where not given. */
  readonly maxNewTokens?: number;
  /** 0 takes the likeliest token (greedy); otherwise logits are divided by it before sampling. */
  readonly temperature?: number;
  /** Sample among the k likeliest tokens only. */
  readonly topK?: number;
  /** Sample among the likeliest tokens only, as few as have this probability together. */
  readonly topP?: number;
  /** Seed of the draws: the same seed gives the same tokens. */
  readonly seed?: number;
  /** Tokens after which generation stops (the last one is still given); the config's end tokens where not given. */
  readonly stopTokens?: readonly number[];
  /** What lies over the model. */
  readonly overlay?: ModelOverlay;
  /** Stops generation between two tokens, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What is known of a parameter without reading it. */
export interface ParameterInfo {
  /** Its shape, as in the checkpoint. */
  readonly shape: readonly number[];
  /** The file that it was read from. */
  readonly file?: string;
}

/** A causal language model on a backend of TensorFlow.js. It owns its weights, until `dispose`. */
export interface CausalLM {
  /** Its shape, whatever the style of the file it was read from. */
  readonly config: CausalLMConfig;
  /** The engine it computes on. */
  readonly algebra: TensorAlgebra;
  /** The linear layers that adapters may lie at, in the order of computation. */
  readonly linearModules: ReadonlyMap<string, LinearModule>;
  /** Shapes of all parameters by name, as in the checkpoint. A tied head has none. */
  readonly parameters: ReadonlyMap<string, ParameterInfo>;
  /** The weight itself, as it is stored: not to be disposed of. @throws ConfigError if there is none of this name. */
  parameter(name: string): Tensor;
  /**
   * Exchanges a weight for another of its shape, which the model owns from then on; frees the old one.
   *
   * @throws ConfigError, ShapeError.
   */
  replaceParameter(name: string, value: Tensor): void;
  /** Logits [batch, length, vocabulary], the caller's to dispose; those of padding are meaningless. */
  logits(batch: TokenBatch, options?: ForwardOptions): Tensor;
  /** The loss over the labels. @throws DomainError if no label counts. */
  loss(batch: TokenBatch, options?: ForwardOptions): Promise<TokenLoss>;
  /**
   * The loss and its derivative by every array of the overlay; an array that lies in two places has one derivative, of
   * both.
   *
   * @throws DomainError if no label counts.
   */
  lossAndGradient(batch: TokenBatch, overlay: ModelOverlay, options?: LossAndGradientOptions): Promise<LossAndGradient>;
  /** Continues a text token by token. Tensors are freed when it ends, and when its consumer stops early. */
  generate(promptIds: readonly number[] | Int32Array, options?: GenerateOptions): AsyncGenerator<number, void, undefined>;
  /** Frees the weights. */
  dispose(): void;
}

/** Activations that are kept at most: above, blocks are computed again on the way back. */
export const RECOMPUTE_ABOVE_BYTES = 512 * 2 ** 20;
