/** A model, with the adapter that a path means laid over it: for commands that use what training made. */
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import { type LoraAdapter, loadAdapter } from '../../lora/index.js';
import { type CausalLM, loadCausalLM, loadTokenizer, type ModelOverlay, type Tokenizer } from '../../models/index.js';
import { type BackendRequest, tensorAlgebra } from '../../tensor/index.js';
import { adapterFiles, exists, findAdapter } from '../adapter/adapter-folder.js';

/** An open model. */
export interface OpenModel {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  /** Directory of the base model. */
  readonly base: string;
  /** Folder of the adapter, where there is one. */
  readonly adapterFolder: string | undefined;
  readonly adapter: LoraAdapter | undefined;
  /** Computes with what lies over the model; arrays that are made on the way are freed. */
  withOverlay<Result>(compute: (options: { readonly overlay?: ModelOverlay }) => Promise<Result>): Promise<Result>;
  /** Frees all of it. */
  dispose(): void;
}

/** Flags of commands that open a model. */
export const modelFlags = {
  model: { kind: 'text', placeholder: 'DIR', description: 'base model of an adapter, where it is not the one that the adapter names' },
  backend: { kind: 'text', placeholder: 'NAME', description: 'backend of TensorFlow.js (default auto)' },
} as const;

/**
 * Opens a run (its best adapter on its model), an adapter on the base model that it names, or a model alone.
 *
 * @param location - of any of the three.
 * @throws ConfigError if it is neither, or the base model is not there; what loading throws.
 */
export async function openModel(
  caller: string,
  location: string,
  flags: { readonly model?: string | undefined; readonly backend?: string | undefined },
): Promise<OpenModel> {
  const isModel = (await exists(path.join(location, 'config.json'))) && !(await exists(path.join(location, adapterFiles.config)));
  const adapterFolder = isModel ? undefined : await findAdapter(caller, location);
  const base = flags.model ?? (adapterFolder === undefined ? location : await baseOf(caller, adapterFolder));
  const tokenizer = await loadTokenizer(base);
  const algebra = await tensorAlgebra({ backend: (flags.backend ?? 'auto') as BackendRequest });
  const model = await loadCausalLM(base, { algebra });
  const adapter = adapterFolder === undefined ? undefined : await loadOnto(model, adapterFolder);
  return {
    model,
    tokenizer,
    base,
    adapterFolder,
    adapter,
    withOverlay: (compute) => algebra.tidy(() => compute(adapter === undefined ? {} : { overlay: adapter.overlay() })),
    dispose() {
      adapter?.dispose();
      model.dispose();
    },
  };
}

/** Loads an adapter; disposes of the model where that fails. */
async function loadOnto(model: CausalLM, folder: string): Promise<LoraAdapter> {
  try {
    return await loadAdapter(model, folder);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function baseOf(caller: string, folder: string): Promise<string> {
  const file = path.join(folder, adapterFiles.config);
  const config = await readJson(caller, file);
  const name = isJsonObject(config) ? config.base_model_name_or_path : undefined;
  if (typeof name === 'string' && (await exists(path.join(name, 'config.json')))) return name;
  throw new ConfigError(
    `${caller}: ${file} names the base model ${JSON.stringify(name ?? null)}, which is not there; pass its directory with --model DIR`,
  );
}
