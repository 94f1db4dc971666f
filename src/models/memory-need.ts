/** Estimates whether a model fits before it is loaded. */
import { memory } from '@tensorflow/tfjs-core';
import { availableBytes } from '../core/allocate.js';
import { BackendError } from '../core/errors.js';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import { HEAP_LIMIT } from '../linalg/tensor/wasm/heap-guard.js';
import { activationBytes } from './activation-bytes.js';
import type { Decoder } from './architectures/architecture.js';
import { CHUNK_BYTES } from './head-loss.js';

const BYTES = 4;

/** The size of a training step. */
export interface StepSize {
  /** Number of sequences. */
  readonly batch: number;
  /** Length of each, in tokens. */
  readonly length: number;
}

/** Returns the bytes of all weights. */
function weightBytes({ parameters }: Pick<Decoder, 'parameters'>): number {
  let entries = 0;
  for (const shape of parameters.values()) entries += shape.reduce((product, length) => product * length, 1);
  return BYTES * entries;
}

/**
 * Estimates the bytes of a training step besides weights and adapters, with blocks computed again on the backward pass:
 * every block's input, twice what one block keeps, and a chunk of the head's logits with its gradient.
 */
function stepBytes({ config }: Pick<Decoder, 'config'>, { batch, length }: StepSize): number {
  const tokens = batch * length;
  const inputs = BYTES * tokens * config.hiddenSize * (config.layers + 1);
  const oneBlock = activationBytes({ ...config, layers: 1 }, { batch, length });
  return inputs + 2 * oneBlock + 2 * Math.min(CHUNK_BYTES, BYTES * tokens * config.vocabularySize);
}

/**
 * Requires room for weights, and for a training step if its size is given.
 *
 * @throws BackendError with the bytes needed and available.
 */
export function checkMemory(caller: string, decoder: Decoder, { report }: TensorAlgebra, step: StepSize | undefined): void {
  const weights = weightBytes(decoder);
  const needed = weights + (step === undefined ? 0 : stepBytes(decoder, step));
  const { available, where } = roomOf(report);
  if (needed <= available) return;
  const parts = step === undefined ? '' : ` (${weights} of weights, the rest for a step of ${step.batch} · ${step.length} tokens)`;
  throw new BackendError(
    `${caller}: expected ${needed} bytes${parts} to be available ${where}, got ${available}; take a smaller model or another backend, or free other models`,
  );
}

/** Returns the bytes that the device of an algebra still has, and the device in words. */
function roomOf(report: TensorAlgebra['report']): { available: number; where: string } {
  const used = memory().numBytes;
  if (report.cuda && report.memory !== undefined) return { available: report.memory - used, where: `on ${report.device}` };
  const free = availableBytes();
  if (report.taken === 'wasm' && HEAP_LIMIT - used < free) return { available: HEAP_LIMIT - used, where: 'on the wasm heap' };
  return { available: free, where: 'in memory' };
}
