/** The contract of causal language models, on which training, adapters and the command line are built. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { FloatDtype } from '../io/safetensors/dtypes.js';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import type { CausalLMConfig } from './causal-lm-config.js';
import type { LinearModule, ModelOverlay } from './model-overlay.js';
import type { TokenBatch } from './token-batch.js';

/** Options of {@link CausalLM.logits} and {@link CausalLM.loss}. */
export interface ForwardOptions {
  /** Adapters and replaced parameters. Default: none. */
  readonly overlay?: ModelOverlay;
}

/** Options of {@link CausalLM.lossAndGradient}. */
export interface LossAndGradientOptions {
  /**
   * Divisor of the sum of the token losses. Default: the number of tokens that count. Gradient accumulation gives that
   * of the whole step.
   */
  readonly denominator?: number;
  /**
   * If true, each block's activations are computed again on the backward pass rather than kept: a third more work, and
   * memory for one block instead of all. Default: true if the activations would take more than three fifths of the
   * memory that weights, adapters and optimizer leave, and more than {@link RECOMPUTE_ABOVE_BYTES}; with quantized
   * weights, if more than the latter.
   */
  readonly recompute?: boolean;
}

/** The loss of a batch. */
export interface TokenLoss {
  /** Σ of the token losses, in nats. */
  readonly sum: number;
  /** Number of tokens that count. */
  readonly tokens: number;
}

/**
 * A loss with its derivative. All tensors belong to the surrounding `tidy`; without one, the caller disposes of them.
 */
export interface LossAndGradient {
  /** Σ of the token losses / denominator. */
  readonly loss: number;
  /** Number of tokens that count. */
  readonly tokens: number;
  /** The derivative by each adapter's arrays, under the same names. */
  readonly adapters: ReadonlyMap<string, Readonly<Record<string, Tensor>>>;
  /** The derivative by each replaced parameter. */
  readonly replaced: ReadonlyMap<string, Tensor>;
}

/** Options of {@link CausalLM.generate}. */
export interface GenerateOptions {
  /** Most tokens to generate. Default: as many as the position limit leaves. */
  readonly maxNewTokens?: number;
  /** Divisor of the logits before sampling; 0 takes the likeliest token (greedy). Default: 0. */
  readonly temperature?: number;
  /** Number of likeliest tokens to sample among. Default: all. */
  readonly topK?: number;
  /** Total probability of the tokens to sample among, the fewest likeliest that reach it. Default: 1. */
  readonly topP?: number;
  /**
   * Penalty on tokens that the text has already, prompt included: a positive logit is divided by it, a negative one
   * multiplied, as in transformers. Above 1 repetitions become rarer. Default: 1.
   *
   * @see Keskar, McCann, Varshney, Xiong and Socher, "CTRL", 2019, arXiv 1909.05858, section 4.1.
   */
  readonly repetitionPenalty?: number;
  /** Seed of the draws: the same seed gives the same tokens. Default: 0. */
  readonly seed?: number;
  /** Tokens after which generation stops (the last one is still given). Default: the config's end tokens. */
  readonly stopTokens?: readonly number[];
  /** Adapters and replaced parameters. Default: none. */
  readonly overlay?: ModelOverlay;
  /** Signal that stops generation between two tokens, with its reason. Default: none. */
  readonly signal?: AbortSignal;
}

/** How a weight is quantized in its file. */
export interface QuantizationInfo {
  /** 4-bit NF4 or FP4, or 8-bit LLM.int8, all of bitsandbytes. */
  readonly format: 'nf4' | 'fp4' | 'int8';
  /** Number format before it was quantized; `undefined` if the file does not say. */
  readonly dtype: FloatDtype | undefined;
  /** Names of the tensors in the file that belong to it, besides its codes. */
  readonly parts: readonly string[];
}

/** Description of a parameter, known without reading it. */
export interface ParameterInfo {
  /** Its shape, as in the checkpoint. */
  readonly shape: readonly number[];
  /** File that it was read from. */
  readonly file?: string;
  /** Name of its tensor in that file. */
  readonly tensor?: string;
  /** How it is quantized there, if it is. */
  readonly quantized?: QuantizationInfo;
}

/** A causal language model on a backend of TensorFlow.js. It owns its weights until `dispose`. */
export interface CausalLM {
  /** Its shape, whatever the style of the file it was read from. */
  readonly config: CausalLMConfig;
  /** The engine it computes on. */
  readonly algebra: TensorAlgebra;
  /** Linear layers that can have adapters, by name, in the order of computation. */
  readonly linearModules: ReadonlyMap<string, LinearModule>;
  /** The embeddings on which adapters may be put, by name. Default: none. */
  readonly embeddings?: ReadonlyMap<string, LinearModule>;
  /** Shapes of all parameters by name, as in the checkpoint. A tied head has none. */
  readonly parameters: ReadonlyMap<string, ParameterInfo>;
  /**
   * Returns the weight itself, as stored; do not dispose of it. One that is kept outside the heap (`weights: 'keep'`,
   * or quantized) is widened into a new tensor, which the surrounding `tidy` frees.
   *
   * @throws ConfigError if there is none of this name.
   */
  parameter(name: string): Tensor;
  /**
   * Returns the object that holds a weight: the same one until the weight is replaced.
   *
   * @throws ConfigError if there is none of this name.
   */
  holderOf(name: string): object;
  /**
   * Computes x Wᵀ of a linear layer with the model's own weight, without bias and adapters; not differentiable.
   *
   * @param x - [count, in], float32.
   * @returns [count, out].
   * @throws ConfigError if there is no such layer.
   */
  project(module: string, x: Tensor): Tensor;
  /**
   * Replaces a weight by another of its shape and type, which the model owns from then on; frees the old one.
   *
   * @throws ConfigError if there is none of this name; ShapeError for another shape or type.
   */
  replaceParameter(name: string, value: Tensor): void;
  /**
   * Gives a head that is tied to the embedding a weight of its own, `lm_head.weight`, equal to the embedding's, so that
   * one of them may be replaced.
   *
   * @returns a function that ties them again, which forgets the head's own weight. Default: a model without this method
   * cannot do that.
   */
  untieHead?(): () => void;
  /** Computes logits [batch, length, vocabulary], which the caller disposes of; those of padding are meaningless. */
  logits(batch: TokenBatch, options?: ForwardOptions): Tensor;
  /**
   * Returns the likeliest token at every label that counts, in the order of the labels. Logits are held for some tokens
   * at a time. Default: a model without this method is asked for all logits.
   *
   * @throws DomainError if no label counts.
   */
  likeliest?(batch: TokenBatch, options?: ForwardOptions): Promise<Int32Array>;
  /** Computes the loss over the labels. @throws DomainError if no label counts. */
  loss(batch: TokenBatch, options?: ForwardOptions): Promise<TokenLoss>;
  /**
   * Computes the loss and its derivative by every array of the overlay; an array in two places has one derivative, the
   * sum over both.
   *
   * @throws DomainError if no label counts.
   */
  lossAndGradient(batch: TokenBatch, overlay: ModelOverlay, options?: LossAndGradientOptions): Promise<LossAndGradient>;
  /** Continues a text token by token. Tensors are freed when it ends, and when its consumer stops early. */
  generate(promptIds: readonly number[] | Int32Array, options?: GenerateOptions): AsyncGenerator<number, void, undefined>;
  /** Frees the weights. */
  dispose(): void;
}

/** Bytes of activations that are kept on any machine: beyond, blocks may be computed again on the backward pass. */
export const RECOMPUTE_ABOVE_BYTES = 512 * 2 ** 20;
