import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { openSafetensors, type TensorData, type TensorStore, writeCheckpoint, writeSafetensors } from 'bures/io';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, DomainError, FormatError, ShapeError } from '../../../src/core/errors.js';
import { type RawTensor, rawTensors, useFolder } from './support.js';

const inFolder = useFolder();

async function withStore<T>(location: string, use: (store: TensorStore) => Promise<T>): Promise<T> {
  const store = await openSafetensors(location);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** What remains of bits that pass through float32: a signalling NaN becomes a quiet one in the narrower formats. */
function quieted({ dtype, data }: RawTensor): Uint8Array {
  const copy = data.slice();
  if (dtype !== 'F16' && dtype !== 'BF16') return copy;
  const [infinity, quietBit] = dtype === 'F16' ? [0x7c00, 0x200] : [0x7f80, 0x40];
  const words = new Uint16Array(copy.buffer);
  for (const [i, word] of words.entries()) if ((word & 0x7fff) > infinity) words[i] |= quietBit;
  return copy;
}

describe('tensors of any numbers', () => {
  it('come back bit by bit, as bytes and through float32', async () => {
    await fc.assert(
      fc.asyncProperty(
        rawTensors,
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        async (tensors, metadata) => {
          const [file, again] = [inFolder('random.safetensors'), inFolder('again.safetensors')];
          await writeSafetensors(file, tensors, { metadata });
          await withStore(file, async (store) => {
            expect(store.metadata).toEqual(metadata);
            expect([...store.entries.keys()].sort()).toEqual([...tensors.keys()].sort());
            const copies = new Map<string, TensorData>();
            for (const [name, tensor] of tensors) {
              expect(store.entries.get(name)).toMatchObject({
                name,
                dtype: tensor.dtype,
                shape: tensor.shape,
                byteLength: tensor.data.length,
                file,
              });
              expect(await store.readBytes(name)).toEqual(tensor.data);
              const isNumeric = ['F32', 'F16', 'BF16', 'I32', 'I64'].includes(tensor.dtype);
              if (!isNumeric) await expect(store.read(name)).rejects.toThrow(FormatError);
              copies.set(name, { ...tensor, data: isNumeric ? await store.read(name) : tensor.data });
            }
            await writeSafetensors(again, copies, { metadata });
          });
          await withStore(again, async (store) => {
            for (const [name, tensor] of tensors) expect(await store.readBytes(name)).toEqual(quieted(tensor));
          });
          expect((await stat(file)).size % 8).toBe([...tensors.values()].reduce((sum, { data }) => sum + data.length, 0) % 8);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('come back from shards', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(rawTensors, fc.integer({ min: 1, max: 300 }), async (tensors, maxShardBytes) => {
        run += 1;
        const directory = inFolder(`shards-${run}`);
        await writeCheckpoint(directory, tensors, { maxShardBytes });
        await withStore(directory, async (store) => {
          expect(store.metadata).toEqual({ format: 'pt' });
          expect(store.entries.size).toBe(tensors.size);
          for (const [name, { data }] of tensors) expect(await store.readBytes(name)).toEqual(data);
        });
        const files = await readdir(directory);
        const sizes = await Promise.all(
          files
            .filter((name) => name.endsWith('.safetensors'))
            .map(async (name) => withStore(inFolder(`shards-${run}`, name), async ({ entries }) => [...entries.values()])),
        );
        for (const held of sizes) {
          const total = held.reduce((sum, { byteLength }) => sum + byteLength, 0);
          if (held.filter(({ byteLength }) => byteLength > 0).length > 1) expect(total).toBeLessThanOrEqual(maxShardBytes);
        }
        await expect(writeCheckpoint(directory, tensors)).rejects.toThrow(ConfigError);
      }),
      { numRuns: 15 },
    );
  });
});

it('writes an index as transformers does', async () => {
  const tensor = (name: string): [string, TensorData] => [name, { dtype: 'F32', shape: [2, 3], data: new Float32Array(6) }];
  await writeCheckpoint(inFolder('indexed'), new Map([tensor('b'), tensor('a'), tensor('c')]), { maxShardBytes: 48 });
  expect((await readdir(inFolder('indexed'))).sort()).toEqual([
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ]);
  expect(JSON.parse(await readFile(inFolder('indexed', 'model.safetensors.index.json'), 'utf8'))).toEqual({
    metadata: { total_parameters: 18, total_size: 72 },
    weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00001-of-00002.safetensors', c: 'model-00002-of-00002.safetensors' },
  });
});

describe('reading into given memory', () => {
  const length = 2 ** 20 + 5;
  const values = Float32Array.from({ length }, (_, i) => (i % 2048) - 1024);

  it.each(['F32', 'F16', 'BF16'] as const)('fills it chunk by chunk, wherever it has moved: %s', async (dtype) => {
    const file = inFolder(`${dtype}.safetensors`);
    await writeSafetensors(file, new Map([['x', { dtype, shape: [length], data: values }]]));
    await withStore(file, async (store) => {
      const whole = await store.read('x');
      const memory = new Float32Array(length + 2).fill(7);
      await store.readInto('x', memory.subarray(1, length + 1));
      expect(memory[0] + memory[length + 1]).toBe(14);
      // Compared at once: an assertion entry by entry takes ten seconds for four megabytes.
      expect(Buffer.compare(bytesOf(memory.subarray(1, length + 1)), bytesOf(whole))).toBe(0);
      // A heap that grows between two chunks: its old view is detached, the new one holds what was stored.
      let heap = new ArrayBuffer(8 + 4 * length);
      let views = 0;
      await store.readInto('x', () => {
        heap = structuredClone(heap, { transfer: [heap] });
        views += 1;
        return new Float32Array(heap, 8, length);
      });
      expect(views).toBeGreaterThan(3);
      expect(Buffer.compare(bytesOf(new Float32Array(heap, 8, length)), bytesOf(whole))).toBe(0);
    });
  });

  it('refuses memory of another length, or that has moved', async () => {
    const file = inFolder('small.safetensors');
    await writeSafetensors(file, new Map([['x', { dtype: 'F16', shape: [3], data: Float32Array.of(1, 2, 3) }]]));
    await withStore(file, async (store) => {
      await expect(store.readInto('x', new Float32Array(4))).rejects.toThrow(ShapeError);
      const target = new Float32Array(3);
      structuredClone(target.buffer, { transfer: [target.buffer] });
      await expect(store.readInto('x', target)).rejects.toThrow('pass a function that gives it anew');
    });
  });
});

it('reads far into a file larger than any buffer', async () => {
  const [size, tail] = [5 * 2 ** 30, Float32Array.of(1.5, -2)];
  const header = JSON.stringify({
    huge: { dtype: 'U8', shape: [size], data_offsets: [0, size] },
    tail: { dtype: 'F32', shape: [2], data_offsets: [size, size + 8] },
  });
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const file = inFolder('huge.safetensors');
  await writeFile(file, Buffer.concat([prefix, Buffer.from(header)]));
  // The hole takes no space on the disk.
  const handle = await open(file, 'r+');
  await handle.write(bytesOf(tail), 0, 8, 8 + header.length + size);
  await handle.close();
  await withStore(file, async (store) => expect(await store.read('tail')).toEqual(tail));
});

describe('a store', () => {
  it('names the tensor and the file it does not have, and refuses reads once closed', async () => {
    const file = inFolder('closed.safetensors');
    await writeSafetensors(file, new Map([['x', { dtype: 'F32', shape: [], data: Float32Array.of(1) }]]));
    const store = await openSafetensors(file);
    await expect(store.read('y')).rejects.toThrow(`there is no tensor "y" in ${file}`);
    await expect(store.read('toString')).rejects.toThrow(FormatError);
    await store.close();
    await store.close();
    await expect(store.read('x')).rejects.toThrow(DomainError);
  });

  it('says that a file has become shorter', async () => {
    const file = inFolder('shorter.safetensors');
    await writeSafetensors(file, new Map([['x', { dtype: 'F32', shape: [8], data: new Float32Array(8) }]]));
    await withStore(file, async (store) => {
      const handle = await open(file, 'r+');
      await handle.truncate((await handle.stat()).size - 4);
      await handle.close();
      await expect(store.read('x')).rejects.toThrow(`${file}: tensor "x": expected 32 bytes`);
    });
  });
});

describe('writing refuses', () => {
  const floats = Float32Array.of(1, 2);
  it.each<[string, TensorData, string, typeof ConfigError | typeof ShapeError]>([
    ['numbers that do not fill the shape', { dtype: 'F32', shape: [3], data: floats }, 'expected 3 numbers', ShapeError],
    ['bytes that do not fill the shape', { dtype: 'F16', shape: [3], data: Uint8Array.of(1) }, 'expected 6 bytes', ShapeError],
    ['a shape with a fraction', { dtype: 'F32', shape: [1.5], data: floats }, 'a shape of integers', ShapeError],
    ['part of a byte', { dtype: 'F4', shape: [3], data: Uint8Array.of(1) }, 'a whole number of bytes', ShapeError],
    ['floats for integers', { dtype: 'I32', shape: [2], data: floats }, 'expected the numbers of I32', ConfigError],
    ['numbers that come later and do not fit', { dtype: 'F32', shape: [3], data: () => floats }, 'expected 3 numbers', ShapeError],
  ])('%s, and leaves nothing', async (_, tensor, message, kind) => {
    const file = inFolder('refused.safetensors');
    const write = () => writeSafetensors(file, new Map([['layer.x', tensor]]));
    await expect(write()).rejects.toThrow(kind);
    await expect(write()).rejects.toThrow('writeSafetensors: tensor "layer.x"');
    await expect(write()).rejects.toThrow(message);
    expect((await readdir(inFolder())).filter((name) => name.includes('refused'))).toEqual([]);
  });

  it.each(['__metadata__', 'half \ud83d'])('the name %j', async (name) => {
    await expect(
      writeSafetensors(inFolder('name.safetensors'), new Map([[name, { dtype: 'F32', shape: [2], data: floats }]])),
    ).rejects.toThrow(ConfigError);
  });
});
