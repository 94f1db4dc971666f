/** Opens a model with the adapter of a path, for commands that use the results of training. */

import { ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { parseRepositoryName, repositoryText } from '../../io/hub/repository-name.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import { adapterFiles, type LoraAdapter, loadAdapter } from '../../lora/index.js';
import { type CausalLM, loadTokenizer, type ModelOverlay, QUANTIZATIONS, type Quantization, type Tokenizer } from '../../models/index.js';
import { findAdapter } from '../adapter/adapter-folder.js';
import { backendKey, quantizeKey, weightsKey } from '../config/finetune-config.js';
import { modelName } from '../config/keys.js';
import { readYaml } from '../config/yaml.js';
import { type FoundModel, findModel } from '../hub/find-model.js';
import { runFiles, runFolders } from '../run/run-layout.js';
import type { Terminal } from '../terminal.js';
import { chatTemplateSource } from './chat-template-source.js';
import { type BaseKeys, loadBase } from './load-base.js';

/** An open base model with its tokenizer and, if there is one, its adapter. */
export interface OpenModel {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  /** The base model as it was named: its directory, or `owner/name@commit` of the hub. */
  readonly base: string;
  /** Directory of the base model. */
  readonly baseFolder: string;
  /** Source of the chat template that takes the place of the model's; that of the run, or the one that was given. */
  readonly chatTemplate: string | undefined;
  /** The format that its weights were quantized to when they were loaded. */
  readonly quantize: Quantization | undefined;
  /** Folder of the adapter, if there is one. */
  readonly adapterFolder: string | undefined;
  readonly adapter: LoraAdapter | undefined;
  /** The configuration of the run that the adapter belongs to; empty if it belongs to none. */
  readonly run: Readonly<Record<string, unknown>>;
  /** Computes with the adapter over the model, and frees the intermediate arrays. */
  withOverlay<Result>(compute: (options: { readonly overlay?: ModelOverlay }) => Promise<Result>): Promise<Result>;
  /** Frees model and adapter. */
  dispose(): void;
}

/** The keys of commands that open a model. */
export const modelKeys = {
  model: modelName
    .optional()
    .describe('base model of the adapter, by directory or as OWNER/NAME of the hub (default: the one that the adapter names)'),
  backend: backendKey,
  weights: weightsKey,
  quantize: quantizeKey.describe(
    'format that the weights of linear layers are quantized to (default: as in the run, or as the checkpoint is)',
  ),
};

/** Values of {@link modelKeys}. */
export interface ModelKeys extends BaseKeys {
  readonly model?: string | undefined;
  readonly chatTemplate?: string | undefined;
  /** If true, chat templates take the day of the run for today, as they did for its rows. Default: false. */
  readonly dateOfRun?: boolean;
}

/**
 * Opens a run (its best adapter on its model), an adapter on the base model that it names, or a model alone.
 *
 * @param location - path of a run, an adapter or a model, or the name of a model on the hub.
 * @param terminal - receives the progress of downloads.
 * @throws ConfigError if it is none of them, or the base model is missing; errors of downloading and loading.
 */
export async function openModel(
  caller: string,
  location: string,
  { model: named, backend, weights, chatTemplate: given, dateOfRun = false, ...keys }: ModelKeys,
  terminal: Terminal,
): Promise<OpenModel> {
  const adapterFolder = (await isModel(location)) ? undefined : await findAdapter(caller, location);
  const run = adapterFolder === undefined ? {} : await configOfRun(caller, adapterFolder);
  const { folder, name } = await baseOf(
    caller,
    named ?? (adapterFolder === undefined ? location : undefined),
    { folder: adapterFolder ?? '', modelOfRun: run.model },
    terminal,
  );
  // An adapter belongs to the weights over which it was trained.
  const { quantize = QUANTIZATIONS.find((format) => format === run.quantize) } = keys;
  const ofRun = typeof run.chatTemplate === 'string' ? run.chatTemplate : undefined;
  const template = given ?? ofRun;
  const chatTemplate = template === undefined ? undefined : await chatTemplateSource(caller, template);
  const tokenizer = await loadTokenizer(folder, {
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    ...(dateOfRun && typeof run.today === 'string' ? { now: noonOf(run.today) } : {}),
  });
  const model = await loadBase(folder, { backend, weights, quantize }, terminal);
  const adapter = adapterFolder === undefined ? undefined : await loadOnto(model, adapterFolder);
  return {
    model,
    tokenizer,
    base: name,
    baseFolder: folder,
    chatTemplate,
    quantize,
    adapterFolder,
    adapter,
    run,
    withOverlay: (compute) => model.algebra.tidy(() => compute(adapter === undefined ? {} : { overlay: adapter.overlay() })),
    dispose() {
      adapter?.dispose();
      model.dispose();
    },
  };
}

/** Returns the noon of a day, YYYY-MM-DD, which is that day in any part of the local calendar. */
export function noonOf(day: string): Date {
  return new Date(`${day}T12:00:00`);
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

/** Returns true for the folder of a model, and for a name that only the hub can have. */
async function isModel(location: string): Promise<boolean> {
  if (!(await exists(location))) return parseRepositoryName(location) !== undefined;
  return (await exists(path.join(location, 'config.json'))) && !(await exists(path.join(location, adapterFiles.config)));
}

/**
 * Finds the base model: the one that was named, else that of the run to which an adapter belongs, else the one that the
 * adapter's file names.
 */
async function baseOf(
  caller: string,
  named: string | undefined,
  { folder, modelOfRun }: { readonly folder: string; readonly modelOfRun: unknown },
  terminal: Terminal,
): Promise<FoundModel> {
  if (named !== undefined) {
    const found = await findModel(caller, named, terminal);
    // A directory is shown as it was written.
    return parseRepositoryName(found.name) === undefined ? { ...found, name: named } : found;
  }
  const file = path.join(folder, adapterFiles.config);
  const config = await readJson(caller, file);
  const { base_model_name_or_path: name, revision } = isJsonObject(config) ? config : {};
  const recorded = [modelOfRun, name].filter((one) => typeof one === 'string');
  for (const candidate of recorded) if (await exists(path.join(candidate, 'config.json'))) return { folder: candidate, name: candidate };
  for (const candidate of recorded) {
    const wanted = parseRepositoryName(candidate);
    if (wanted === undefined) continue;
    const of = wanted.revision ?? (typeof revision === 'string' ? revision : undefined);
    return findModel(caller, repositoryText({ ...wanted, revision: of }), terminal);
  }
  throw new ConfigError(
    `${caller}: ${file} names the base model ${JSON.stringify(name ?? null)}, which is neither a directory on this machine nor a name on the hub, owner/name; pass the model with --model DIR or --model OWNER/NAME`,
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
