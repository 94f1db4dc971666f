/** Opens a model with the adapter of a path, for commands that use the results of training. */

import { ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.js';
import { path } from '../../io/files/path.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import { adapterFiles, type LoraAdapter, loadAdapter } from '../../lora/index.js';
import { type CausalLM, loadTokenizer, type ModelOverlay, QUANTIZATIONS, type Quantization, type Tokenizer } from '../../models/index.js';
import { findAdapter } from '../adapter/adapter-folder.js';
import { backendKey, quantizeKey, weightsKey } from '../config/finetune-config.js';
import { folder } from '../config/keys.js';
import { readYaml } from '../config/yaml.js';
import { runFiles, runFolders } from '../run/run-layout.js';
import { type BaseKeys, loadBase } from './load-base.js';

/** An open base model with its tokenizer and, if there is one, its adapter. */
export interface OpenModel {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  /** Directory of the base model. */
  readonly base: string;
  /** The format that its weights were quantized to when they were loaded. */
  readonly quantize: Quantization | undefined;
  /** Folder of the adapter, if there is one. */
  readonly adapterFolder: string | undefined;
  readonly adapter: LoraAdapter | undefined;
  /** Computes with the adapter over the model, and frees the intermediate arrays. */
  withOverlay<Result>(compute: (options: { readonly overlay?: ModelOverlay }) => Promise<Result>): Promise<Result>;
  /** Frees model and adapter. */
  dispose(): void;
}

/** The keys of commands that open a model. */
export const modelKeys = {
  model: folder.optional().describe('base model of the adapter (default: the one that the adapter names)'),
  backend: backendKey,
  weights: weightsKey,
  quantize: quantizeKey.describe(
    'format that the weights of linear layers are quantized to (default: as in the run, or as the checkpoint is)',
  ),
};

/** Values of {@link modelKeys}. */
export interface ModelKeys extends BaseKeys {
  readonly model?: string | undefined;
}

/**
 * Opens a run (its best adapter on its model), an adapter on the base model that it names, or a model alone.
 *
 * @param location - path of a run, an adapter or a model.
 * @throws ConfigError if it is none of them, or the base model is missing; errors of loading.
 */
export async function openModel(
  caller: string,
  location: string,
  { model: named, backend, weights, ...keys }: ModelKeys,
): Promise<OpenModel> {
  const isModel = (await exists(path.join(location, 'config.json'))) && !(await exists(path.join(location, adapterFiles.config)));
  const adapterFolder = isModel ? undefined : await findAdapter(caller, location);
  const run = adapterFolder === undefined ? {} : await configOfRun(caller, adapterFolder);
  const base = named ?? (adapterFolder === undefined ? location : await baseOf(caller, adapterFolder, run.model));
  // An adapter belongs to the weights over which it was trained.
  const { quantize = QUANTIZATIONS.find((format) => format === run.quantize) } = keys;
  const tokenizer = await loadTokenizer(base);
  const model = await loadBase(base, { backend, weights, quantize });
  const adapter = adapterFolder === undefined ? undefined : await loadOnto(model, adapterFolder);
  return {
    model,
    tokenizer,
    base,
    quantize,
    adapterFolder,
    adapter,
    withOverlay: (compute) => model.algebra.tidy(() => compute(adapter === undefined ? {} : { overlay: adapter.overlay() })),
    dispose() {
      adapter?.dispose();
      model.dispose();
    },
  };
}

/** Loads an adapter, and disposes of the model if that fails. */
async function loadOnto(model: CausalLM, folder: string): Promise<LoraAdapter> {
  try {
    return await loadAdapter(model, folder);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/**
 * Finds the directory of an adapter's base model: in a run from its configuration, elsewhere from the adapter's file.
 */
async function baseOf(caller: string, folder: string, modelOfRun: unknown): Promise<string> {
  const file = path.join(folder, adapterFiles.config);
  const config = await readJson(caller, file);
  const name = isJsonObject(config) ? config.base_model_name_or_path : undefined;
  for (const candidate of [modelOfRun, name])
    if (typeof candidate === 'string' && (await exists(path.join(candidate, 'config.json')))) return candidate;
  throw new ConfigError(
    `${caller}: ${file} names the base model ${JSON.stringify(name ?? null)}, which is not a directory on this machine; pass the directory of the model with --model DIR`,
  );
}

/**
 * Returns the configuration of the run to which a folder belongs, empty if there is none. An adapter does not store
 * paths of the machine it was trained on.
 */
async function configOfRun(caller: string, folder: string): Promise<Readonly<Record<string, unknown>>> {
  for (const run of [path.join(folder, '..'), path.join(folder, '..', '..')]) {
    const file = path.join(run, runFiles.config);
    if ((await exists(file)) && isInRun(run, folder)) return (await readYaml(caller, file)).values;
  }
  return {};
}

function isInRun(run: string, folder: string): boolean {
  const [first] = path.relative(run, folder).split(path.sep);
  return first === runFolders.best || first === runFolders.checkpoints;
}
