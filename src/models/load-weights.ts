/**
 * Reads a checkpoint into tensors: all names and shapes are checked first, then each weight is read straight to its
 * place.
 */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { FormatError } from '../core/errors.js';
import type { TensorEntry, TensorStore } from '../io/safetensors/tensor-store.js';
import { heapTensor } from '../linalg/tensor/wasm/heap-tensor.js';
import type { StoredMatrix } from '../linalg/tensor/wasm/stored-matrix.js';
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

/** Where weights are kept: widened to float32 on the engine, or matrices as they are in the file, beside the heap. */
export type WeightPlace = 'f32' | 'keep';

/**
 * Reads all weights. On wasm those that become float32 are read into the heap itself, so that each exists once at any
 * time.
 *
 * @param onHeap - true if the backend is wasm.
 * @param place - `'keep'` leaves matrices in their own format outside the heap; vectors become float32.
 * @returns tensors and stored matrices by parameter; tensors are freed if reading fails.
 */
export async function readWeights(
  store: TensorStore,
  matched: ReadonlyMap<string, TensorEntry>,
  onHeap: boolean,
  place: WeightPlace,
  run: RunOnBackend,
): Promise<Map<string, Tensor | StoredMatrix>> {
  const weights = new Map<string, Tensor | StoredMatrix>();
  const made: Tensor[] = [];
  try {
    for (const [name, entry] of matched) {
      const { shape } = entry;
      if (place === 'keep' && shape.length === 2) {
        const bytes = (await store.readBytes(entry.name)) as Uint8Array<ArrayBuffer>;
        weights.set(name, { shape: [shape[0], shape[1]], dtype: entry.dtype as StoredMatrix['dtype'], bytes });
        continue;
      }
      weights.set(name, await (onHeap ? readToHeap(store, entry, run, made) : readToBackend(store, entry, run, made)));
    }
    return weights;
  } catch (error) {
    for (const weight of made) weight.dispose();
    throw error;
  }
}

async function readToHeap(store: TensorStore, { name, shape }: TensorEntry, run: RunOnBackend, made: Tensor[]): Promise<Tensor> {
  const { tensor: weight, values } = run(() => heapTensor(shape));
  // Before it is filled: reading may fail.
  made.push(weight);
  await store.readInto(name, values);
  return weight;
}

async function readToBackend(store: TensorStore, { name, shape }: TensorEntry, run: RunOnBackend, made: Tensor[]): Promise<Tensor> {
  const values = await store.read(name);
  const weight = run(() => tensor(values as Float32Array, [...shape], 'float32'));
  made.push(weight);
  return weight;
}
