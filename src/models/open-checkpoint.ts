/** The headers of a checkpoint: its config, as its architecture understands it, and its tensors, none of them read. */
import { ConfigError, FormatError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { type Files, readAll } from '../io/files/files.js';
import { otherFile, otherWeights } from '../io/other-formats.js';
import { decodeUtf8, isJsonObject, type JsonObject, parseJson } from '../io/parse-json.js';
import { openSafetensors } from '../io/safetensors/open-safetensors.js';
import type { TensorStore } from '../io/safetensors/tensor-store.js';
import type { Architecture, Decoder } from './architectures/architecture.js';
import { ARCHITECTURES } from './architectures/registry.js';
import { type QuantizedWeight, quantizedWeights } from './bitsandbytes.js';
import { type ConfigNotice, ConfigReader } from './config/config-reader.js';
import { tiedTensors } from './load-weights.js';

/** An open checkpoint. Its store is to be closed. */
export interface Checkpoint {
  readonly decoder: Decoder;
  readonly store: TensorStore;
  /** The weights that are quantized, by the names of their tensors. */
  readonly quantizedWeights: ReadonlyMap<string, QuantizedWeight>;
}

/**
 * Opens a checkpoint.
 *
 * @param caller - the public function that errors name.
 * @param options - where the files lie, and what receives a line of text about what is passed over in the config.
 * @throws ConfigError for a config that is not supported; FormatError for a file that is missing or malformed.
 */
export async function openCheckpoint(
  caller: string,
  directory: string,
  { files, onNotice }: { readonly files: Files; readonly onNotice: ConfigNotice },
): Promise<Checkpoint> {
  const file = files.join(directory, 'config.json');
  await checkFormat(caller, directory, files);
  const json = await readJsonObject(caller, file, files);
  const architecture = architectureOf(caller, file, json);
  const store = await openSafetensors(directory, { files, caller });
  try {
    const describe = (config: JsonObject, notice?: ConfigNotice): Decoder =>
      describeDecoder({ caller, file, json: config, architecture, store, ...(notice === undefined ? {} : { onNotice: notice }) });
    const described = describe(json, onNotice);
    const ownHead = await holdsOwnHead(described, store);
    if (ownHead) {
      onNotice(
        `${caller}: ${file} says tie_word_embeddings, but the checkpoint has a head other than the embedding, which is used; set it to false`,
      );
    }
    const decoder = ownHead ? describe({ ...json, tie_word_embeddings: false }) : described;
    return { decoder, store, quantizedWeights: await quantizedWeights(caller, store) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** @throws FormatError for a file, or a folder with weights, of another format, saying what it is and what to do. */
async function checkFormat(caller: string, directory: string, files: Files): Promise<void> {
  const isFile = otherFile(directory);
  if (isFile !== undefined)
    throw new FormatError(`${caller}: expected a directory with config.json and model.safetensors, got ${directory}: ${isFile}`);
  const weights = await otherWeights(files, directory);
  if (weights !== undefined) throw new FormatError(`${caller}: expected model.safetensors in ${directory}, found ${weights}`);
}

/**
 * Returns true if the config says that the head is the embedding, and the checkpoint holds another one: that one counts
 * then, as in transformers.
 */
async function holdsOwnHead(decoder: Decoder, store: TensorStore): Promise<boolean> {
  if (!decoder.config.tiedHead) return false;
  const { head, embedding } = tiedTensors(decoder, store);
  return head !== undefined && embedding !== undefined && !(await store.equal(head, embedding));
}

function architectureOf(caller: string, file: string, json: JsonObject): Architecture {
  const architecture = ARCHITECTURES.find(({ modelType }) => modelType === json.model_type);
  if (architecture !== undefined) return architecture;
  const names = ARCHITECTURES.map(({ modelType }) => modelType).join(', ');
  throw new ConfigError(
    `${caller}: expected 'model_type' of ${file} to be one of ${names}, got ${describeValue(json.model_type)}; other architectures are not supported`,
  );
}

/** A config and the checkpoint that it describes. */
interface Description {
  readonly caller: string;
  readonly file: string;
  readonly json: JsonObject;
  readonly architecture: Architecture;
  readonly store: TensorStore;
  readonly onNotice?: ConfigNotice;
}

/**
 * Reads the config, and checks it against the tensors of the checkpoint: parameters are listed only once no size is
 * above what it holds.
 */
function describeDecoder({ caller, file, json, architecture, store, onNotice }: Description): Decoder {
  const axes = [...store.entries.values()].flatMap(({ shape }) => shape);
  const longestAxis = axes.reduce((longest, size) => Math.max(longest, size), 0);
  checkQuantization(caller, file, json);
  const reader = new ConfigReader(caller, file, json, {
    bounds: { tensors: store.entries.size, longestAxis },
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  reader.ignore('quantization_config');
  const decoder = architecture.describe(reader);
  reader.finish();
  return decoder;
}

/** Requires a checkpoint that is not quantized, or by bitsandbytes. @throws ConfigError naming what it is. */
function checkQuantization(
  caller: string,
  file: string,
  { quantization_config: config, quantization, compression_config: compressed }: JsonObject,
): void {
  const isBitsandbytes = isJsonObject(config) && (config.quant_method === 'bitsandbytes' || config.load_in_4bit || config.load_in_8bit);
  // mlx-lm writes both keys, of one content.
  const isMlx = [quantization, config].some((each) => isJsonObject(each) && 'group_size' in each && !('quant_method' in each));
  if (!isMlx && (isBitsandbytes || !(isJsonObject(config) || isJsonObject(compressed)))) return;
  const { quant_method: method } = isJsonObject(config) ? config : { quant_method: 'compressed-tensors' };
  const found = isMlx ? 'those of MLX' : `those of ${method === undefined ? 'a method that it does not name' : describeValue(method)}`;
  throw new ConfigError(
    `${caller}: expected weights that are not quantized, or by bitsandbytes, got ${found} in ${file}; load the unquantized model, with quantize: 'nf4' or 'int8' if memory is short`,
  );
}

async function readJsonObject(caller: string, file: string, files: Files): Promise<JsonObject> {
  const bytes = await readAll(files, file).catch((cause: Error) => {
    throw new FormatError(`${caller}: cannot read ${file} (${cause.message}); pass a directory with config.json and model.safetensors`, {
      cause,
    });
  });
  const value = parseJson(caller, file, decodeUtf8(caller, file, bytes));
  if (isJsonObject(value)) return value;
  throw new FormatError(`${caller}: expected ${file} to hold an object, got ${describeValue(value)}; fetch it again`);
}
