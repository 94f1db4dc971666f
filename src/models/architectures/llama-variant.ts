/** The properties in which the relatives of Llama differ. */
import type { ConfigReader } from '../config/config-reader.js';
import type { RotaryConfig, RotaryContext } from '../config/rotary-config.js';

/** Linear layers that have a bias. */
export interface LlamaBiases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly feedForward: boolean;
}

/**
 * Where RMS normalization stands: before attention and feed-forward layer, as in Llama; after them, on what they add;
 * or both.
 */
export type NormPlacement = 'before' | 'after' | 'around';

/** Keys of the shape that may have a default. */
export type ShapeKey =
  | 'vocab_size'
  | 'hidden_size'
  | 'intermediate_size'
  | 'num_hidden_layers'
  | 'num_attention_heads'
  | 'num_key_value_heads'
  | 'head_dim'
  | 'max_position_embeddings'
  | 'rms_norm_eps';

/** A relative of Llama. What is left out is as in Llama. */
export interface LlamaVariant {
  readonly modelType: string;
  readonly biases: LlamaBiases;
  /** Returns how many tokens the queries of a block see; `undefined` for all. */
  window(layer: number): number | undefined;
  /** Values of keys that the file leaves out, as transformers has them. */
  readonly defaults: Readonly<Partial<Record<ShapeKey, number>>>;
  /** Whether the head is tied if the file does not say. Default: false. */
  readonly tiedHead?: boolean;
  /** Where the file says so, if not in the model's own config. */
  readonly headReader?: ConfigReader;
  /** Path of the model's parameters. Default: `'model'`. */
  readonly path?: string;
  /** Prefixes in checkpoints, see `Decoder.prefixes`. Default: the path may be missing. */
  readonly prefixes?: readonly (readonly [stored: string, own: string])[];
  /** Checkpoint tensors that are no parameters. Default: the rotary frequencies. */
  readonly buffers?: RegExp;
  /**
   * Reads the rotary positions.
   *
   * @returns those of each block; `undefined` for none. Default: those of `readRotary` in all blocks.
   */
  rotary?(reader: ConfigReader, context: RotaryContext): (layer: number) => RotaryConfig | undefined;
  /** RMS normalization of queries and keys before they are rotated: of each head, or of all heads as one vector. */
  readonly queryKeyNorm?: 'heads' | 'whole';
  /** Default: `'before'`. */
  readonly norms?: NormPlacement;
  /** If true, norms multiply by 1 + w and not by the weight w itself. Default: false. */
  readonly gainsFromOne?: boolean;
  /** If true, embeddings are multiplied by √hidden. Default: false. */
  readonly scaledEmbedding?: boolean;
  /** If true, one layer projects queries, keys and values, and one the gate and what it gates. Default: false. */
  readonly fused?: boolean;
  /** Number whose inverse square root scales the scores. Default: the length of a head. */
  readonly scoreDivisor?: number;
  /** Key of the activation, and its default. Default: `hidden_act`, 'silu'. */
  readonly activation?: readonly [key: string, fallback: LlamaActivation];
}

/** Names of the two activations that are known; each has two. */
export const ACTIVATIONS = ['silu', 'swish', 'gelu_pytorch_tanh', 'gelu_new'] as const;

/** An activation of the gate. */
export type LlamaActivation = (typeof ACTIVATIONS)[number];
