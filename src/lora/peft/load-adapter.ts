/** Loading of an adapter that PEFT, or this library, saved. */

import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError, FormatError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { declareOptions, option } from '../../core/options.js';
import { type Files, isThere } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import { openSafetensors } from '../../io/safetensors/open-safetensors.js';
import type { TensorStore } from '../../io/safetensors/tensor-store.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { type AdapterLayout, HEAD_WEIGHT, layOutAdapter, storedName } from '../adapter/adapter-layout.js';
import { type AdapterParts, arraysOf, inCoordinates, type ModuleArrays, putTogether } from '../adapter/adapter-point.js';
import { weightOf } from '../adapter/base-weights.js';
import { onReducedBase, startFactors } from '../adapter/create-adapter.js';
import { LoraAdapter } from '../adapter/lora-adapter.js';
import type { ResolvedLoraConfig } from '../adapter/lora-config.js';
import { checkMethod, type LoraMethod } from '../methods/lora-method.js';
import { loraStarts } from '../methods/lora-methods.js';
import { storedProduct } from '../methods/start.js';
import { scalingOf } from '../targets/target-modules.js';
import { adapterFiles, checkNoRun, checkTensorFormat, type Place } from './adapter-files.js';
import { baseTensors, changedBaseTensors } from './base-tensors.js';
import { bareName, ForeignNames } from './foreign-names.js';
import { readPeftConfig } from './read-config.js';
import { expectedTensors, moduleTensorNames, parameterTensorName } from './tensor-names.js';
import { expectedWeights, trainedWeightsFile, weightsConfig } from './trained-weights.js';

/** Options of {@link loadAdapter}. */
export interface LoadAdapterOptions {
  /**
   * The method that will train the adapter: its arrays are held in the coordinates of that method's geometry. A method
   * that trains the weights themselves starts from the trained weights beside the adapter, or from W + sAB if there are
   * none. Default: none; trained weights are then loaded as they are, and adapters as pairs.
   */
  readonly method?: LoraMethod;
  /** Where the adapter lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
}

const loadAdapterOptions = declareOptions<LoadAdapterOptions>()({
  method: option({ optional: true }, (caller, _name, method) => checkMethod(caller, method)),
  files: filesOption,
});

/**
 * Loads an adapter in PEFT's format onto its base model.
 *
 * If PEFT saved the adapter after a start that changes the base (OLoRA, PiSSA), and not in portable form, the same
 * start is subtracted from the base weights, as in PEFT; `dispose` adds it back.
 *
 * Tensors are found under PEFT's names whatever their writer has put before them (`_orig_mod.`, `language_model.`) or
 * into them (the adapter's name). Weights of the base that PEFT writes beside adapters of embeddings and head are those
 * of the model, or take their place, not trained. Copies that `ensure_weight_tying` ties are loaded as they are, and
 * trained apart from there on.
 *
 * Trained weights that {@link saveAdapter} wrote beside an adapter are loaded instead of it, unless the method trains
 * factor pairs.
 *
 * @param model - the base model.
 * @param directory - the directory with adapter_config.json and adapter_model.safetensors.
 * @param options - the method, if the adapter will be trained.
 * @throws ConfigError naming the key, for a configuration that is not supported; FormatError naming the tensor, if the
 * file lacks one, or has an unexpected one or one of another shape, as for another model; NumericalError naming a base
 * weight that is not finite, if the start is computed from the weights. After an error the model is as before.
 */
export async function loadAdapter(model: CausalLM, directory: string, options: LoadAdapterOptions = {}): Promise<LoraAdapter> {
  const caller = 'loadAdapter';
  const { method, files } = loadAdapterOptions.read(caller, options);
  const configFile = files.join(directory, adapterFiles.config);
  await checkNoRun(caller, { files, folder: directory });
  const content = await readJson(caller, configFile, files);
  const written = readPeftConfig(caller, configFile, content);
  const coordinates = method?.geometry.coordinates;
  const weightsFile = files.join(directory, trainedWeightsFile);
  const trained = (await isThere(files, weightsFile)) ? { files, file: weightsFile } : undefined;
  const trainsWeights = method === undefined ? trained !== undefined : method.geometry.trains === 'weights';
  const store = await openAdapterTensors(caller, { files, folder: directory });
  try {
    const names = new ForeignNames(store);
    const tied = isJsonObject(content) && content.ensure_weight_tying === true && model.config.tiedHead;
    const config = configOfFile(caller, model, tied ? withTiedModules(model, written) : written, names, tied);
    const layout = {
      ...layOutAdapter(caller, model, config, { everyName: false }),
      ...(coordinates === undefined ? {} : { coordinates }),
    };
    const expected = expectedTensors(layout);
    const found = new Map([...expected.keys()].map((name) => [name, names.storedName(name) ?? name]));
    const base = baseTensors(model, names.others(found.values()));
    checkTensors(caller, store, {
      expected,
      known: adapterFiles.tensors,
      found,
      others: names.others([...found.values(), ...base.values()]),
    });
    const read = (name: string): Promise<Tensor> => readTensor(model, store, found.get(name) ?? name);
    if (trainsWeights) {
      const changed = await model.algebra.tidy(async () => [...(await changedBaseTensors(caller, model, store, base, read)).keys()]);
      if (changed.length > 0) throw changedBase(caller, changed[0], 'weights that are trained themselves');
      return await loadWeights(model, { config, layout, read, trained, method });
    }
    return await model.algebra.tidy(async () => {
      const frozen = await changedBaseTensors(caller, model, store, base, read);
      const [changed] = frozen.keys();
      if (changed !== undefined && layout.magnitudes) throw changedBase(caller, changed, 'magnitudes (DoRA)');
      const point = inCoordinates(model.algebra, layout, putTogether(layout, await readParts(layout, read)));
      const start = loraStarts[config.start];
      // PEFT takes nothing out of embeddings.
      const linear = layout.targets.filter(({ module }) => module.embedding !== true);
      const factors = start.changesBase ? await startFactors(caller, model, linear, start, {}) : new Map<string, ModuleArrays>();
      if (start.changesBase && linear.length < layout.targets.length) throw embeddingStart(caller, start.name);
      return onReducedBase(
        model,
        layout,
        start,
        factors,
        (taken) => new LoraAdapter({ model, config, layout, point, frozen, ...taken, ...(method === undefined ? {} : { method }) }),
      );
    });
  } finally {
    await store.close();
  }
}

/** Opens the tensors of an adapter. @throws ConfigError for those of another format; FormatError if there are none. */
async function openAdapterTensors(caller: string, place: Place): Promise<TensorStore> {
  await checkTensorFormat(caller, place);
  return openSafetensors(place.files.join(place.folder, adapterFiles.tensors), { files: place.files, caller });
}

function changedBase(caller: string, name: string, kind: string): ConfigError {
  return new ConfigError(
    `${caller}: the adapter brings its own '${name}' of the base, which differs from the model's, and has ${kind}, which depend on it; load it onto the model it was trained on`,
  );
}

function embeddingStart(caller: string, start: string): ConfigError {
  return new ConfigError(
    `${caller}: the adapter was saved with the start '${start}' not taken out of it, and adapts embeddings, on which PEFT has no such start; save it with path_initial_model_for_weight_conversion`,
  );
}

/**
 * Adds head and embedding to what is adapted or saved, if one of them is: `ensure_weight_tying` ties copies as well.
 */
function withTiedModules(model: CausalLM, config: ResolvedLoraConfig): ResolvedLoraConfig {
  const embedding = storedName(model, HEAD_WEIGHT).replace(/\.weight$/, '');
  const head = HEAD_WEIGHT.replace(/\.weight$/, '');
  const { modulesToSave } = config;
  const isSaved = modulesToSave.some((end) => embedding.endsWith(end) || head.endsWith(end));
  return isSaved ? { ...config, modulesToSave: [...new Set([...modulesToSave, embedding, head])] } : config;
}

/**
 * Returns the configuration of the modules that the file has, where the written one names them otherwise: because their
 * writer had the model within another, or the tied head beside the embedding.
 */
function configOfFile(caller: string, model: CausalLM, config: ResolvedLoraConfig, names: ForeignNames, tied: boolean): ResolvedLoraConfig {
  const own = new Map([...model.linearModules.keys(), ...(model.embeddings?.keys() ?? [])].map((name) => [bareName(name), name]));
  const stored = [...names.modules()];
  const known = stored.flatMap(([bare, name]) => (own.has(bare) ? [[own.get(bare) as string, name] as const] : []));
  const isRenamed = known.some(([name, written]) => name !== written);
  // What does not belong to this model is left for the messages about tensors.
  if (known.length === 0 || known.length < stored.length || !(isRenamed || tied)) return config;
  const scaling = scalingOf(caller, config);
  // The copy of a tied embedding for the head has the embedding's rank, and the scale of its own: in PEFT 0.21 at
  // least.
  const [head, embedding] = [HEAD_WEIGHT, storedName(model, HEAD_WEIGHT)].map((weight) => weight.replace(/\.weight$/, ''));
  const ofEmbedding = tied ? known.find(([name]) => name === embedding)?.[1] : undefined;
  const [rankPattern, alphaPattern]: Record<string, number>[] = [{}, {}];
  for (const [name, written] of known) {
    const own = scaling(written);
    const { rank } = name === head && ofEmbedding !== undefined ? scaling(ofEmbedding) : own;
    const alpha = rank === own.rank ? own.alpha : own.scale * (config.scaling === 'root-rank' ? Math.sqrt(rank) : rank);
    const pattern = name.replaceAll('.', '\\.');
    if (rank !== config.rank) rankPattern[pattern] = rank;
    if (alpha !== config.alpha) alphaPattern[pattern] = alpha;
  }
  const { excludeModules: _, layersToTransform: __, layersPattern: ___, ...others } = config;
  return { ...others, targetModules: known.map(([name]) => name), rankPattern, alphaPattern };
}

/** The files of an adapter, open and checked. */
interface OpenFiles {
  readonly config: ResolvedLoraConfig;
  readonly layout: AdapterLayout;
  /** Reads a tensor by PEFT's name. */
  readonly read: (name: string) => Promise<Tensor>;
  /** The file of weights that were trained themselves, if there is one. */
  readonly trained: { readonly files: Files; readonly file: string } | undefined;
  readonly method: LoraMethod | undefined;
}

/** Loads weights that will be trained themselves: those of their file, or W + sAB. */
async function loadWeights(model: CausalLM, { config: given, layout: pairs, read, trained, method }: OpenFiles): Promise<LoraAdapter> {
  const la = model.algebra;
  if (trained === undefined && (given.magnitudes || loraStarts[given.start].changesBase)) {
    throw new ConfigError(
      `loadAdapter: expected an adapter that adds sAB to the weights, since '${method?.name}' trains these themselves, got one with ${given.magnitudes ? 'magnitudes (DoRA)' : `the start '${given.start}' taken out of them`}; merge it into its base first`,
    );
  }
  const config = weightsConfig(given);
  const layout = layOutAdapter('loadAdapter', model, config, { everyName: false });
  return la.tidy(async () => {
    const { modules, parameters } = await readParts(pairs, read);
    const weights = trained === undefined ? sums(model, pairs, modules) : await readWeights(model, layout, trained);
    const point = putTogether(layout, { modules: new Map(), parameters: new Map([...weights, ...parameters]) });
    return new LoraAdapter({ model, config, layout, point, ...(method === undefined ? {} : { method }) });
  });
}

/** Returns W + sAB of every module, in the stored layout. */
function sums(model: CausalLM, layout: AdapterLayout, modules: AdapterParts['modules']): ReadonlyMap<string, Tensor> {
  return new Map(
    layout.targets.map((target) => {
      const sum = model.algebra.add(weightOf(model, target), storedProduct(target, arraysOf(modules, target)));
      return [`${target.module.name}.weight`, sum];
    }),
  );
}

async function readWeights(
  model: CausalLM,
  layout: AdapterLayout,
  { files, file }: NonNullable<OpenFiles['trained']>,
): Promise<ReadonlyMap<string, Tensor>> {
  const store = await openSafetensors(file, { files, caller: 'loadAdapter' });
  try {
    const expected = expectedWeights(layout);
    const others = [...store.entries.keys()].filter((name) => !expected.has(name));
    checkTensors('loadAdapter', store, { expected, known: trainedWeightsFile, others });
    const weights = new Map<string, Tensor>();
    for (const name of expected.keys()) weights.set(name, await readTensor(model, store, name));
    return weights;
  } finally {
    await store.close();
  }
}

/** What a file of tensors is held against. */
interface TensorExpectation {
  /** Shapes by name. */
  readonly expected: ReadonlyMap<string, readonly number[]>;
  /** Name of the file, for messages, if it has no tensors. */
  readonly known: string;
  /** Names in the file, where they differ. Default: the same. */
  readonly found?: ReadonlyMap<string, string>;
  /** Names in the file that have no place. */
  readonly others: readonly string[];
}

/** @throws FormatError naming the first tensor that is missing, unexpected or of another shape. */
function checkTensors(caller: string, store: TensorStore, { expected, known, found, others }: TensorExpectation): void {
  const [{ file } = { file: known }] = store.entries.values();
  for (const name of others) {
    const near = nearestNames(name, expected.keys(), 1);
    throw new FormatError(
      `${caller}: ${file} has the tensor '${name}', for which this model with this configuration has no place${near.length === 0 ? '' : ` (the nearest is '${near[0]}')`}; ` +
        'load the adapter onto the model it was trained on',
    );
  }
  for (const [name, shape] of expected) {
    const entry = store.entries.get(found?.get(name) ?? name);
    if (entry === undefined)
      throw new FormatError(`${caller}: ${file} lacks the tensor '${name}'; load the adapter onto the model it was trained on`);
    if (entry.shape.join() !== shape.join()) {
      throw new FormatError(
        `${caller}: ${file}: the tensor '${entry.name}' must have shape [${shape}], got [${entry.shape}]; load the adapter onto the model it was trained on`,
      );
    }
  }
}

async function readTensor({ algebra }: CausalLM, store: TensorStore, name: string): Promise<Tensor> {
  const values = await store.read(name);
  if (!(values instanceof Float32Array))
    throw new FormatError(`loadAdapter: the tensor '${name}' must hold floating-point numbers; save the adapter again`);
  return algebra.fromArray(values, store.entries.get(name)?.shape ?? []);
}

async function readParts(layout: AdapterLayout, read: (name: string) => Promise<Tensor>): Promise<AdapterParts> {
  const modules = new Map<string, ModuleArrays>();
  for (const { module } of layout.targets) {
    const names = moduleTensorNames(module);
    const magnitude = layout.magnitudes ? { magnitude: await read(names.magnitude) } : {};
    modules.set(module.name, { A: await read(names.A), B: await read(names.B), ...magnitude });
  }
  const parameters = new Map<string, Tensor>();
  for (const { names } of layout.parameters) {
    for (const name of names) parameters.set(name, await read(parameterTensorName(layout, name)));
  }
  return { modules, parameters };
}
