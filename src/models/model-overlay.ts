/** What lies over a frozen model: adapters at its linear layers, and parameters of its own replaced. */
import type { Tensor } from '@tensorflow/tfjs-core';

/** A linear layer x ↦ x Wᵀ + b of a model. */
export interface LinearModule {
  /** Its path, as PEFT calls it: `'model.layers.0.self_attn.q_proj'`, `'transformer.h.0.attn.c_attn'`, `'lm_head'`. */
  readonly name: string;
  /** Length of x. */
  readonly inFeatures: number;
  /** Length of the result. */
  readonly outFeatures: number;
  /** Whether the weight is stored as [in, out], as GPT-2's Conv1D does, and not as [out, in]. */
  readonly fanInFanOut: boolean;
  /** Whether there is a bias b, the parameter `name + '.bias'`. */
  readonly bias: boolean;
}

/** What an adapter is given where its module is applied. */
export interface AdapterCall {
  /** Where it lies. */
  readonly module: LinearModule;
  /** [tokens, in]. */
  readonly x: Tensor;
  /**
   * x Wᵀ [tokens, out] without the bias, of this x or of another; differentiable by it. Each call computes a product.
   */
  base(x?: Tensor): Tensor;
  /** The weight as it is stored, replaced where the overlay replaces it. Not to be disposed of. */
  readonly weight: Tensor;
  /** The adapter's own arrays. */
  readonly parameters: Readonly<Record<string, Tensor>>;
}

/** What is put in the place of one linear layer's x Wᵀ. */
export interface ModuleAdapter {
  /** Its arrays, differentiated in `lossAndGradient`. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /**
   * The adapted x Wᵀ, without bias: TensorFlow.js operations with gradients, of `call.x`, `call.base` and
   * `call.parameters`. Recomputation calls it a second time within a step, and must get the same result: dropout draws
   * from a seed, not from a stream.
   */
  forward(call: AdapterCall): Tensor;
}

/**
 * Adapters by the name of their module, and replacements by the name of the parameter. Both are differentiated in
 * `lossAndGradient`.
 */
export interface ModelOverlay {
  /** The adapters, by the name of the module they lie at. */
  readonly adapters: ReadonlyMap<string, ModuleAdapter>;
  /**
   * Tensors in place of the model's own: trained biases, norms, embeddings (PEFT's `modules_to_save`). Where the head
   * is tied to the embedding, replacing `model.embed_tokens.weight` changes the embedding alone, and `lm_head.weight`
   * the head alone, as in PEFT, which trains copies.
   */
  readonly replaced: ReadonlyMap<string, Tensor>;
}
