/**
 * Reads a checkpoint into tensors: all names and shapes are checked first, then each weight is read straight to its
 * place.
 */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { FormatError } from '../core/errors.js';
import type { TensorEntry, TensorStore } from '../io/safetensors/tensor-store.js';
import { heapTensor } from '../linalg/tensor/wasm/heap-tensor.js';
import type { Decoder } from './architectures/architecture.js';
import type { RunOnBackend } from './run-on-backend.js';

/** Name of the head's weight, which checkpoints of tied models may hold all the same. */
const TIED_HEAD = 'lm_head.weight';

/**
 * Finds each parameter in a checkpoint.
 *
 * @returns names in the checkpoint by names of parameters.
 * @throws FormatError naming a tensor that is missing, of another shape or number format, or belongs to nothing.
 */
export function matchTensors(caller: string, decoder: Decoder, store: TensorStore): ReadonlyMap<string, TensorEntry> {
  const { config, parameters, buffers } = decoder;
  const matched = new Map<string, TensorEntry>();
  for (const entry of store.entries.values()) {
    const names = namesOf(entry.name, decoder);
    const name = names.find((candidate) => parameters.has(candidate));
    if (name === undefined) {
      if (buffers.test(entry.name) || (config.tiedHead && names.includes(TIED_HEAD))) continue;
      throw new FormatError(
        `${caller}: expected the parameters of a ${config.modelType} model, got the tensor '${entry.name}' in ${entry.file} as well; check model_type and tie_word_embeddings in config.json`,
      );
    }
    const shape = parameters.get(name) ?? [];
    if (entry.shape.join() !== shape.join()) {
      throw new FormatError(
        `${caller}: expected '${entry.name}' of shape [${shape.join(', ')}] as config.json says, got [${entry.shape.join(', ')}] in ${entry.file}; fetch both from one place`,
      );
    }
    if (!['F32', 'F16', 'BF16'].includes(entry.dtype)) {
      throw new FormatError(
        `${caller}: expected '${entry.name}' in F32, F16 or BF16, got ${entry.dtype} in ${entry.file}; quantized checkpoints are not supported`,
      );
    }
    matched.set(name, entry);
  }
  for (const name of parameters.keys()) {
    if (matched.has(name)) continue;
    throw new FormatError(`${caller}: expected the tensor '${name}' in the checkpoint, it is missing; fetch all of its files`);
  }
  return matched;
}

/** Lists the names that a tensor of a checkpoint may have as a parameter. */
function namesOf(stored: string, { prefixes }: Decoder): string[] {
  const others = prefixes.filter(([prefix]) => stored.startsWith(prefix)).map(([prefix, own]) => own + stored.slice(prefix.length));
  return [stored, ...others];
}

/**
 * Reads all weights as float32. On wasm they are read into the heap itself, so that each exists once at any time.
 *
 * @param onHeap - true if the backend is wasm.
 * @returns tensors by parameter; all freed if reading fails.
 */
export async function readWeights(
  store: TensorStore,
  matched: ReadonlyMap<string, TensorEntry>,
  onHeap: boolean,
  run: RunOnBackend,
): Promise<Map<string, Tensor>> {
  const weights = new Map<string, Tensor>();
  try {
    for (const [name, entry] of matched) {
      if (onHeap) {
        const { tensor: weight, values } = run(() => heapTensor(entry.shape));
        weights.set(name, weight);
        await store.readInto(entry.name, values);
      } else {
        const values = await store.read(entry.name);
        weights.set(
          name,
          run(() => tensor(values as Float32Array, [...entry.shape], 'float32')),
        );
      }
    }
    return weights;
  } catch (error) {
    for (const weight of weights.values()) weight.dispose();
    throw error;
  }
}
