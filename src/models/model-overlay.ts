/** The overlay of a frozen model: adapters at its linear layers, and replacements of its own parameters. */
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';

/** A linear layer x ↦ x Wᵀ + b of a model. */
export interface LinearModule {
  /** Its path in PEFT: `'model.layers.0.self_attn.q_proj'`, `'transformer.h.0.attn.c_attn'`, `'lm_head'`. */
  readonly name: string;
  /** Length of x. */
  readonly inFeatures: number;
  /** Length of the result. */
  readonly outFeatures: number;
  /** True if the weight is stored as [in, out], as GPT-2's Conv1D does, and not as [out, in]. */
  readonly fanInFanOut: boolean;
  /** True if there is a bias b, the parameter `name + '.bias'`. */
  readonly bias: boolean;
  /**
   * True for an embedding, whose x are rows of the identity: token t gives row t of the weight, stored as [in, out].
   * Default: false.
   */
  readonly embedding?: boolean;
}

/** Arguments of an adapter where its embedding is applied. */
export interface EmbeddingCall {
  /** Rows of the weight, or of its replacement in the overlay: [tokens, out]. */
  readonly rows: Tensor;
  /** The tokens, or positions, that were looked up. */
  readonly tokens: Tensor1D;
  /** The adapter's own arrays. */
  readonly parameters: Readonly<Record<string, Tensor>>;
}

/** Arguments of an adapter where its module is applied. */
export interface AdapterCall {
  /** The module. */
  readonly module: LinearModule;
  /** Input of the module, [tokens, in]. */
  readonly x: Tensor;
  /** The tokens that x holds, if these are not all of the batch: the head is applied to some at a time. */
  readonly tokens?: ChosenTokens;
  /**
   * Computes x Wᵀ [tokens, out] without the bias, of this x or another; differentiable by it. A call costs a product.
   */
  base(x?: Tensor): Tensor;
  /**
   * Returns the weight as stored, or its replacement in the overlay. Do not dispose of it. A weight that is kept
   * outside the heap is widened at each call.
   */
  weight(): Tensor;
  /** The adapter's own arrays. */
  readonly parameters: Readonly<Record<string, Tensor>>;
}

/** Some tokens of a batch. */
export interface ChosenTokens {
  /** Their numbers, counted through the batch row by row. */
  readonly numbers: Int32Array;
  /** Number of tokens in a row. */
  readonly length: number;
}

/** Replacement of one linear layer's x Wᵀ. */
export interface ModuleAdapter {
  /** Its arrays, differentiated in `lossAndGradient`. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /**
   * Computes the adapted x Wᵀ, without bias, from `call.x`, `call.base` and `call.parameters`, by TensorFlow.js
   * operations with gradients. Recomputation calls it a second time within a step and must get the same result: dropout
   * draws from a seed, not from a stream.
   */
  forward(call: AdapterCall): Tensor;
  /**
   * Computes the adapted rows of an embedding, as `forward` does for the identity's rows. Default: none; such an
   * adapter may not be put on an embedding.
   */
  embed?(call: EmbeddingCall): Tensor;
  /**
   * The factors, if what `forward` computes is x Wᵀ + scale·(x Bᵀ) Aᵀ: a model may then compute it by itself, with
   * fewer passes. Both are among the parameters. Default: none.
   */
  readonly lowRank?: LowRankTerm;
}

/** A low-rank addition scale·(x Bᵀ) Aᵀ to a layer's product. */
export interface LowRankTerm {
  /** [out, r]. */
  readonly A: Tensor;
  /** [r, in]. */
  readonly B: Tensor;
  /** α/r, or whatever the product is multiplied by. */
  readonly scale: number;
}

/**
 * Adapters by the name of their module, and replacements by the name of the parameter. Both are differentiated in
 * `lossAndGradient`.
 */
export interface ModelOverlay {
  /** Adapters by the name of their module. */
  readonly adapters: ReadonlyMap<string, ModuleAdapter>;
  /**
   * Tensors in place of the model's own: trained biases, norms, embeddings (PEFT's `modules_to_save`). If the head is
   * tied to the embedding, replacing `model.embed_tokens.weight` changes the embedding alone, and `lm_head.weight` the
   * head alone, as in PEFT, which trains copies.
   */
  readonly replaced: ReadonlyMap<string, Tensor>;
}
