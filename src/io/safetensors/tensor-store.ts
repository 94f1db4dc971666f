/** Tensors in files, as the models and adapters of the library read them. */
import type { StoredDtype } from './dtypes.js';

/** Description of one tensor in a file. */
export interface TensorEntry {
  /** Its name, such as `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** Number format of its entries. F32, F16, BF16, I64 and I32 can be read; others are passed on as bytes. */
  readonly dtype: StoredDtype;
  /** The sizes of its axes; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Its length in the file, in bytes. */
  readonly byteLength: number;
  /** The file that holds it. */
  readonly file: string;
}

/** The tensors of a file, or of the shards of a checkpoint. Nothing is read before it is asked for. */
export interface TensorStore {
  /** Every tensor by name, in the order of the files and, within one, of the header. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** The `__metadata__` of the header: strings by name. Shards are merged, and later ones prevail. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor, row by row: floating-point formats widened to float32 (exactly), I32 and I64 as they are.
   *
   * @returns a new array. Cost: one pass over the tensor's bytes, through a buffer of fixed size.
   * @throws FormatError if there is no such tensor, it has another number format, or the file has become shorter;
   * DomainError after `close`.
   */
  read(name: string): Promise<Float32Array | Int32Array | BigInt64Array>;
  /**
   * Reads one floating-point tensor into given memory, chunk by chunk: no second copy of it exists at any time.
   *
   * @param name - the tensor.
   * @param target - an array of as many entries as the tensor has; or, for memory that may move (as the heap of
   * WebAssembly does when it grows), a function that returns it anew before each chunk is stored.
   * @throws as `read` does, and ShapeError if the target has another length. A read that fails may have filled a part
   * of the target.
   */
  readInto(name: string, target: Float32Array | (() => Float32Array)): Promise<void>;
  /**
   * Reads the bytes of one tensor as the file has them, whatever its number format.
   *
   * @returns a new array of `byteLength` bytes.
   * @throws as `read` does.
   */
  readBytes(name: string): Promise<Uint8Array>;
  /**
   * Compares two tensors, whole: their number formats may differ, their numbers may not.
   *
   * @returns true if both have one shape and the same entries. Tensors of formats other than F32, F16 and BF16 must
   * have the same bytes. Cost: one pass over both, up to the first difference, through buffers of fixed size.
   * @throws as `read` does.
   */
  equal(name: string, other: string): Promise<boolean>;
  /** Closes the files. Later reads throw; closing again does nothing. */
  close(): Promise<void>;
}
