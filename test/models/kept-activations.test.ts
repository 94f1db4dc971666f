/** How much memory activations may take before blocks are computed twice. */
import { tensor1d } from '@tensorflow/tfjs-core';
import { tensorAlgebra } from 'bures/tensor';
import { expect, it } from 'vitest';
import { HEAP_LIMIT } from '../../src/linalg/tensor/wasm/heap-guard.js';
import { keptActivationBytes } from '../../src/models/activation-bytes.js';
import { RECOMPUTE_ABOVE_BYTES } from '../../src/models/index.js';

const GIB = 2 ** 30;
const { report } = await tensorAlgebra({ backend: 'wasm' });
const onDevice = tensor1d([1, 2, 3]);
const beside = { shape: [2, 5], dtype: 'BF16', bytes: new Uint8Array(20) } as const;
const codes = { shape: [2, 5], dtype: 'I8', bytes: new Uint8Array(10), block: 64, scales: new Float32Array(1) } as const;

it.each([
  ['half of what weights leave', { ...report, taken: 'cpu', memory: 8 * GIB }, [onDevice, beside], (8 * GIB - 12 - 20) / 2],
  ['of the heap, on wasm', { ...report, memory: 64 * GIB }, [onDevice, beside], (HEAP_LIMIT - 12) / 2],
  ['of the machine, where it has less', { ...report, memory: 3 * GIB }, [onDevice, beside], (3 * GIB - 32) / 2],
  ['no less than a fixed size', { ...report, memory: GIB / 2 }, [onDevice], RECOMPUTE_ABOVE_BYTES],
  ['that size where the memory is not known', { ...report, memory: undefined }, [onDevice], RECOMPUTE_ABOVE_BYTES],
  ['that size beside quantized weights', { ...report, memory: 64 * GIB }, [onDevice, codes], RECOMPUTE_ABOVE_BYTES],
] as const)('%s', (_name, machine, weights, bytes) => {
  expect(keptActivationBytes(machine, weights)).toBe(bytes);
});
