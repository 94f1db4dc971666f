/**
 * Reads a checkpoint into tensors: all names and shapes are checked first, then each weight is read straight to its
 * place.
 */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { ConfigError, FormatError } from '../core/errors.js';
import { isFloatDtype } from '../io/safetensors/dtypes.js';
import type { TensorEntry, TensorStore } from '../io/safetensors/tensor-store.js';
import { type Quantization, quantized } from '../linalg/tensor/quantized/quantize.js';
import { dequantized, type QuantizedMatrix } from '../linalg/tensor/quantized/quantized-matrix.js';
import { heapTensor } from '../linalg/tensor/wasm/heap-tensor.js';
import type { PlainMatrix, StoredMatrix } from '../linalg/tensor/wasm/stored-rows.js';
import { transposeFloats } from '../linalg/tensor/wasm/transpose-floats.js';
import type { Decoder } from './architectures/architecture.js';
import type { QuantizedWeight } from './bitsandbytes.js';
import type { RunOnBackend } from './run-on-backend.js';

/** Name of the head's weight, which checkpoints of tied models may hold all the same. */
const HEAD_WEIGHT = 'lm_head.weight';

/** A parameter in a checkpoint. */
export interface FoundWeight {
  readonly entry: TensorEntry;
  /** Its shape, as the architecture has it. */
  readonly shape: readonly number[];
  /** How it is quantized, if it is. */
  readonly stored?: QuantizedWeight;
  /** The format that it is to be quantized to. */
  readonly wanted?: Quantization;
}

/**
 * Finds each parameter in a checkpoint.
 *
 * @param quantizedWeights - the weights that are quantized already, by the names of their tensors.
 * @param wanted - the format that the weights of linear layers are to be quantized to, the head's excepted.
 * @returns what was found, by names of parameters.
 * @throws FormatError naming a tensor that is missing, of another shape or number format, or belongs to nothing.
 */
export function matchTensors(
  caller: string,
  decoder: Decoder,
  store: TensorStore,
  quantizedWeights: ReadonlyMap<string, QuantizedWeight>,
  wanted: Quantization | undefined,
): ReadonlyMap<string, FoundWeight> {
  const { config, parameters, buffers } = decoder;
  const matched = new Map<string, FoundWeight>();
  const modules = new Map(decoder.modules.map((module) => [`${module.name}.weight`, module]));
  const parts = new Set([...quantizedWeights.values()].flatMap((weight) => weight.parts));
  const tied = config.tiedHead ? tiedTensors(decoder, store) : {};
  for (const entry of store.entries.values()) {
    if (parts.has(entry.name)) continue;
    // A head that is tied is the embedding, under whichever of the two names the file has it.
    if (entry.name === tied.head && tied.embedding !== undefined) continue;
    const names = entry.name === tied.head ? [decoder.embedding] : namesOf(entry.name, decoder);
    const name = names.find((candidate) => parameters.has(candidate));
    if (name === undefined) {
      if (buffers.test(entry.name)) continue;
      throw new FormatError(
        `${caller}: expected the parameters of a ${config.modelType} model, got the tensor '${entry.name}' in ${entry.file} as well; check model_type and tie_word_embeddings in config.json`,
      );
    }
    const shape = parameters.get(name) ?? [];
    const module = modules.get(name);
    const stored = quantizedWeights.get(entry.name);
    // bitsandbytes turns the layers of GPT-2, which are stored as [in, out].
    const expected = stored !== undefined && module?.fanInFanOut ? [...shape].reverse() : shape;
    const found = stored?.shape ?? entry.shape;
    if (found.join() !== expected.join()) {
      throw new FormatError(
        `${caller}: expected '${entry.name}' of shape [${expected.join(', ')}] as config.json says, got [${found.join(', ')}] in ${entry.file}; fetch both from one place`,
      );
    }
    if (stored === undefined && !isFloatDtype(entry.dtype)) {
      throw new FormatError(
        `${caller}: expected '${entry.name}' in F32, F16 or BF16, or quantized by bitsandbytes with its scales beside it, got ${entry.dtype} in ${entry.file}; load the unquantized checkpoint`,
      );
    }
    if (stored !== undefined && wanted !== undefined) {
      throw new ConfigError(
        `${caller}: expected weights that are not quantized for quantize: '${wanted}', got ${stored.format} of bitsandbytes ('${entry.name}'); leave quantize out`,
      );
    }
    const twice = matched.get(name);
    if (twice !== undefined) {
      throw new FormatError(
        `${caller}: expected one tensor for the parameter '${name}', got '${twice.entry.name}' in ${twice.entry.file} and '${entry.name}' in ${entry.file}; remove the one that does not count`,
      );
    }
    const quantizes = wanted !== undefined && module !== undefined;
    matched.set(name, { entry, shape, ...(stored === undefined ? {} : { stored }), ...(quantizes ? { wanted } : {}) });
  }
  for (const name of parameters.keys()) {
    if (matched.has(name)) continue;
    const orTied = name === HEAD_WEIGHT ? ', or set tie_word_embeddings in config.json if the head is the embedding' : '';
    throw new FormatError(`${caller}: expected the tensor '${name}' in the checkpoint, it is missing; fetch all of its files${orTied}`);
  }
  return matched;
}

/** The tensors of a checkpoint that hold the head and the embedding, by their names there. */
export interface TiedTensors {
  readonly head?: string;
  readonly embedding?: string;
}

/** Finds the tensors of head and embedding, of which a checkpoint with a tied head has one or both. */
export function tiedTensors(decoder: Decoder, store: TensorStore): TiedTensors {
  const find = (parameter: string): string | undefined =>
    [...store.entries.keys()].find((stored) => namesOf(stored, decoder).includes(parameter));
  const [head, embedding] = [find(HEAD_WEIGHT), find(decoder.embedding)];
  return { ...(head === undefined ? {} : { head }), ...(embedding === undefined ? {} : { embedding }) };
}

/** Lists the names that a tensor of a checkpoint may have as a parameter. */
function namesOf(stored: string, { prefixes }: Decoder): string[] {
  const others = prefixes.filter(([prefix]) => stored.startsWith(prefix)).map(([prefix, own]) => own + stored.slice(prefix.length));
  return [stored, ...others];
}

/** Where weights are kept: widened to float32 on the engine, or matrices in their own format beside the heap. */
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
  matched: ReadonlyMap<string, FoundWeight>,
  onHeap: boolean,
  place: WeightPlace,
  run: RunOnBackend,
): Promise<Map<string, Tensor | StoredMatrix>> {
  const weights = new Map<string, Tensor | StoredMatrix>();
  const made: Tensor[] = [];
  try {
    for (const [name, found] of matched) {
      const { shape, entry } = found;
      const matrix = await quantizedMatrix(store, found);
      if (matrix !== undefined) {
        const turned = matrix.shape.join() !== shape.join();
        if (place === 'keep') weights.set(name, turned ? turnedMatrix(matrix) : matrix);
        else weights.set(name, toBackend(turned ? turnedValues(matrix) : dequantized(matrix), shape, run, made));
      } else if (place === 'keep' && shape.length === 2) {
        const bytes = (await store.readBytes(entry.name)) as Uint8Array<ArrayBuffer>;
        weights.set(name, { shape: [shape[0], shape[1]], dtype: entry.dtype as PlainMatrix['dtype'], bytes });
      } else if (onHeap) weights.set(name, await readToHeap(store, entry, run, made));
      else weights.set(name, toBackend((await store.read(entry.name)) as Float32Array, shape, run, made));
    }
    return weights;
  } catch (error) {
    for (const weight of made) weight.dispose();
    throw error;
  }
}

/** Reads a weight that is quantized, or is to be; `undefined` for any other. */
async function quantizedMatrix(store: TensorStore, { entry, shape, stored, wanted }: FoundWeight): Promise<QuantizedMatrix | undefined> {
  if (stored !== undefined) return stored.read();
  if (wanted === undefined) return undefined;
  return quantized((await store.read(entry.name)) as Float32Array, [shape[0], shape[1]], wanted);
}

/**
 * Returns the transpose of a quantized matrix, in float32: its blocks would not be blocks. Only GPT-2's are turned,
 * which are small.
 */
function turnedMatrix(matrix: QuantizedMatrix): PlainMatrix {
  const [rows, columns] = matrix.shape;
  return { shape: [columns, rows], dtype: 'F32', bytes: new Uint8Array(turnedValues(matrix).buffer) };
}

function turnedValues(matrix: QuantizedMatrix): Float32Array<ArrayBuffer> {
  const [rows, columns] = matrix.shape;
  const result = new Float32Array(rows * columns);
  transposeFloats(rows, columns, dequantized(matrix), result);
  return result;
}

async function readToHeap(store: TensorStore, { name, shape }: TensorEntry, run: RunOnBackend, made: Tensor[]): Promise<Tensor> {
  const { tensor: weight, values } = run(() => heapTensor(shape));
  // Before it is filled: reading may fail.
  made.push(weight);
  await store.readInto(name, values);
  return weight;
}

function toBackend(values: Float32Array, shape: readonly number[], run: RunOnBackend, made: Tensor[]): Tensor {
  const weight = run(() => tensor(values, [...shape], 'float32'));
  made.push(weight);
  return weight;
}
