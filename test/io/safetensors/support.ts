/** Random tensors, and files of them in memory and on the disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { StoredDtype, TensorData } from 'bures/io';
import fc from 'fast-check';
import { afterAll, beforeAll } from 'vitest';
import { seededRandom } from '../../../src/core/random.js';
import { storedBytes } from '../../../src/io/safetensors/dtypes.js';
import { serializeTensors } from '../../../src/io/safetensors/serialize-tensors.js';

/** A tensor as bytes. */
export interface RawTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const dtypes = ['F32', 'F16', 'BF16', 'I32', 'I64', 'U8', 'BOOL', 'F64'] as const;

/** Tensors of random bits, which are subnormals, infinities and NaN as often as anything. */
export const rawTensors: fc.Arbitrary<ReadonlyMap<string, RawTensor>> = fc
  .uniqueArray(
    fc.record({
      name: fc.string({ unit: 'grapheme', maxLength: 12 }).filter((name) => name !== '__metadata__'),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
      seed: fc.nat(),
    }),
    { selector: ({ name }) => name, maxLength: 6 },
  )
  .map(
    (tensors) =>
      new Map(tensors.map(({ name, dtype, shape, seed }) => [name, { dtype, shape, data: randomBytes(storedBytes(dtype, shape), seed) }])),
  );

function randomBytes(count: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const bytes = Uint8Array.from({ length: count }, () => Math.floor(256 * random.uniform()));
  // A sixteenth of the words get an exponent of ones or zeros.
  for (let i = 3; i < count; i += 4) if (random.uniform() < 1 / 16) bytes[i] = random.uniform() < 0.5 ? 0x7f : 0;
  return bytes;
}

/** The bytes of a file. */
export async function fileBytes(tensors: ReadonlyMap<string, TensorData>, metadata?: Readonly<Record<string, string>>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const write = async (bytes: Uint8Array): Promise<void> => {
    pieces.push(bytes.slice());
  };
  await serializeTensors('test', { write }, tensors, metadata);
  return Buffer.concat(pieces);
}

/** A file with a header written by hand. */
export function fileWithHeader(header: string, data: Uint8Array = new Uint8Array(0), length?: bigint): Buffer {
  const json = Buffer.from(header, 'utf8');
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([prefix, json, data]);
}

/** A folder for the tests of a file; the function gives paths in it. */
export function useFolder(): (...names: string[]) => string {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'bures-models-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  return (...names) => path.join(folder, ...names);
}
