import { ConfigError, FormatError } from '../core/errors.js';
import { choice, declareOptions, describeValue, option } from '../core/options.js';
import { type Files, readAll } from '../io/files/files.js';
import { nodeFiles } from '../io/files/node-files.js';
import { decodeUtf8, isJsonObject, type JsonObject, parseJson } from '../io/parse-json.js';
import { openSafetensors } from '../io/safetensors/open-safetensors.js';
import type { TensorStore } from '../io/safetensors/tensor-store.js';
import { QUANTIZATIONS, type Quantization } from '../linalg/tensor/quantized/quantize.js';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import { tensorDevice } from '../linalg/tensor/tensor-device.js';
import { installGradients } from '../nn/gradients.js';
import type { Architecture, Decoder } from './architectures/architecture.js';
import { ARCHITECTURES } from './architectures/registry.js';
import { quantizedWeights } from './bitsandbytes.js';
import type { CausalLM } from './causal-lm.js';
import { ConfigReader } from './config/config-reader.js';
import { DecoderModel } from './decoder-model.js';
import { matchTensors, readWeights, type WeightPlace } from './load-weights.js';
import { placeOfWeights, type StepSize } from './memory-need.js';

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
  /** File system or server that holds the directory. Default: the files of this machine. */
  readonly files?: Files;
}

const loadCausalLMOptions = declareOptions<LoadCausalLMOptions>()({
  algebra: option({}, (by, name, algebra) => {
    if ((algebra as TensorAlgebra | null | undefined)?.report !== undefined) return;
    throw new ConfigError(`${by}: expected a tensor engine as ${name}, got ${describeValue(algebra)}; pass await tensorAlgebra()`);
  }),
  weights: choice(['f32', 'keep'], { optional: true }),
  quantize: choice(QUANTIZATIONS, { optional: true }),
  trainingStep: option({ optional: true }),
  files: option({ default: nodeFiles }),
});

const caller = 'loadCausalLM';

/**
 * Loads a causal language model from a directory in Hugging Face's format, with `config.json` and `model.safetensors`
 * (or shards with their index), in the styles of transformers 4 and 5. Architectures: qwen2, qwen3, llama, mistral,
 * gemma3_text, gemma3 (its language model), phi3, smollm3, olmo2, gpt2. Computation is in float32 for any format of the
 * file: F32, F16 and BF16, and the 4-bit (NF4, FP4) and 8-bit weights that bitsandbytes saves.
 *
 * @returns the model, which owns its weights: dispose of it.
 * @throws ConfigError for any key of config.json that is not supported, naming it, and for `weights: 'keep'` on a
 * backend other than wasm; FormatError for a file that is missing or malformed, and for tensors that are missing, left
 * over or of another shape; BackendError, before anything is read, if the weights do not fit, with the bytes needed and
 * available.
 */
export async function loadCausalLM(directory: string, options: LoadCausalLMOptions): Promise<CausalLM> {
  const { algebra, weights, quantize, trainingStep, files } = loadCausalLMOptions.read(caller, options);
  const file = files.join(directory, 'config.json');
  const json = await readJsonObject(file, files);
  const architecture = architectureOf(file, json);
  const store = await openSafetensors(directory, { files });
  try {
    const decoder = describeDecoder(file, json, architecture, store);
    const matched = matchTensors(caller, decoder, store, await quantizedWeights(caller, store), quantize);
    const place = placeOfWeights(caller, { decoder, matched, algebra, trainingStep, wanted: weights });
    installGradients();
    const { run } = tensorDevice(algebra.report.taken, false);
    const read = await readWeights(store, matched, algebra.report.taken === 'wasm', place, run);
    return new DecoderModel(decoder, read, matched, algebra, run);
  } finally {
    await store.close();
  }
}

function architectureOf(file: string, json: JsonObject): Architecture {
  const architecture = ARCHITECTURES.find(({ modelType }) => modelType === json.model_type);
  if (architecture !== undefined) return architecture;
  const names = ARCHITECTURES.map(({ modelType }) => modelType).join(', ');
  throw new ConfigError(
    `${caller}: expected 'model_type' of ${file} to be one of ${names}, got ${describeValue(json.model_type)}; other architectures are not supported`,
  );
}

/**
 * Reads the config, and checks it against the tensors of the checkpoint: parameters are listed only once no size is
 * above what it holds.
 */
function describeDecoder(file: string, json: JsonObject, architecture: Architecture, store: TensorStore): Decoder {
  const axes = [...store.entries.values()].flatMap(({ shape }) => shape);
  const longestAxis = axes.reduce((longest, size) => Math.max(longest, size), 0);
  checkQuantization(file, json);
  const reader = new ConfigReader(caller, file, json, { bounds: { tensors: store.entries.size, longestAxis } });
  reader.ignore('quantization_config');
  const decoder = architecture.describe(reader);
  reader.finish();
  return decoder;
}

/** Requires a checkpoint that is not quantized, or by bitsandbytes. @throws ConfigError naming what it is. */
function checkQuantization(file: string, { quantization_config: config, quantization }: JsonObject): void {
  const isBitsandbytes = isJsonObject(config) && (config.quant_method === 'bitsandbytes' || config.load_in_4bit || config.load_in_8bit);
  const isMlx = isJsonObject(quantization) && 'group_size' in quantization;
  if (!isMlx && (isBitsandbytes || !isJsonObject(config))) return;
  const { quant_method: method } = isJsonObject(config) ? config : {};
  const found = isMlx ? 'those of MLX' : `those of ${method === undefined ? 'a method that it does not name' : describeValue(method)}`;
  throw new ConfigError(
    `${caller}: expected weights that are not quantized, or by bitsandbytes, got ${found} in ${file}; load the unquantized model, with quantize: 'nf4' or 'int8' if memory is short`,
  );
}

async function readJsonObject(file: string, files: Files): Promise<JsonObject> {
  const bytes = await readAll(files, file).catch((cause: Error) => {
    throw new FormatError(`${caller}: cannot read ${file} (${cause.message}); pass a directory with config.json and model.safetensors`, {
      cause,
    });
  });
  const value = parseJson(caller, file, decodeUtf8(caller, file, bytes));
  if (isJsonObject(value)) return value;
  throw new FormatError(`${caller}: expected ${file} to hold an object, got ${describeValue(value)}; fetch it again`);
}
