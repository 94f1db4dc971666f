/** Small safetensors files, each different, as programs write them. */
import type { Draw } from '../draw.js';

/** Bits of a number by the names that the format gives to types. */
const bits: Readonly<Record<string, number>> = {
  F64: 64,
  F32: 32,
  F16: 16,
  BF16: 16,
  I64: 64,
  I32: 32,
  I16: 16,
  I8: 8,
  U8: 8,
  BOOL: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
};

/** A description in a header. */
export interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** A file in parts. */
export interface TensorFile {
  readonly header: Readonly<Record<string, Described | Readonly<Record<string, string>>>>;
  readonly data: Uint8Array;
}

/** A file of tensors of any types and shapes: some of the names, the first of them at least where `atLeast` is 1. */
export function soundTensors(
  draw: Draw,
  names: readonly string[] = ['a', 'b.weight', 'layers.0.q_proj.weight', 'é', ''],
  atLeast: 0 | 1 = 0,
): TensorFile {
  let offset = 0;
  const chosen = names.slice(0, atLeast + draw.below(names.length + 1 - atLeast));
  const tensors = chosen.map((name): readonly [string, Described] => {
    const dtype = draw.chance(0.6) ? 'F32' : draw.pick(Object.keys(bits));
    const shape = draw.list(0, 3, () => draw.below(draw.chance(0.9) ? 5 : 40));
    const length = (shape.reduce((product, size) => product * size, 1) * bits[dtype]) / 8;
    offset += length;
    return [name, { dtype, shape, data_offsets: [offset - length, offset] }];
  });
  const metadata = draw.chance(0.4) ? [['__metadata__', draw.chance(0.5) ? { format: 'pt' } : {}] as const] : [];
  const entries = [...metadata, ...(draw.chance(0.3) ? tensors.toReversed() : tensors)];
  return { header: Object.fromEntries(entries), data: draw.bytes(offset) };
}

/** The bytes of a file, its header given as text. @param length - what the first eight bytes say, if not the truth. */
export function tensorFileBytes(header: string, data: Uint8Array, length?: bigint): Uint8Array {
  const text = Buffer.from(header);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt.asUintN(64, length ?? BigInt(text.length)));
  return Buffer.concat([start, text, data]);
}
