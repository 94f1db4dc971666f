/**
 * Matrices of few bits an entry, as QLoRA has them (Dettmers, Pagnoni, Holtzman and Zettlemoyer, "QLoRA: Efficient
 * Finetuning of Quantized LLMs", NeurIPS 2023): a code for each entry, and a scale for each block of entries. Loaded
 * models keep their frozen weights so; quantize.ts makes them, and the kernels of the wasm heap widen them.
 */

/** A quantized matrix: entry i, counted by rows, is the value of its code times the scale of its block. */
export interface QuantizedMatrix {
  /** Rows and columns. */
  readonly shape: readonly [number, number];
  /**
   * I8: a signed byte for each entry. U4: two entries a byte, the first in the upper half; codes are places in `table`.
   */
  readonly dtype: 'I8' | 'U4';
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The sixteen values of the codes; U4 only. */
  readonly table?: Float32Array;
  /** Entries in a block. The last block may be shorter; blocks need not end with rows. */
  readonly block: number;
  readonly scales: BlockScales;
}

/** A scale for each block: as they are, or quantized themselves ("double quantization", section 3 of the paper). */
export type BlockScales = Float32Array | NestedScales;

/** Quantized scales: scale k is `table[codes[k]] · scales[⌊k / block⌋] + offset`. */
export interface NestedScales {
  readonly codes: Uint8Array;
  /** The 256 values of the codes. */
  readonly table: Float32Array;
  readonly block: number;
  readonly scales: Float32Array;
  readonly offset: number;
}

/** Writes the scales of blocks `first`, `first + 1`, … to an array, as many as it has entries. */
export function fillScales(scales: BlockScales, first: number, target: Float32Array): void {
  if (scales instanceof Float32Array) {
    target.set(scales.subarray(first, first + target.length));
    return;
  }
  const { codes, table, block, offset } = scales;
  for (let i = 0; i < target.length; i++) {
    const at = first + i;
    target[i] = Math.fround(table[codes[at]] * scales.scales[Math.floor(at / block)]) + offset;
  }
}

/** Returns all entries of a matrix as float32, by rows: a new array. */
export function dequantized(matrix: QuantizedMatrix): Float32Array {
  const { shape, dtype, bytes, block } = matrix;
  const length = shape[0] * shape[1];
  const scales = new Float32Array(Math.ceil(length / block));
  fillScales(matrix.scales, 0, scales);
  const result = new Float32Array(length);
  if (dtype === 'I8') {
    const codes = new Int8Array(bytes.buffer, bytes.byteOffset, length);
    for (let i = 0; i < length; i++) result[i] = codes[i] * scales[Math.floor(i / block)];
    return result;
  }
  const table = matrix.table as Float32Array;
  for (let i = 0; i < length; i++) {
    const pair = bytes[i >> 1];
    result[i] = table[(i & 1) === 0 ? pair >> 4 : pair & 15] * scales[Math.floor(i / block)];
  }
  return result;
}
