/** Against files that safetensors wrote from PyTorch's tensors. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSafetensors, type TensorData, type TensorStore, writeSafetensors } from 'bures/io';
import { afterAll, beforeAll, expect, it } from 'vitest';

const golden = path.resolve(import.meta.dirname, '../../fixtures/models/rounding.safetensors');
let store: TensorStore;
let workspace: string;

beforeAll(async () => {
  store = await openSafetensors(golden);
  workspace = await mkdtemp(path.join(tmpdir(), 'bures-safetensors-'));
});

afterAll(async () => {
  await store.close();
  await rm(workspace, { recursive: true });
});

async function floats(name: string): Promise<Float32Array> {
  const values = await store.read(name);
  if (!(values instanceof Float32Array)) throw new Error(`${name} is no tensor of floats`);
  return values;
}

it('reads what PyTorch wrote', async () => {
  expect(store.metadata).toEqual({ format: 'pt' });
  expect(store.entries.get('layer.weight')).toMatchObject({ dtype: 'F32', shape: [3, 4], byteLength: 48, file: golden });
  expect(await floats('layer.weight')).toEqual(Float32Array.from({ length: 12 }, (_, i) => i / 8));
  expect(await floats('layer.bias')).toEqual(Float32Array.of(-1.5, 0.25, 3));
  expect(await store.read('ids')).toEqual(BigInt64Array.of(0n, -1n, 2n ** 62n, -(2n ** 63n)));
  expect(await store.read('counts')).toEqual(Int32Array.of(7, -(2 ** 31)));
  expect(await floats('scalar')).toEqual(Float32Array.of(2.5));
  expect(store.entries.get('scalar')?.shape).toEqual([]);
  expect(await floats('empty')).toEqual(new Float32Array(0));
  expect(await floats('"é\n😀')).toEqual(Float32Array.of(1));
  expect(await store.readBytes('mask')).toEqual(Uint8Array.of(1, 0, 1));
  await expect(store.read('mask')).rejects.toThrow('expected F32, F16, BF16, I64 or I32, got BOOL');
});

it.each([
  ['F16', 'half'],
  ['BF16', 'brain'],
] as const)('rounds to %s as PyTorch does', async (dtype, name) => {
  const values = await floats('values');
  const file = path.join(workspace, `${dtype}.safetensors`);
  await writeSafetensors(file, new Map([['x', { dtype, shape: [values.length], data: values }]]));
  const written = await openSafetensors(file);
  const [ours, theirs] = [await written.readBytes('x'), await store.readBytes(name)];
  await written.close();
  const [bits, expected] = [new Uint16Array(ours.buffer), new Uint16Array(theirs.buffer)];
  // PyTorch gives NaN one bit pattern, and which depends on the vector instructions it has: ours keeps sign and
  // payload.
  const differing = [...values.keys()].filter((i) => !Number.isNaN(values[i]) && bits[i] !== expected[i]);
  expect(differing.map((i) => [values[i], bits[i], expected[i]])).toEqual([]);
  const widened = await floats(name);
  expect([...values.keys()].filter((i) => Number.isNaN(values[i]) !== Number.isNaN(widened[i]))).toEqual([]);
});

it('writes the bytes that safetensors writes', async () => {
  const tensors = new Map<string, TensorData>();
  for (const { name, dtype, shape } of store.entries.values()) tensors.set(name, { dtype, shape, data: () => store.readBytes(name) });
  const file = path.join(workspace, 'copy.safetensors');
  await writeSafetensors(file, new Map([...tensors].reverse()));
  expect(await readFile(file)).toEqual(await readFile(golden));
});
