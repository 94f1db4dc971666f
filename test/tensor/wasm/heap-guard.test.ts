/** A full wasm heap is an error with the bytes, whoever asked for them, and what is on the heap stays right. */
import { conv2d, engine, fill, keep, matMul, type Rank, softmax, square, type Tensor, tensor, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BackendError } from '../../../src/core/errors.js';
import { type TensorAlgebra, tensorAlgebra } from '../../../src/linalg/tensor/index.js';
import { heapTensor } from '../../../src/linalg/tensor/wasm/heap-tensor.js';
import { liveTensors } from '../../support/engines.js';
import { limitHeap } from '../../support/limited-heap.js';

const MEGABYTE = 2 ** 20;
const LIMIT = 160 * MEGABYTE;
const numbers = (bytes: number): number => bytes / 4;

const restore = limitHeap((bytes) => bytes <= LIMIT);
let la: TensorAlgebra;
let before = 0;
const held: Tensor[] = [];

/** Fills the heap until less than about `left` bytes are free. */
function fillHeap(left: number): void {
  for (let bytes = 32 * MEGABYTE; bytes >= left; bytes /= 2) {
    try {
      for (;;) held.push(keep(fill([numbers(bytes)], held.length + 1)));
    } catch (error) {
      expect(error).toBeInstanceOf(BackendError);
    }
  }
}

function refused(compute: () => unknown): Error {
  const count = liveTensors();
  let thrown: unknown;
  try {
    tidy(() => void compute());
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(BackendError);
  expect(liveTensors()).toBe(count);
  return thrown as Error;
}

beforeAll(async () => {
  la = await tensorAlgebra({ backend: 'wasm' });
  before = liveTensors();
});
afterEach(() => {
  // None was written over.
  for (const [index, each] of held.entries())
    expect(
      each
        .dataSync()
        .subarray(0, 2 ** 14)
        .every((value) => value === index + 1),
    ).toBe(true);
  for (const each of held.splice(0)) each.dispose();
  expect(liveTensors()).toBe(before);
});
afterAll(restore);

describe('a full heap', () => {
  it.each<[string, number, () => unknown]>([
    ['an upload', 8e6, () => tensor(new Float32Array(2e6))],
    ['an upload of the engine', 8e6, () => la.fromArray(new Float32Array(2e6), [2000, 1000])],
    ["an output of TensorFlow.js's own kernel", 32 * MEGABYTE, () => square(held[0])],
    ['an output of a kernel of ours', 4e6, () => matMul(fill([1000, 2], 1), fill([2, 1000], 1))],
    ['weights that are read in place', 8e6, () => heapTensor([2000, 1000])],
    ['a softmax', 32 * MEGABYTE, () => softmax(held[0])],
  ])('%s', (_, bytes, compute) => {
    fillHeap(MEGABYTE);
    const { message } = refused(compute);
    expect(message).toMatch(new RegExp(`^wasm: expected room for ${bytes} bytes on the WebAssembly heap, got none: `));
    expect(Number(/(\d+) bytes are in use by tensors/.exec(message)?.[1])).toBeGreaterThanOrEqual(engine().state.numBytes);
    expect(message).toContain('at most 4294901760');
    expect(message).toMatch(/shorter rows, a smaller batch, a lower rank or recompute/);
  });

  it('work space inside of a kernel, for which XNNPACK only prints a line', () => {
    const filter = keep(fill<Rank.R4>([1, 1, 8192, 1024], 1));
    const input = tensor4d(new Float32Array(8192), [1, 1, 1, 8192]);
    held.push(filter);
    fillHeap(MEGABYTE);
    const { message } = refused(() => conv2d(input, filter, 1, 'valid'));
    expect(Number(/expected room for (\d+) bytes/.exec(message)?.[1])).toBeGreaterThan(16 * MEGABYTE);
    input.dispose();
  });

  it('an abort of the module', () => {
    const { wasm } = engine().backend as unknown as { wasm: { onAbort(reason: unknown): void } };
    expect(() => wasm.onAbort('')).toThrow(/^wasm: the WebAssembly module gave up \(no reason given\), .* bytes are in use/);
  });

  it('more than an address can say, which TensorFlow.js takes modulo 4 GB', () => {
    expect(refused(() => la.full([65_536, 16_385], 1)).message).toContain('expected room for 4295229440 bytes');
  });

  it('goes on when tensors are freed', () => {
    fillHeap(MEGABYTE);
    refused(() => square(held[0]));
    held.pop()?.dispose();
    held.pop()?.dispose();
    expect(tidy(() => square(tensor([1, 2, 3])).dataSync())).toEqual(Float32Array.of(1, 4, 9));
  });
});
