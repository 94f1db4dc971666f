/** Loading of an adapter that PEFT, or this library, saved. */

import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError, FormatError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { declareOptions, option } from '../../core/options.js';
import { exists } from '../../io/files/entries.js';
import { path } from '../../io/files/path.js';
import { readJson } from '../../io/parse-json.js';
import { openSafetensors } from '../../io/safetensors/open-safetensors.js';
import type { TensorStore } from '../../io/safetensors/tensor-store.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { type AdapterLayout, layOutAdapter } from '../adapter/adapter-layout.js';
import { type AdapterParts, arraysOf, inCoordinates, type ModuleArrays, putTogether } from '../adapter/adapter-point.js';
import { weightOf } from '../adapter/base-weights.js';
import { onReducedBase, startFactors } from '../adapter/create-adapter.js';
import { LoraAdapter } from '../adapter/lora-adapter.js';
import type { ResolvedLoraConfig } from '../adapter/lora-config.js';
import { checkMethod, type LoraMethod } from '../methods/lora-method.js';
import { loraStarts } from '../methods/lora-methods.js';
import { storedProduct } from '../methods/start.js';
import { adapterFiles } from './adapter-files.js';
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
}

const loadAdapterOptions = declareOptions<LoadAdapterOptions>()({
  method: option({ optional: true }, (caller, _name, method) => checkMethod(caller, method)),
});

/**
 * Loads an adapter in PEFT's format onto its base model.
 *
 * If PEFT saved the adapter after a start that changes the base (OLoRA, PiSSA), and not in portable form, the same
 * start is subtracted from the base weights, as in PEFT; `dispose` adds it back.
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
  const { method } = loadAdapterOptions.read(caller, options);
  const configFile = path.join(directory, adapterFiles.config);
  const config = readPeftConfig(caller, configFile, await readJson(caller, configFile));
  const coordinates = method?.geometry.coordinates;
  const layout = {
    ...layOutAdapter(caller, model, config, { everyName: false }),
    ...(coordinates === undefined ? {} : { coordinates }),
  };
  const weightsFile = path.join(directory, trainedWeightsFile);
  const trained = (await exists(weightsFile)) ? weightsFile : undefined;
  const trainsWeights = method === undefined ? trained !== undefined : method.geometry.trains === 'weights';
  const store = await openSafetensors(path.join(directory, adapterFiles.tensors));
  try {
    checkTensors(caller, store, expectedTensors(layout), adapterFiles.tensors);
    if (trainsWeights) return await loadWeights(model, { config, layout, store, trained, method });
    return await model.algebra.tidy(async () => {
      const point = inCoordinates(model.algebra, layout, putTogether(layout, await readParts(model, store, layout)));
      const start = loraStarts[config.start];
      const factors = start.changesBase ? await startFactors(caller, model, layout.targets, start, {}) : new Map<string, ModuleArrays>();
      return onReducedBase(
        model,
        layout,
        start,
        factors,
        (taken) => new LoraAdapter({ model, config, layout, point, ...taken, ...options }),
      );
    });
  } finally {
    await store.close();
  }
}

/** The files of an adapter, open and checked. */
interface OpenFiles {
  readonly config: ResolvedLoraConfig;
  readonly layout: AdapterLayout;
  readonly store: TensorStore;
  /** The file of weights that were trained themselves, if there is one. */
  readonly trained: string | undefined;
  readonly method: LoraMethod | undefined;
}

/** Loads weights that will be trained themselves: those of their file, or W + sAB. */
async function loadWeights(model: CausalLM, { config: read, layout: pairs, store, trained, method }: OpenFiles): Promise<LoraAdapter> {
  const la = model.algebra;
  if (trained === undefined && (read.magnitudes || loraStarts[read.start].changesBase)) {
    throw new ConfigError(
      `loadAdapter: expected an adapter that adds sAB to the weights, since '${method?.name}' trains these themselves, got one with ${read.magnitudes ? 'magnitudes (DoRA)' : `the start '${read.start}' taken out of them`}; merge it into its base first`,
    );
  }
  const config = weightsConfig(read);
  const layout = layOutAdapter('loadAdapter', model, config, { everyName: false });
  return la.tidy(async () => {
    const { modules, parameters } = await readParts(model, store, pairs);
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

async function readWeights(model: CausalLM, layout: AdapterLayout, file: string): Promise<ReadonlyMap<string, Tensor>> {
  const store = await openSafetensors(file);
  try {
    const expected = expectedWeights(layout);
    checkTensors('loadAdapter', store, expected, trainedWeightsFile);
    const weights = new Map<string, Tensor>();
    for (const name of expected.keys()) weights.set(name, await readTensor(model, store, name));
    return weights;
  } finally {
    await store.close();
  }
}

/** @throws FormatError naming the first tensor that is missing, unexpected or of another shape. */
function checkTensors(caller: string, store: TensorStore, expected: ReadonlyMap<string, readonly number[]>, known: string): void {
  const [{ file } = { file: known }] = store.entries.values();
  for (const name of store.entries.keys()) {
    if (expected.has(name)) continue;
    const near = nearestNames(name, expected.keys(), 1);
    throw new FormatError(
      `${caller}: ${file} has the tensor '${name}', for which this model with this configuration has no place${near.length === 0 ? '' : ` (the nearest is '${near[0]}')`}; ` +
        'load the adapter onto the model it was trained on',
    );
  }
  for (const [name, shape] of expected) {
    const found = store.entries.get(name);
    if (found === undefined)
      throw new FormatError(`${caller}: ${file} lacks the tensor '${name}'; load the adapter onto the model it was trained on`);
    if (found.shape.join() !== shape.join()) {
      throw new FormatError(
        `${caller}: ${file}: the tensor '${name}' must have shape [${shape}], got [${found.shape}]; load the adapter onto the model it was trained on`,
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

async function readParts(model: CausalLM, store: TensorStore, layout: AdapterLayout): Promise<AdapterParts> {
  const read = (name: string): Promise<Tensor> => readTensor(model, store, name);
  const modules = new Map<string, ModuleArrays>();
  for (const { module } of layout.targets) {
    const names = moduleTensorNames(module.name);
    const magnitude = layout.magnitudes ? { magnitude: await read(names.magnitude) } : {};
    modules.set(module.name, { A: await read(names.A), B: await read(names.B), ...magnitude });
  }
  const parameters = new Map<string, Tensor>();
  for (const { names } of layout.parameters) {
    for (const name of names) parameters.set(name, await read(parameterTensorName(layout, name)));
  }
  return { modules, parameters };
}
