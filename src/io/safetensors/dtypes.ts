/** The number formats of safetensors files. */

/** The name of a number format in a safetensors header: all that safetensors 0.8 writes. */
export type StoredDtype =
  | 'F4'
  | 'F6_E2M3'
  | 'F6_E3M2'
  | 'BOOL'
  | 'U8'
  | 'I8'
  | 'F8_E5M2'
  | 'F8_E4M3'
  | 'F8_E8M0'
  | 'F8_E4M3FNUZ'
  | 'F8_E5M2FNUZ'
  | 'I16'
  | 'U16'
  | 'F16'
  | 'BF16'
  | 'I32'
  | 'U32'
  | 'F32'
  | 'C64'
  | 'F64'
  | 'I64'
  | 'U64';

/** Bits of one entry, by format, in the order in which safetensors writes formats, from last to first. */
export const bitsOfDtype: Readonly<Record<StoredDtype, number>> = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** The formats that are read as float32: F32, IEEE half precision, and the upper half of a float32. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

/** The formats that are read into numbers; tensors of any other can be copied as bytes. */
export type TensorDtype = FloatDtype | 'I64' | 'I32';

/** Returns true if a format is a floating-point one that the library computes with. */
export function isFloatDtype(dtype: StoredDtype): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Returns the number of entries of an array of a shape; 1 for a scalar's shape `[]`. */
export function entryCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** Returns a tensor's bytes in a file; not an integer if entries narrower than a byte do not fill the last one. */
export function storedBytes(dtype: StoredDtype, shape: readonly number[]): number {
  return (entryCount(shape) * bitsOfDtype[dtype]) / 8;
}
