/** Estimates whether a model fits before it is loaded. */
import { memory } from '@tensorflow/tfjs-core';
import { availableBytes } from '../core/allocate.js';
import { BackendError, ConfigError } from '../core/errors.js';
import { entryCount } from '../io/safetensors/dtypes.js';
import { quantizedBytes } from '../linalg/tensor/quantized/quantize.js';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import { HEAP_LIMIT } from '../linalg/tensor/wasm/heap-guard.js';
import { activationBytes } from './activation-bytes.js';
import type { Decoder } from './architectures/architecture.js';
import { CHUNK_BYTES } from './head-loss.js';
import type { FoundWeight, WeightPlace } from './load-weights.js';

const BYTES = 4;

/** The size of a training step. */
export interface StepSize {
  /** Number of sequences. */
  readonly batch: number;
  /** Length of each, in tokens. */
  readonly length: number;
}

/** Bytes of a model's weights. */
export interface WeightBytes {
  /** On the engine. */
  readonly engine: number;
  /** In plain memory beside it. */
  readonly beside: number;
}

export function weightBytes(weights: Iterable<FoundWeight>, place: WeightPlace): WeightBytes {
  let [engine, beside] = [0, 0];
  for (const weight of weights) {
    if (place === 'keep' && weight.shape.length === 2) beside += bytesBeside(weight);
    else engine += BYTES * entryCount(weight.shape);
  }
  return { engine, beside };
}

/** Returns the bytes of a matrix that is kept beside the heap. */
function bytesBeside({ entry, shape, stored, wanted }: FoundWeight): number {
  if (wanted !== undefined) return quantizedBytes(entryCount(shape), wanted);
  // One that has to be turned is kept as float32.
  return stored !== undefined && stored.shape.join() !== shape.join() ? BYTES * entryCount(shape) : entry.byteLength;
}

/**
 * Estimates the bytes of a training step besides weights and adapters, with blocks computed again on the backward pass:
 * every block's input, twice what one block keeps, and a chunk of the head's logits with its gradient.
 */
export function stepBytes({ config }: Pick<Decoder, 'config'>, { batch, length }: StepSize): number {
  const tokens = batch * length;
  const inputs = BYTES * tokens * config.hiddenSize * (config.layers + 1);
  const oneBlock = activationBytes({ ...config, layers: 1 }, { batch, length });
  return inputs + 2 * oneBlock + 2 * Math.min(CHUNK_BYTES, BYTES * tokens * config.vocabularySize);
}

/** What is to be loaded. */
export interface LoadRequest {
  readonly decoder: Decoder;
  /** The parameters in the checkpoint. */
  readonly matched: ReadonlyMap<string, FoundWeight>;
  readonly algebra: TensorAlgebra;
  /** Size of a training step that must fit as well. */
  readonly trainingStep: StepSize | undefined;
  /** Where the weights are to be kept; `undefined` for wherever they fit. */
  readonly wanted: WeightPlace | undefined;
}

/**
 * Chooses where the weights are kept, and requires room for them, and for a training step if its size is given.
 *
 * @throws ConfigError if they are to be kept beside a backend that cannot do that; BackendError with the bytes needed
 * and available.
 */
export function placeOfWeights(caller: string, { decoder, matched, algebra: { report }, trainingStep, wanted }: LoadRequest): WeightPlace {
  const canKeep = report.taken === 'wasm';
  if (wanted === 'keep' && !canKeep) {
    throw new ConfigError(
      `${caller}: expected the backend wasm for weights 'keep', got ${report.taken}; leave it out, or compute on the backend wasm`,
    );
  }
  const step = trainingStep === undefined ? 0 : stepBytes(decoder, trainingStep);
  const { available, where } = roomOf(report);
  const fits = (place: WeightPlace): boolean => {
    const { engine, beside } = weightBytes(matched.values(), place);
    return engine + step <= available && engine + step + beside <= Math.max(available, availableBytes());
  };
  const isQuantized = [...matched.values()].some((weight) => weight.stored !== undefined || weight.wanted !== undefined);
  // Who quantizes wants to save memory.
  const places: readonly WeightPlace[] = !canKeep ? ['f32'] : isQuantized ? ['keep'] : ['f32', 'keep'];
  const choices = wanted === undefined ? places : [wanted];
  const chosen = choices.find(fits);
  if (chosen !== undefined) return chosen;
  const { engine, beside } = weightBytes(matched.values(), choices[choices.length - 1]);
  const total = engine + beside;
  const size = trainingStep && `${total} of weights, the rest for a step of ${trainingStep.batch} · ${trainingStep.length} tokens`;
  const parts = size === undefined ? '' : ` (${size})`;
  const remedy =
    wanted === 'f32' && canKeep
      ? "leave weights out or pass weights: 'keep'"
      : 'take a smaller model or another backend, or free other models';
  throw new BackendError(`${caller}: expected ${total + step} bytes${parts} to be available ${where}, got ${available}; ${remedy}`);
}

/** Returns the bytes that the device of an algebra still has, and the device in words. */
function roomOf(report: TensorAlgebra['report']): { available: number; where: string } {
  const used = memory().numBytes;
  if (report.cuda && report.memory !== undefined) return { available: report.memory - used, where: `on ${report.device}` };
  const free = availableBytes();
  if (report.taken === 'wasm' && HEAP_LIMIT - used < free) return { available: HEAP_LIMIT - used, where: 'on the wasm heap' };
  return { available: free, where: 'in memory' };
}
