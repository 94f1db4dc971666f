/**
 * What an adapter must be for its product to be combined with others, approximated, or trained on: factors and nothing
 * else.
 */
import { ConfigError } from '../../core/errors.js';
import { isThere } from '../../io/files/files.js';
import { type JsonObject, readJson } from '../../io/parse-json.js';
import type { ResolvedLoraConfig } from '../adapter/lora-config.js';
import { loraStarts } from '../methods/lora-methods.js';
import { adapterFiles } from './adapter-files.js';
import type { OpenAdapter } from './open-adapter.js';
import { readPeftConfig } from './read-config.js';
import { trainedWeightsFile } from './trained-weights.js';

/** An adapter with what its configuration says. */
export interface SourceAdapter {
  /** The open adapter. */
  readonly adapter: OpenAdapter;
  /** Its name in messages and in model cards. */
  readonly name: string;
  /** The configuration as read. */
  readonly config: ResolvedLoraConfig;
  /** The contents of adapter_config.json. */
  readonly content: JsonObject;
}

/**
 * Reads the configuration of an adapter.
 *
 * @throws ConfigError naming the key for what is no sum W + s·AB over the original base: DoRA, a start that changed the
 * base and was not saved in portable form, weights that were trained themselves; FormatError for contents that are not
 * a LoRA configuration.
 */
export async function readSource(caller: string, adapter: OpenAdapter, name: string): Promise<SourceAdapter> {
  const { files, folder } = adapter;
  const file = files.join(folder, adapterFiles.config);
  const content = (await readJson(caller, file, files)) as JsonObject;
  const config = readPeftConfig(caller, file, content);
  const refuse = (what: string, remedy: string): never => {
    throw new ConfigError(`${caller}: expected an adapter that adds a product of factors to the weights, got ${name} ${what}; ${remedy}`);
  };
  const magnitude = [...adapter.store.entries.keys()].find((tensor) => tensor.endsWith('.lora_magnitude_vector'));
  if (config.magnitudes || magnitude !== undefined) {
    refuse(
      `with magnitudes (DoRA: ${config.magnitudes ? 'use_dora' : `'${magnitude}'`}), whose change of a weight is no product`,
      'merge it into its base instead',
    );
  }
  if (loraStarts[config.start].changesBase) {
    refuse(
      `with init_lora_weights ${JSON.stringify(content.init_lora_weights)}, which took a part of the base weights out that its files do not hold`,
      "write it in portable form first: load it with loadAdapter and save it with saveAdapter, or save it with PEFT's path_initial_model_for_weight_conversion",
    );
  }
  if (await isThere(files, files.join(folder, trainedWeightsFile))) {
    refuse(
      `with weights that were trained themselves (${trainedWeightsFile}), which its factors only approximate`,
      'write the nearest adapter of a rank first: bures merge RUN --adapter-rank R --out DIR',
    );
  }
  return { adapter, name, config, content };
}
