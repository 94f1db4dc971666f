/** Loading an adapter that PEFT, or this library, saved. */
import path from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { FormatError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { readJson } from '../../core/parse-json.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { openSafetensors } from '../../models/safetensors/open-safetensors.js';
import type { TensorStore } from '../../models/safetensors/tensor-store.js';
import { type AdapterLayout, layOutAdapter } from '../adapter/adapter-layout.js';
import { type AdapterParts, type ModuleArrays, putTogether, stackPairs } from '../adapter/adapter-point.js';
import { weightOf, withReducedBase } from '../adapter/base-weights.js';
import { LoraAdapter } from '../adapter/lora-adapter.js';
import { startFactors, starts } from '../initialization/start-factors.js';
import { readPeftConfig } from './read-config.js';
import { expectedTensors, moduleTensorNames, parameterTensorName } from './tensor-names.js';

/** The files of an adapter. */
export const adapterFiles = { config: 'adapter_config.json', tensors: 'adapter_model.safetensors' } as const;

/**
 * Loads an adapter in PEFT's format onto its base model.
 *
 * One that PEFT saved after a start which changes the base (OLoRA, PiSSA), and not in portable form, takes the same start out of the base weights here as it does in PEFT;
 * `dispose` gives it back.
 *
 * @param model - the base model.
 * @param directory - with adapter_config.json and adapter_model.safetensors.
 * @throws ConfigError naming the key, for a configuration that is not supported; FormatError naming the tensor, if the file lacks one, has one too many or of another shape, as that of
 * an adapter for another model does. The model is then as it was.
 */
export async function loadAdapter(model: CausalLM, directory: string): Promise<LoraAdapter> {
  const caller = 'loadAdapter';
  const configFile = path.join(directory, adapterFiles.config);
  const config = readPeftConfig(caller, configFile, await readJson(caller, configFile));
  const layout = layOutAdapter(caller, model, config, { everyName: false });
  const store = await openSafetensors(path.join(directory, adapterFiles.tensors));
  try {
    checkTensors(caller, store, layout);
    const { algebra } = model;
    return await algebra.tidy(async () => {
      const point = putTogether(layout, await readParts(model, store, layout));
      if (!starts[config.initialization].changesBase) return new LoraAdapter({ model, config, layout, point });
      const factors = startFactors(algebra, layout.targets, (target) => weightOf(model, target), config.initialization, 0);
      const taken = stackPairs(layout, factors);
      return withReducedBase(model, layout, taken, () => new LoraAdapter({ model, config, layout, point, taken }));
    });
  } finally {
    await store.close();
  }
}

/** @throws FormatError naming the first tensor that is missing, too many or of another shape. */
function checkTensors(caller: string, store: TensorStore, layout: AdapterLayout): void {
  const expected = expectedTensors(layout);
  const [{ file } = { file: adapterFiles.tensors }] = store.entries.values();
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

async function readParts({ algebra }: CausalLM, store: TensorStore, layout: AdapterLayout): Promise<AdapterParts> {
  const read = async (name: string): Promise<Tensor> => {
    const values = await store.read(name);
    if (!(values instanceof Float32Array))
      throw new FormatError(`loadAdapter: the tensor '${name}' must hold floating-point numbers; save the adapter again`);
    return algebra.fromArray(values, store.entries.get(name)?.shape ?? []);
  };
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
