/** How much memory activations may take before blocks are computed twice. */
import path from 'node:path';
import { tensor1d } from '@tensorflow/tfjs-core';
import { BackendError } from 'bures';
import { loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { expect, it, vi } from 'vitest';
import { HEAP_LIMIT } from '../../src/linalg/tensor/wasm/heap-guard.js';
import { keptActivationBytes } from '../../src/models/activation-bytes.js';
import { RECOMPUTE_ABOVE_BYTES } from '../../src/models/index.js';

/** What `recompute` was in each computation; those with `false` fail while `full`, as where the heap is too small. */
const asked: boolean[] = [];
let full = false;
vi.mock('../../src/models/loss-and-gradient.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/models/loss-and-gradient.js')>();
  return {
    ...original,
    lossAndGradient(task: Parameters<typeof original.lossAndGradient>[0]) {
      asked.push(task.recompute);
      if (full && !task.recompute) throw new BackendError('the heap is full');
      return original.lossAndGradient(task);
    },
  };
});

const GIB = 2 ** 30;
const algebra = await tensorAlgebra({ backend: 'wasm' });
const { report } = algebra;
const onDevice = tensor1d([1, 2, 3]);
const beside = { shape: [2, 5], dtype: 'BF16', bytes: new Uint8Array(20) } as const;
const codes = { shape: [2, 5], dtype: 'I8', bytes: new Uint8Array(10), block: 64, scales: new Float32Array(1) } as const;

it.each([
  ['three fifths of what is left', { ...report, taken: 'cpu', memory: 8 * GIB }, [onDevice, beside], 0.6 * (8 * GIB - 1012 - 20)],
  ['of the heap, on wasm', { ...report, memory: 64 * GIB }, [onDevice, beside], 0.6 * (HEAP_LIMIT - 1012)],
  ['of the machine, where it has less', { ...report, memory: 3 * GIB }, [onDevice, beside], 0.6 * (3 * GIB - 1032)],
  ['no less than a fixed size', { ...report, memory: GIB / 2 }, [onDevice], RECOMPUTE_ABOVE_BYTES],
  ['that size where the memory is not known', { ...report, memory: undefined }, [onDevice], RECOMPUTE_ABOVE_BYTES],
  ['that size beside quantized weights', { ...report, memory: 64 * GIB }, [onDevice, codes], RECOMPUTE_ABOVE_BYTES],
] as const)('%s', (_name, machine, weights, bytes) => {
  expect(keptActivationBytes(machine, weights, 12 + 1000)).toBe(bytes);
});

it('where the estimate was too high, blocks are computed again from then on, with the same numbers', async () => {
  const model = await loadCausalLM(path.join(import.meta.dirname, '../fixtures/models/tiny-qwen2'), { algebra });
  const batch = (length: number) => {
    const ids = Int32Array.from({ length }, (_, i) => (7 * i + 3) % 50);
    return { batch: 1, length, inputIds: ids, labels: ids };
  };
  const none = { adapters: new Map(), replaced: new Map() };
  const loss = async (length: number, options = {}): Promise<number> => (await model.lossAndGradient(batch(length), none, options)).loss;
  const kept = await loss(9);
  expect(asked).toEqual([false]);
  full = true;
  expect(await loss(9)).toBe(kept);
  expect(await loss(9)).toBe(kept);
  expect(asked).toEqual([false, false, true, true]);
  // A smaller batch may fit; and who asks for it gets the error.
  await loss(4);
  expect(asked.slice(4)).toEqual([false, true]);
  await expect(loss(9, { recompute: false })).rejects.toThrow('the heap is full');
  full = false;
  model.dispose();
});
