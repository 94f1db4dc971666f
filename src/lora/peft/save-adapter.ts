/** Saving of an adapter in PEFT's format. */

import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import { declareOptions, option, size } from '../../core/options.js';
import type { FileContent } from '../../io/files/file-content.js';
import type { Files } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { writeAll } from '../../io/files/staging-files.js';
import type { TensorData } from '../../io/safetensors/serialize-tensors.js';
import { safetensorsContent } from '../../io/safetensors/write-safetensors.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { AdapterLayout } from '../adapter/adapter-layout.js';
import { type AdapterParts, arraysOf, takeApart } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import type { ResolvedLoraConfig } from '../adapter/lora-config.js';
import { type AdapterCard, adapterCard } from './adapter-card.js';
import { adapterFiles } from './adapter-files.js';
import { baseNameOf } from './base-name.js';
import { cardFile, trainedCard } from './model-card.js';
import { moduleTensorNames, parameterTensorName } from './tensor-names.js';
import { expectedWeights, type Truncation, trainedWeightsFile, truncatedAdapter } from './trained-weights.js';
import { peftConfig, portableConfig } from './write-config.js';

/** Options of {@link saveAdapter}. */
export interface SaveAdapterOptions {
  /**
   * The base model's name on the Hugging Face hub, with `@revision` if a particular one is meant, or its directory, for
   * programs that load it with the adapter. Of a directory only the model's own name is written, since its path would
   * reveal details of this machine and be useless on another. Default: none.
   */
  readonly baseModel?: string;
  /**
   * Rank of the adapter to write, if the weights themselves are trained: the nearest one of this rank, without the
   * weights. Default: the adapter of the configuration's rank, and the weights beside it.
   */
  readonly rank?: number;
  /**
   * What a model card says of the training: a README.md is written beside the adapter, as the Hugging Face hub reads
   * it, with the base, the ranks, how to load it, and this. One of another hand stays as it is. Default: no card.
   */
  readonly card?: AdapterCard;
  /**
   * Where to write, and where a directory that is named as `baseModel` lies. Default: `nodeFiles`, the files of this
   * machine.
   */
  readonly files?: Files;
}

const saveAdapterOptions = declareOptions<SaveAdapterOptions>()({
  baseModel: option({ optional: true }),
  rank: size({ optional: true }),
  card: option({ optional: true }, (caller, _name, card) => void adapterCard.read(caller, card as AdapterCard, 'card.')),
  files: filesOption,
});

/** Result of {@link saveAdapter}. */
export interface SavedAdapter {
  /** Error of the adapter as an approximation of the weights' change, if the weights themselves are trained. */
  readonly truncation?: Truncation;
  /** True if the folder has a README.md of another hand, so that no model card was written. */
  readonly keptReadme?: boolean;
}

/**
 * Saves an adapter in PEFT's format, in float32. If its start changed the base weights (OLoRA, PiSSA), it is saved in
 * portable form, of rank 2r, which any program can load on the original base: with the factors A₀, B₀ of the start,
 *
 * $$ sAB - sA_0B_0 = s\begin{bmatrix}A & -A_0\end{bmatrix}\begin{bmatrix}B\\ B_0\end{bmatrix}. $$
 *
 * For weights that are trained themselves (GaLore), the truncated SVD of their change W − W₀ is saved as an adapter
 * with α = r that any program can load, and the weights beside it in trained_weights.safetensors, for
 * {@link loadAdapter}.
 *
 * @param directory - the directory, created if missing. On this machine all files are complete before any of them is
 * put in place; elsewhere they are written one after another, adapter_config.json last.
 * @throws ConfigError if `rank` is given for an adapter of factor pairs or is too large for a module, and for trained
 * weights that are merged; BackendError if the file system refuses, which leaves existing files untouched.
 */
export async function saveAdapter(adapter: LoraAdapter, directory: string, options: SaveAdapterOptions = {}): Promise<SavedAdapter> {
  const { rank, baseModel: named, card, files } = saveAdapterOptions.read('saveAdapter', options);
  const trainsWeights = adapter.layout.weights.length > 0;
  if (rank !== undefined && !trainsWeights)
    throw new ConfigError('saveAdapter: rank is for trained weights, and this adapter has factors of its own rank; leave rank out');
  const { config, layout, tensors, weights, truncation } = await adapter.model.algebra.tidy(() =>
    trainsWeights ? readWeights(adapter, rank) : readPairs(adapter),
  );
  const base = await baseNameOf(named, files);
  const weightsFile = files.join(directory, trainedWeightsFile);
  const content = peftConfig({ model: adapter.model, layout }, config, base);
  const readme =
    card === undefined ? undefined : await cardFile(await trainedCard(JSON.parse(content), card, files), { files, folder: directory });
  await writeAll(
    files,
    new Map<string, FileContent>([
      ...(weights === undefined ? [] : [[weightsFile, safetensorsContent('saveAdapter', weights)] as const]),
      [files.join(directory, adapterFiles.tensors), safetensorsContent('saveAdapter', tensors)],
      ...(readme ?? []),
      [files.join(directory, adapterFiles.config), content],
    ]),
    // Weights left from an earlier save would be taken for those of this adapter.
    { stale: weights === undefined ? [weightsFile] : [], caller: 'saveAdapter' },
  );
  return { ...(truncation === undefined ? {} : { truncation }), ...(readme?.size === 0 ? { keptReadme: true } : {}) };
}

type Tensors = ReadonlyMap<string, TensorData>;

/** Contents of the files of an adapter. */
interface AdapterContents extends SavedAdapter {
  readonly config: ResolvedLoraConfig;
  readonly layout: AdapterLayout;
  readonly tensors: Tensors;
  readonly weights?: Tensors;
}

async function readWeights(adapter: LoraAdapter, rank: number | undefined): Promise<AdapterContents> {
  const la = adapter.model.algebra;
  const { config, layout, parts, truncation } = await truncatedAdapter('saveAdapter', adapter, rank);
  const own = [...expectedWeights(adapter.layout).keys()];
  const others = new Map([...parts.parameters].filter(([name]) => !own.includes(name)));
  const tensors = await readTensors(la, layout, { modules: parts.modules, parameters: others });
  if (rank !== undefined) return { config, layout, tensors, truncation };
  const weights = own.map(async (name) => [name, await readArray(la, parts.parameters.get(name) as Tensor)] as const);
  return { config, layout, tensors, truncation, weights: new Map(await Promise.all(weights)) };
}

async function readPairs({ model, config, layout, point, taken, frozen }: LoraAdapter): Promise<AdapterContents> {
  const la = model.algebra;
  const own = takeApart(la, layout, point);
  const parts = { ...own, parameters: new Map([...own.parameters, ...frozen]) };
  if (taken === undefined) return { config, layout, tensors: await readTensors(la, layout, parts) };
  // The start's factors are a pair in every geometry.
  const { targets, stacks, hiddenSize } = layout;
  const start = takeApart(la, { targets, stacks, hiddenSize, weights: [], magnitudes: false, parameters: [] }, { pairs: taken });
  const modules = new Map(
    targets.map((target) => {
      const [own, { A, B }] = [arraysOf(parts.modules, target), arraysOf(start.modules, target)];
      // A weight that the adapter brings has the start's product out of it already.
      const sign = frozen.has(`${target.module.name}.weight`) ? 0 : -1;
      const both = { A: la.concat([own.A, la.scale(sign, A)], 'columns'), B: la.concat([own.B, B], 'rows') };
      return [target.module.name, { ...own, ...both }] as const;
    }),
  );
  return { config: portableConfig(config), layout, tensors: await readTensors(la, layout, { ...parts, modules }) };
}

async function readTensors(la: TensorAlgebra, layout: AdapterLayout, { modules, parameters }: AdapterParts): Promise<Tensors> {
  const tensors = new Map<string, TensorData>();
  for (const target of layout.targets) {
    const { A, B, magnitude } = arraysOf(modules, target);
    const names = moduleTensorNames(target.module);
    tensors.set(names.B, await readArray(la, B));
    tensors.set(names.A, await readArray(la, A));
    if (magnitude !== undefined) tensors.set(names.magnitude, await readArray(la, magnitude));
  }
  for (const [name, value] of parameters) tensors.set(parameterTensorName(layout, name), await readArray(la, value));
  return tensors;
}

async function readArray(la: TensorAlgebra, array: Tensor): Promise<TensorData> {
  return { dtype: 'F32', shape: array.shape, data: Float32Array.from(await la.toArray(array)) };
}
