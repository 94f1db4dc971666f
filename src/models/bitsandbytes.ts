/**
 * Weights that bitsandbytes has quantized, as transformers saves them: 4-bit ones (`Linear4bit`, NF4 or FP4) beside
 * their `quant_state`, 8-bit ones (`Linear8bitLt`, LLM.int8) beside `SCB`, the largest magnitude of each row.
 */
import { FormatError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { decodeUtf8, isJsonObject, type JsonObject, parseJson } from '../io/parse-json.js';
import type { FloatDtype } from '../io/safetensors/dtypes.js';
import type { TensorEntry, TensorStore } from '../io/safetensors/tensor-store.js';
import type { BlockScales, QuantizedMatrix } from '../linalg/tensor/quantized/quantized-matrix.js';

/** A quantized weight of a checkpoint, not yet read. */
export interface QuantizedWeight {
  /** The tensor with its codes. */
  readonly entry: TensorEntry;
  /** Shape of the weight: [out, in], also where the architecture stores [in, out]. */
  readonly shape: readonly [number, number];
  readonly format: 'nf4' | 'fp4' | 'int8';
  /** Number format of the weight before; unknown for int8. */
  readonly dtype: FloatDtype | undefined;
  /** Names of the tensors that belong to it besides its codes. */
  readonly parts: readonly string[];
  /** Reads codes and scales. @throws FormatError if their lengths do not fit. */
  read(): Promise<QuantizedMatrix>;
}

const STATE = /^(.*)\.quant_state\.bitsandbytes__(nf4|fp4)$/;
const DTYPES: Readonly<Record<string, FloatDtype>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

/**
 * Finds the quantized weights of a checkpoint.
 *
 * @returns the weights by the names of their tensors.
 * @throws FormatError naming a tensor that is missing or malformed.
 */
export async function quantizedWeights(caller: string, store: TensorStore): Promise<ReadonlyMap<string, QuantizedWeight>> {
  const found = new Map<string, QuantizedWeight>();
  for (const { name } of store.entries.values()) {
    const [, weight, kind] = STATE.exec(name) ?? [];
    if (weight !== undefined) found.set(weight, await fourBitWeight(caller, store, weight, kind as 'nf4' | 'fp4'));
    else if (name.endsWith('.SCB')) found.set(`${name.slice(0, -'SCB'.length)}weight`, eightBitWeight(caller, store, name));
  }
  return found;
}

async function fourBitWeight(caller: string, store: TensorStore, name: string, format: 'nf4' | 'fp4'): Promise<QuantizedWeight> {
  const entry = entryOf(caller, store, name);
  const stateName = `${name}.quant_state.bitsandbytes__${format}`;
  const where = `'${stateName}' in ${entry.file}`;
  const state = parseJson(caller, where, decodeUtf8(caller, where, await store.readBytes(stateName)));
  if (!isJsonObject(state)) throw malformed(caller, where, 'an object', state);
  const block = positive(caller, where, state, 'blocksize');
  const shape = state.shape;
  if (!isShape(shape)) throw malformed(caller, where, "'shape' of two positive integers", shape);
  const dtype = DTYPES[String(state.dtype)];
  if (dtype === undefined) throw malformed(caller, where, `'dtype' one of ${Object.keys(DTYPES).join(', ')}`, state.dtype);
  const isNested = store.entries.has(`${name}.nested_absmax`);
  const parts = ['absmax', 'quant_map', ...(isNested ? ['nested_absmax', 'nested_quant_map'] : [])].map((part) => `${name}.${part}`);
  for (const part of parts) entryOf(caller, store, part);
  const length = shape[0] * shape[1];
  const blocks = Math.ceil(length / block);
  const [absmax, table, outer, outerTable] = parts;
  const scales = async (): Promise<BlockScales> => {
    if (!isNested) return floats(caller, store, absmax, blocks);
    const nestedBlock = positive(caller, where, state, 'nested_blocksize');
    const offset = state.nested_offset;
    if (typeof offset !== 'number' || !Number.isFinite(offset)) throw malformed(caller, where, "'nested_offset' a number", offset);
    return {
      codes: await bytes(caller, store, absmax, blocks),
      table: await floats(caller, store, outerTable, 256),
      block: nestedBlock,
      scales: await floats(caller, store, outer, Math.ceil(blocks / nestedBlock)),
      offset: Math.fround(offset),
    };
  };
  return {
    ...{ entry, shape, format, dtype, parts: [stateName, ...parts] },
    read: async () => ({
      ...{ shape, dtype: 'U4', block },
      // Whatever number format the bytes are said to have: FSDP needs one of its own (bnb_4bit_quant_storage).
      bytes: await bytes(caller, store, name, Math.ceil(length / 2)),
      table: await floats(caller, store, table, 16),
      scales: await scales(),
    }),
  };
}

function eightBitWeight(caller: string, store: TensorStore, scaleName: string): QuantizedWeight {
  const module = scaleName.slice(0, -'.SCB'.length);
  const entry = entryOf(caller, store, `${module}.weight`);
  const { shape } = entry;
  if (entry.dtype !== 'I8' || !isShape(shape)) {
    throw new FormatError(
      `${caller}: expected '${entry.name}' in ${entry.file} to be a matrix in I8, as ${scaleName} beside it says, got ${entry.dtype} [${shape.join(', ')}]; save the model again`,
    );
  }
  const layout = `${module}.weight_format`;
  const hasLayout = store.entries.has(layout);
  return {
    ...{ entry, shape, format: 'int8', dtype: undefined, parts: [scaleName, ...(hasLayout ? [layout] : [])] },
    read: async () => {
      // Other layouts are those of particular GPUs.
      const [kind] = hasLayout ? await bytes(caller, store, layout, 1) : [0];
      if (kind !== 0) throw malformed(caller, `'${layout}' in ${entry.file}`, '0, which means by rows', kind);
      const scales = (await floats(caller, store, scaleName, shape[0])).map((scale) => scale / 127);
      return { shape, dtype: 'I8', block: shape[1], bytes: await bytes(caller, store, entry.name, shape[0] * shape[1]), scales };
    },
  };
}

function entryOf(caller: string, store: TensorStore, name: string): TensorEntry {
  const entry = store.entries.get(name);
  if (entry !== undefined) return entry;
  throw new FormatError(
    `${caller}: expected the tensor '${name}' of a quantized weight in the checkpoint, it is missing; fetch all of its files`,
  );
}

async function bytes(caller: string, store: TensorStore, name: string, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const { file, byteLength } = entryOf(caller, store, name);
  if (byteLength === length) return (await store.readBytes(name)) as Uint8Array<ArrayBuffer>;
  throw malformed(caller, `'${name}' in ${file}`, `${length} bytes`, byteLength);
}

async function floats(caller: string, store: TensorStore, name: string, length: number): Promise<Float32Array> {
  const { file, dtype, byteLength } = entryOf(caller, store, name);
  if (dtype === 'F32' && byteLength === 4 * length) return (await store.read(name)) as Float32Array;
  throw malformed(caller, `'${name}' in ${file}`, `${length} numbers in F32`, `${byteLength} bytes in ${dtype}`);
}

function positive(caller: string, where: string, state: JsonObject, key: string): number {
  const value = state[key];
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw malformed(caller, where, `'${key}' a positive integer`, value);
}

function isShape(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((size) => Number.isSafeInteger(size) && size > 0);
}

function malformed(caller: string, where: string, expected: string, value: unknown): FormatError {
  return new FormatError(`${caller}: expected ${where} to hold ${expected}, got ${describeValue(value)}; save the model again`);
}
