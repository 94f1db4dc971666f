/** Saving an adapter in PEFT's format. */
import path from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { checkKeys } from '../../core/options.js';
import { portableName } from '../../core/portable-name.js';
import { type FileContent, writeAllAtomic } from '../../core/write-atomic.js';
import type { TensorData } from '../../models/safetensors/serialize-tensors.js';
import { safetensorsContent } from '../../models/safetensors/write-safetensors.js';
import { type AdapterParts, arraysOf, takeApart } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { adapterFiles } from './load-adapter.js';
import { moduleTensorNames, parameterTensorName } from './tensor-names.js';
import { peftConfig, portableConfig } from './write-config.js';

/** Options of {@link saveAdapter}. */
export interface SaveAdapterOptions {
  /**
   * The base model's name on the Hugging Face hub, or its directory, for programs that load it with the adapter. Of a directory only the model's own name is written: its
   * path would tell whoever receives the adapter about this machine, and lead nowhere on theirs. Default: none.
   */
  readonly baseModel?: string;
}

/**
 * Saves an adapter as PEFT does, in float32. One whose start changed the base weights (OLoRA, PiSSA) is saved in portable form, of rank 2r, which any program loads on
 * the original base: with the factors A₀, B₀ of the start,
 *
 * $$ sAB - sA_0B_0 = s\begin{bmatrix}A & -A_0\end{bmatrix}\begin{bmatrix}B\\ B_0\end{bmatrix}. $$
 *
 * @param directory - made where missing. Both files are complete before either takes its place.
 * @throws BackendError if the file system refuses; what was there is then untouched.
 */
export async function saveAdapter(adapter: LoraAdapter, directory: string, options: SaveAdapterOptions = {}): Promise<void> {
  checkKeys('saveAdapter', options, ['baseModel']);
  const config = adapter.taken === undefined ? adapter.config : portableConfig(adapter.config);
  const tensors = await adapter.model.algebra.tidy(() => readTensors(adapter));
  const baseModel = options.baseModel === undefined ? null : await portableName(options.baseModel);
  const files = new Map<string, FileContent>([
    [path.join(directory, adapterFiles.tensors), safetensorsContent('saveAdapter', tensors)],
    [path.join(directory, adapterFiles.config), peftConfig(adapter, config, baseModel)],
  ]);
  await writeAllAtomic(files);
}

async function readTensors({ model, layout, point, taken }: LoraAdapter): Promise<ReadonlyMap<string, TensorData>> {
  const la = model.algebra;
  const parts = takeApart(la, layout, point);
  // The start is a factor pair in every geometry.
  const { targets, stacks } = layout;
  const start = taken === undefined ? undefined : takeApart(la, { targets, stacks, magnitudes: false, parameters: [] }, { pairs: taken });
  const tensors = new Map<string, TensorData>();
  const write = async (name: string, array: Tensor): Promise<void> => {
    tensors.set(name, { dtype: 'F32', shape: array.shape, data: Float32Array.from(await la.toArray(array)) });
  };
  for (const target of layout.targets) {
    const { A, B } = portable(arraysOf(parts.modules, target), start, target);
    const names = moduleTensorNames(target.module.name);
    await write(names.B, B);
    await write(names.A, A);
    const { magnitude } = arraysOf(parts.modules, target);
    if (magnitude !== undefined) await write(names.magnitude, magnitude);
  }
  for (const [name, value] of parts.parameters) await write(parameterTensorName(layout, name), value);
  return tensors;

  function portable(
    own: { readonly A: Tensor; readonly B: Tensor },
    from: AdapterParts | undefined,
    target: Parameters<typeof arraysOf>[1],
  ) {
    if (from === undefined) return own;
    const { A, B } = arraysOf(from.modules, target);
    return { A: la.concat([own.A, la.scale(-1, A)], 'columns'), B: la.concat([own.B, B], 'rows') };
  }
}
