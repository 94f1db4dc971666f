import { ConfigError } from '../core/errors.js';
import { warn } from '../core/notice.js';
import { choice, declareOptions, describeValue, option } from '../core/options.js';
import type { Files } from '../io/files/files.js';
import { filesOption } from '../io/files/files-option.js';
import { QUANTIZATIONS, type Quantization } from '../linalg/tensor/quantized/quantize.js';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import { tensorDevice } from '../linalg/tensor/tensor-device.js';
import { installGradients } from '../nn/gradients.js';
import type { CausalLM } from './causal-lm.js';
import { DecoderModel } from './decoder-model.js';
import { matchTensors, readWeights, type WeightPlace } from './load-weights.js';
import { placeOfWeights, type StepSize } from './memory-need.js';
import { openCheckpoint } from './open-checkpoint.js';

/** Options of {@link loadCausalLM}. */
export interface LoadCausalLMOptions {
  /** Engine to compute on. */
  readonly algebra: TensorAlgebra;
  /**
   * Where frozen weights are kept: `'f32'` widens them to float32 on the engine; `'keep'` (wasm only) leaves matrices
   * in the file's own format beside the heap, and widens a panel at a time where one is multiplied, which takes less
   * memory and some time. Default: `'f32'` if that fits, else `'keep'`; on wasm `'keep'` for quantized weights.
   */
  readonly weights?: WeightPlace;
  /**
   * Quantizes the weights of the linear layers, the head's excepted, as they are loaded: `'nf4'` as in QLoRA, with
   * double quantization (4.13 bits a weight), `'int8'` by the largest magnitude of each 64 weights (8.5 bits). Adapters
   * are trained over the quantized values. On wasm the default of `weights` is then `'keep'`; other backends hold the
   * values in float32. Default: as the checkpoint is.
   */
  readonly quantize?: Quantization;
  /** Size of a training step that must fit as well, by an estimate. Default: none. */
  readonly trainingStep?: StepSize;
  /** Where the directory lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /**
   * Receives a line of text about keys of config.json that are passed over because the library does not know them, and
   * about a head that the config denies. Default: Node's warnings (`process.emitWarning`).
   */
  readonly onNotice?: (line: string) => void;
}

const loadCausalLMOptions = declareOptions<LoadCausalLMOptions>()({
  algebra: option({}, (by, name, algebra) => {
    if ((algebra as TensorAlgebra | null | undefined)?.report !== undefined) return;
    throw new ConfigError(`${by}: expected a tensor engine as ${name}, got ${describeValue(algebra)}; pass await tensorAlgebra()`);
  }),
  weights: choice(['f32', 'keep'], { optional: true }),
  quantize: choice(QUANTIZATIONS, { optional: true }),
  trainingStep: option({ optional: true }),
  files: filesOption,
  onNotice: option({ default: warn }),
});

const caller = 'loadCausalLM';

/**
 * Loads a causal language model from a directory in Hugging Face's format, with `config.json` and `model.safetensors`
 * (or shards with their index), in the styles of transformers 4 and 5. Architectures: qwen2, qwen3, llama, mistral,
 * gemma3_text, gemma3 (its language model), phi3, smollm3, olmo2, gpt2. Computation is in float32 for any format of the
 * file: F32, F16 and BF16, and the 4-bit (NF4, FP4) and 8-bit weights that bitsandbytes saves.
 *
 * @returns the model, which owns its weights: dispose of it.
 * @throws ConfigError for a key of config.json that changes the forward pass and is not supported, naming it, and for
 * `weights: 'keep'` on a backend other than wasm; FormatError for a file that is missing or malformed, and for tensors
 * that are missing, left over or of another shape; BackendError, before anything is read, if the weights do not fit,
 * with the bytes needed and available.
 */
export async function loadCausalLM(directory: string, options: LoadCausalLMOptions): Promise<CausalLM> {
  const { algebra, weights, quantize, trainingStep, files, onNotice } = loadCausalLMOptions.read(caller, options);
  const { decoder, store, quantizedWeights } = await openCheckpoint(caller, directory, { files, onNotice });
  try {
    const matched = matchTensors(caller, decoder, store, quantizedWeights, quantize);
    const place = placeOfWeights(caller, { decoder, matched, algebra, trainingStep, wanted: weights });
    installGradients();
    const { run } = tensorDevice(algebra.report.taken, false);
    const read = await readWeights(store, matched, algebra.report.taken === 'wasm', place, run);
    return new DecoderModel(decoder, read, matched, algebra, run);
  } finally {
    await store.close();
  }
}
