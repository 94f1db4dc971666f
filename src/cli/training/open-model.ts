/** A model, with the adapter that a path means laid over it: for commands that use what training made. */
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import { type LoraAdapter, loadAdapter } from '../../lora/index.js';
import { type CausalLM, loadCausalLM, loadTokenizer, type ModelOverlay, type Tokenizer } from '../../models/index.js';
import { type BackendRequest, tensorAlgebra } from '../../tensor/index.js';
import { adapterFiles, exists, findAdapter } from '../adapter/adapter-folder.js';
import { readYaml } from '../config/yaml-source.js';
import { runFiles, runFolders } from '../run/run-layout.js';

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

/** The directory of an adapter's base model: in a run that of its configuration, elsewhere what the adapter's own file names. */
async function baseOf(caller: string, folder: string): Promise<string> {
  const file = path.join(folder, adapterFiles.config);
  const config = await readJson(caller, file);
  const name = isJsonObject(config) ? config.base_model_name_or_path : undefined;
  for (const candidate of [await modelOfRun(caller, folder), name])
    if (typeof candidate === 'string' && (await exists(path.join(candidate, 'config.json')))) return candidate;
  throw new ConfigError(
    `${caller}: ${file} names the base model ${JSON.stringify(name ?? null)}, which is no directory here; pass that of the model with --model DIR`,
  );
}

/** The model of the run that a folder is, or is a checkpoint of; `undefined` where it is of no run. An adapter keeps no path of the machine that it was trained on. */
async function modelOfRun(caller: string, folder: string): Promise<unknown> {
  for (const run of [path.join(folder, '..'), path.join(folder, '..', '..')]) {
    const file = path.join(run, runFiles.config);
    if ((await exists(file)) && isInRun(run, folder)) return (await readYaml(caller, file)).values.model;
  }
  return undefined;
}

function isInRun(run: string, folder: string): boolean {
  const [first] = path.relative(run, folder).split(path.sep);
  return first === runFolders.best || first === runFolders.checkpoints;
}
