/** The models of `bench:train`: exact shapes, random weights, made where they are needed. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { seededRandom } from '../src/core/random.js';
import { type FloatDtype, writeSafetensors } from '../src/io/index.js';
import { ARCHITECTURES } from '../src/models/architectures/registry.js';
import { ConfigReader } from '../src/models/config/config-reader.js';

/** A model and a step. */
export interface TrainCase {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>> & { readonly model_type: string; readonly vocab_size: number };
  /** Number format of the checkpoint; both sides compute in float32. */
  readonly dtype: FloatDtype;
  /** Tokens of a step, in one sequence, all with a label. */
  readonly tokens: number;
  /**
   * Where the machine has not the memory for all contestants at once: each is measured by itself, with its weights so.
   */
  readonly large?: boolean;
}

/**
 * Every adapter is on all linear layers but the head, as PEFT's `all-linear`, with α = scale·r. The rank is that of the
 * comparison with PEFT.
 */
export const ADAPTER = { rank: 16, scale: 1 } as const;

/** What the sizes of Qwen2.5 share. */
const QWEN25 = {
  model_type: 'qwen2',
  architectures: ['Qwen2ForCausalLM'],
  hidden_act: 'silu',
  vocab_size: 151_936,
  num_key_value_heads: 2,
  max_position_embeddings: 32_768,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  tie_word_embeddings: true,
};

/** The goals are about these. */
export const TRAIN_CASES: readonly TrainCase[] = [
  {
    name: 'Llama 15M',
    config: {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      hidden_act: 'silu',
      vocab_size: 4096,
      hidden_size: 512,
      intermediate_size: 1376,
      num_hidden_layers: 4,
      num_attention_heads: 8,
      num_key_value_heads: 8,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-5,
      rope_theta: 1e4,
      tie_word_embeddings: true,
    },
    dtype: 'F32',
    tokens: 1024,
  },
  {
    name: 'Qwen2.5 0.5B',
    config: {
      ...QWEN25,
      hidden_size: 896,
      intermediate_size: 4864,
      num_hidden_layers: 24,
      num_attention_heads: 14,
    },
    dtype: 'BF16',
    tokens: 512,
  },
  {
    name: 'Qwen2.5 3B',
    config: {
      ...QWEN25,
      hidden_size: 2048,
      intermediate_size: 11_008,
      num_hidden_layers: 36,
      num_attention_heads: 16,
    },
    dtype: 'BF16',
    tokens: 256,
    large: true,
  },
];

const TABLE_LENGTH = 1_000_003;
/** As transformers initializes. */
const DEVIATION = 0.02;

/** Writes config.json and model.safetensors; vectors whose name says norm are one. */
export async function writeModel(directory: string, { config, dtype }: TrainCase): Promise<void> {
  const architecture = ARCHITECTURES.find(({ modelType }) => modelType === config.model_type);
  if (architecture === undefined) throw new Error(`no architecture ${config.model_type}`);
  const { parameters } = architecture.describe(new ConfigReader('bench:train', 'the case', config));
  const random = seededRandom(5);
  const table = Float32Array.from({ length: TABLE_LENGTH }, () => DEVIATION * random.normal());
  const tensors = [...parameters].map(([name, shape], index) => {
    const length = shape.reduce((product, axis) => product * axis, 1);
    const data = (): Float32Array => (name.includes('norm') ? new Float32Array(length).fill(1) : repeated(table, 7919 * index, length));
    return [name, { dtype, shape, data }] as const;
  });
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'config.json'), JSON.stringify(config));
  await writeSafetensors(path.join(directory, 'model.safetensors'), new Map(tensors));
}

function repeated(table: Float32Array, start: number, length: number): Float32Array {
  const values = new Float32Array(length);
  for (let at = 0, from = start % table.length; at < length; from = 0) {
    const part = table.subarray(from, from + length - at);
    values.set(part, at);
    at += part.length;
  }
  return values;
}

/** Tokens that no model can predict, the same for both sides. */
export function tokensOf({ tokens, config }: TrainCase): number[] {
  const random = seededRandom(6);
  return Array.from({ length: tokens }, () => Math.floor(config.vocab_size * random.uniform()));
}
