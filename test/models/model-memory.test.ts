/** The memory that a model is said to take, against what it takes. */
import path from 'node:path';
import { memory } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import type { StoredMatrix } from '../../src/linalg/tensor/wasm/stored-rows.js';
import type { DecoderModel } from '../../src/models/decoder-model.js';
import { loadCausalLM, modelMemory } from '../../src/models/index.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/models');
const algebra = await tensorAlgebra({ backend: 'wasm' });

function bytesOf(matrix: StoredMatrix): number {
  if (!('block' in matrix)) return matrix.bytes.length;
  const { bytes, scales } = matrix;
  // The tables of codes, a kilobyte for each matrix, are the same for all, or a part of the file.
  return bytes.length + (scales instanceof Float32Array ? scales.byteLength : scales.codes.length + scales.scales.byteLength);
}

it.each(['tiny-llama', 'tiny-gpt2', 'tiny-gemma3', 'tiny-phi3'])('%s: each way to keep the weights', async (name) => {
  const directory = path.join(FIXTURES, name);
  const said = await modelMemory(directory);
  expect(said.ways.map(({ weights, quantize }) => [weights, quantize])).toEqual([
    ['f32', undefined],
    ['keep', undefined],
    ['keep', 'int8'],
    ['keep', 'nf4'],
  ]);
  for (const { engine, beside, ...how } of said.ways) {
    const before = memory().numBytes;
    const model = (await loadCausalLM(directory, { algebra, ...how })) as DecoderModel;
    const stored = [...model.parameters.keys()].flatMap((parameter) => model.storedMatrix(parameter) ?? []);
    expect([memory().numBytes - before, stored.reduce((sum, matrix) => sum + bytesOf(matrix), 0)]).toEqual([engine, beside]);
    model.dispose();
  }
  const [f32] = said.ways;
  expect(f32.engine).toBe(4 * said.parameters);
});

it('counts adapters on all linear layers, and a step that grows with its tokens', async () => {
  const directory = path.join(FIXTURES, 'tiny-llama');
  const [one, two] = await Promise.all([3, 6].map((rank) => modelMemory(directory, { rank, batch: 2, length: 7 })));
  // q, k, v, o, gate, up and down of two blocks.
  const sizes = 2 * (48 + 36 + 36 + 48 + 58 + 58 + 58);
  expect([one.adapterParameters, two.adapterParameters]).toEqual([3 * sizes, 6 * sizes]);
  const longer = await modelMemory(directory, { batch: 4, length: 7 });
  expect(longer.step).toBe(2 * one.step);
});

it('says how a checkpoint is quantized, and offers no second quantization', async () => {
  const said = await modelMemory(path.join(FIXTURES, 'tiny-llama-nf4'));
  expect(said.quantized).toBe('nf4');
  expect(said.ways).toHaveLength(2);
  await expect(modelMemory(path.join(FIXTURES, 'nowhere'))).rejects.toThrow(/modelMemory: cannot read .*config.json/);
});
