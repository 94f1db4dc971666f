/** Headers of .npy files beside NumPy's verdict on them. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuresError, FormatError, hostAlgebra, NotImplementedError } from '../../src/index.js';
import { readNpy } from '../../src/io/index.js';

/**
 * A file, and what `numpy.load(allow_pickle=False)` makes of it: an array of numbers, one of another type, or nothing.
 */
interface Golden {
  readonly name: string;
  readonly file: string;
  readonly numpy: { readonly shape: readonly number[]; readonly values: readonly (number | string)[] } | { readonly type: string } | null;
}

const golden = JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures/npy/headers.json'), 'utf8')) as Golden[];
const la = hostAlgebra();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-npy-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(content: Buffer) {
  const file = path.join(folder, 'a.npy');
  await writeFile(file, content);
  return readNpy(la, file).catch((error: unknown) => {
    expect(error, String((error as Error).stack)).toBeInstanceOf(BuresError);
    expect((error as Error).message).toMatch(/^readNpy: \S*a\.npy: .*; /s);
    return undefined;
  });
}

const named = (value: number): number | string => (Number.isFinite(value) ? value : String(value).replace('Infinity', 'inf').toLowerCase());

describe('readNpy', () => {
  it.each(golden)('accepts $name only if NumPy does, with the same values', async ({ file, numpy }) => {
    const array = await read(Buffer.from(file, 'base64'));
    if (array !== undefined) expect({ shape: array.shape, values: [...la.toArray(array)].map(named) }).toEqual(numpy);
  });

  it.each([
    'as numpy.save writes it',
    'version (1, 0)',
    'version (2, 0)',
    'version (3, 0)',
    'no padding',
    'tabs and line ends at the end',
    'blanks before',
    'line ends within',
    'no comma at the end',
    'another order of keys',
    'double quotes',
    'shape (6,)',
    'shape (2, 3,)',
    'shape (2, 3L)',
    'column-major',
    '10000 characters',
    'NaN and infinity',
  ])('accepts %s', async (name) => {
    const found = golden.find((one) => one.name === name);
    expect(await read(Buffer.from(found?.file ?? '', 'base64'))).toBeDefined();
  });

  const headed = (shape: string, data: Buffer, order = 'False'): Buffer => {
    const text = `{'descr': '<f8', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
    const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
    start.writeUInt16LE(text.length, 8);
    return Buffer.concat([start, Buffer.from(text), data]);
  };

  it('holds the claim of a header against the size of the file, and then against memory', async () => {
    const file = path.join(folder, 'large.npy');
    await writeFile(file, headed('(2000000000, 1000000)', Buffer.alloc(16)));
    await expect(readNpy(la, file)).rejects.toThrow(/expected 16000000000000000 bytes for \[2000000000,1000000\] of '<f8', got 16/);
    // A sparse file of four terabytes is as large as it claims to be.
    const start = headed('(500000000, 1000)', Buffer.alloc(0));
    await writeFile(file, start);
    await truncate(file, start.length + 4e12).catch(() => undefined);
    await expect(readNpy(la, file)).rejects.toThrow(/expected 4000000000000 bytes/);
  });

  it('has names for types and orders that it does not read', async () => {
    const file = path.join(folder, 'cube.npy');
    await writeFile(file, headed('(1, 1, 2)', Buffer.alloc(16), 'True'));
    await expect(readNpy(la, file)).rejects.toThrow(NotImplementedError);
    await writeFile(file, headed('(2,)', Buffer.alloc(16)).subarray(0, 30));
    await expect(readNpy(la, file)).rejects.toThrow(FormatError);
  });
});
