/** The memory that a model takes, for each way to keep its weights, from the headers of its files. */
import { warn } from '../core/notice.js';
import { declareOptions, option, size } from '../core/options.js';
import { stepDefaults } from '../core/step-defaults.js';
import type { Files } from '../io/files/files.js';
import { filesOption } from '../io/files/files-option.js';
import { entryCount } from '../io/safetensors/dtypes.js';
import { QUANTIZATIONS, type Quantization } from '../linalg/tensor/quantized/quantize.js';
import { HEAP_LIMIT } from '../linalg/tensor/wasm/heap-guard.js';
import { matchTensors, type WeightPlace } from './load-weights.js';
import { stepBytes, weightBytes } from './memory-need.js';
import { openCheckpoint } from './open-checkpoint.js';

/** Options of {@link modelMemory}. */
export interface ModelMemoryOptions {
  /** Number of sequences of a training step. Default: 8. */
  readonly batch?: number;
  /** Length of each, in tokens. Default: 512. */
  readonly length?: number;
  /** Rank of the adapters, on all linear layers but the head. Default: 16. */
  readonly rank?: number;
  /** Where the directory lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /**
   * Receives a line of text about keys of config.json that are passed over because the library does not know them, and
   * about a head that the config denies. Default: Node's warnings (`process.emitWarning`).
   */
  readonly onNotice?: (line: string) => void;
}

const modelMemoryOptions = declareOptions<ModelMemoryOptions>()({
  batch: size({ default: stepDefaults.batch }),
  length: size({ default: stepDefaults.length }),
  rank: size({ default: stepDefaults.rank }),
  files: filesOption,
  onNotice: option({ default: warn }),
});

/** Defaults of {@link ModelMemoryOptions}. */
export const modelMemoryDefaults: Required<ModelMemoryOptions> = modelMemoryOptions.defaults;

/** Bytes of the weights in one way to keep them, as options of `loadCausalLM`. */
export interface WeightMemory {
  /** Where they are kept. */
  readonly weights: WeightPlace;
  /** What they are quantized to; absent if they are as in the checkpoint. */
  readonly quantize?: Quantization;
  /** Bytes on the engine. */
  readonly engine: number;
  /** Bytes in plain memory beside it. */
  readonly beside: number;
}

/** What a model takes, in bytes. */
export interface ModelMemory {
  /** `model_type` of its config. */
  readonly modelType: string;
  /** Number of weights. */
  readonly parameters: number;
  /** How the checkpoint itself is quantized, if it is. */
  readonly quantized?: 'nf4' | 'fp4' | 'int8';
  /** The ways to keep the weights. */
  readonly ways: readonly WeightMemory[];
  /** Numbers of the adapter. */
  readonly adapterParameters: number;
  /** Adapter on the engine: factors before and after the step, gradient, both moments of Adam, and direction. */
  readonly adapter: number;
  /**
   * What a training step takes besides, on the engine, with blocks computed again on the backward pass: an estimate.
   */
  readonly step: number;
  /** The most bytes that the engine can hold on wasm, whatever memory there is. */
  readonly heapLimit: number;
}

/** Arrays as large as the adapter that a step of Adam needs. */
const ADAPTER_ARRAYS = 6;

/**
 * Estimates the memory that a model and a training step take, without reading the weights.
 *
 * @param directory - as for `loadCausalLM`.
 * @throws as `loadCausalLM` does for a checkpoint that it cannot load.
 */
export async function modelMemory(directory: string, options: ModelMemoryOptions = {}): Promise<ModelMemory> {
  const caller = 'modelMemory';
  const { batch, length, rank, files, onNotice } = modelMemoryOptions.read(caller, options);
  const { decoder, store, quantizedWeights } = await openCheckpoint(caller, directory, { files, onNotice });
  try {
    const found = (quantize?: Quantization) => [...matchTensors(caller, decoder, store, quantizedWeights, quantize).values()];
    const own = found();
    const quantized = own.find(({ stored }) => stored !== undefined)?.stored?.format;
    const adapterParameters = decoder.modules.reduce((sum, { inFeatures, outFeatures }) => sum + rank * (inFeatures + outFeatures), 0);
    return {
      modelType: decoder.config.modelType,
      parameters: own.reduce((sum, { shape }) => sum + entryCount(shape), 0),
      ...(quantized === undefined ? {} : { quantized }),
      ways: [
        { weights: 'f32', ...weightBytes(own, 'f32') },
        { weights: 'keep', ...weightBytes(own, 'keep') },
        ...(quantized === undefined ? QUANTIZATIONS : []).map((quantize): WeightMemory => {
          return { weights: 'keep', quantize, ...weightBytes(found(quantize), 'keep') };
        }),
      ],
      adapterParameters,
      adapter: 4 * ADAPTER_ARRAYS * adapterParameters,
      step: stepBytes(decoder, { batch, length }),
      heapLimit: HEAP_LIMIT,
    };
  } finally {
    await store.close();
  }
}
