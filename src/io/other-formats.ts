/** What a folder holds that is not a checkpoint as the loaders read it: said by name, with what makes one of it. */
import type { Files } from './files/files.js';
import { singleFileName } from './safetensors/open-safetensors.js';
import { shardIndexName } from './safetensors/shard-index.js';

/** A file by which a format is known, and the remedy. */
type Format = readonly [file: string, is: string];

const SAVE = 'load it with transformers, and save it with save_pretrained(DIR), which writes safetensors';
const ORIGINAL = 'take the original model in the format of transformers';

/** Weights of other formats. */
const WEIGHTS: readonly Format[] = [
  ['pytorch_model.bin', `a pickle of PyTorch, which is a program and is not run here; ${SAVE}`],
  ['pytorch_model.bin.index.json', `the index of pickles of PyTorch, which are programs and are not run here; ${SAVE}`],
  ['consolidated.safetensors', `the weights in their authors' own format; ${ORIGINAL}`],
  ['consolidated.00.pth', `the weights in their authors' own format; ${ORIGINAL}`],
  ['tf_model.h5', `weights for TensorFlow; ${SAVE}`],
  ['flax_model.msgpack', `weights for Flax; ${SAVE}`],
  ['weights.npz', `weights of MLX; ${ORIGINAL}`],
  ['model.onnx', `a graph of ONNX; ${ORIGINAL}`],
  ['onnx/model.onnx', `a graph of ONNX; ${ORIGINAL}`],
  ['adapter_config.json', 'an adapter and no model; pass its base model, and the adapter where one is asked for'],
];

/** Tokenizers of other formats. */
const TOKENIZERS: readonly Format[] = [
  ['tokenizer.model', 'a SentencePiece model'],
  ['tekken.json', 'a tokenizer of mistral-common'],
  ['vocab.json', 'the vocabulary of a slow tokenizer'],
  ['vocab.txt', 'the vocabulary of a slow tokenizer'],
  ['spiece.model', 'a SentencePiece model'],
  ['qwen.tiktoken', 'a vocabulary of tiktoken'],
];

/**
 * Describes the weights of a folder that has none in safetensors format.
 *
 * @returns what was found and what to do, as the end of a message; undefined if nothing is known, or the weights are
 * there.
 */
export async function otherWeights(files: Files, directory: string): Promise<string | undefined> {
  const has = hasIn(files, directory);
  if ((await has(singleFileName)) || (await has(shardIndexName))) return undefined;
  return describe(has, WEIGHTS);
}

/** Describes the tokenizer of a folder without tokenizer.json, as {@link otherWeights} does. */
export async function otherTokenizer(files: Files, directory: string): Promise<string | undefined> {
  const has = hasIn(files, directory);
  if (await has('tokenizer.json')) return undefined;
  const found = (await describe(has, TOKENIZERS)) ?? 'none';
  return `${found}; write it with AutoTokenizer.from_pretrained(MODEL, use_fast=True).save_pretrained(DIR), or copy it from the model that this one was made of`;
}

/** What a location is that is no folder: a file of llama.cpp, or of weights alone. */
export function otherFile(location: string): string | undefined {
  if (/\.(gguf|ggml)$/i.test(location)) return `a file of llama.cpp, whose quantized weights are not read; ${ORIGINAL}`;
  if (/\.(bin|pth?|ckpt)$/i.test(location)) return `a pickle of PyTorch, which is a program and is not run here; ${SAVE}`;
  if (/\.safetensors$/i.test(location)) return 'weights alone; pass the folder that has config.json and tokenizer.json as well';
  return undefined;
}

function hasIn(files: Files, directory: string): (name: string) => Promise<boolean> {
  return async (name) => (await files.describe(files.join(directory, name)).catch(() => undefined))?.kind === 'file';
}

async function describe(has: (name: string) => Promise<boolean>, formats: readonly Format[]): Promise<string | undefined> {
  for (const [file, is] of formats) if (await has(file)) return `${file}: ${is}`;
  return undefined;
}
