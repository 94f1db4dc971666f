/** Reads an adapter in PEFT's format from its files; no model is needed. */
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { ConfigError, FormatError, NotImplementedError } from '../../core/errors.js';
import { declareOptions, describeValue } from '../../core/options.js';
import { type Files, isThere } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { isJsonObject, type JsonObject, readJson } from '../../io/parse-json.js';
import { openSafetensors } from '../../io/safetensors/open-safetensors.js';
import type { TensorEntry, TensorStore } from '../../io/safetensors/tensor-store.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { patternLookup } from '../targets/target-modules.js';
import { adapterFiles, checkNoRun, checkTensorFormat } from './adapter-files.js';
import { withoutAdapterName } from './foreign-names.js';

/** Options of {@link openAdapter}. */
export interface OpenAdapterOptions {
  /** Where the adapter lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /** Name that messages begin with: the function or command that the user called. Default: `'openAdapter'`. */
  readonly caller?: string;
}

const openAdapterOptions = declareOptions<OpenAdapterOptions>()({ files: filesOption, caller: callerOption });

/** The LoRA pair of a module, in float64. In PEFT's notation A is lora_B and B is lora_A. */
export interface AdapterPair {
  /** Name of the module in the model. */
  readonly module: string;
  /** The factor A, m×r. */
  readonly A: HostArray;
  /** The factor B, r×n. */
  readonly B: HostArray;
  /** The entries of the two tensors in the file. */
  readonly tensors: {
    /** The entry of lora_B. */
    readonly A: TensorEntry;
    /** The entry of lora_A. */
    readonly B: TensorEntry;
  };
  /** The scale s in ΔW = s·AB: α/r or α/√r. */
  readonly scale: number;
}

/** An open adapter, of {@link openAdapter}. */
export interface OpenAdapter {
  /** Folder of the adapter. */
  readonly folder: string;
  /** Where it lies. */
  readonly files: Files;
  /** All tensors of the adapter. */
  readonly store: TensorStore;
  /** Names of the modules that have a LoRA pair, in the order of the file. */
  readonly modules: readonly string[];
  /** Reads one pair. */
  pair(module: string): Promise<AdapterPair>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** A factor's name: its module, the kind of the module, and which of the two it is in PEFT. */
const FACTOR = /^(.*)\.(lora|lora_embedding)_([AB])(?:\.weight)?$/;

/** Returns the parts of a factor's name, whatever the name of the adapter in it; undefined for any other tensor. */
function factorOf(name: string): { readonly stem: string; readonly side: 'A' | 'B' } | undefined {
  const [, stem, , letter] = FACTOR.exec(withoutAdapterName(name)) ?? [];
  if (stem === undefined) return undefined;
  return { stem, side: letter === 'A' ? 'B' : 'A' };
}

/**
 * Opens an adapter in PEFT's format, without its base model. Close it when done.
 *
 * @param folder - a folder with adapter_config.json and adapter_model.safetensors.
 * @param options - see {@link OpenAdapterOptions}.
 * @throws ConfigError if this is not a LoRA adapter or not in safetensors format; FormatError if a pair is incomplete
 * or its tensors do not fit; NotImplementedError, naming the tensor, for adapters of convolutions.
 */
export async function openAdapter(folder: string, options: OpenAdapterOptions = {}): Promise<OpenAdapter> {
  const { files, caller = 'openAdapter' } = openAdapterOptions.read(givenCaller('openAdapter', options), options);
  await checkNoRun(caller, { files, folder });
  const config = await readLoraConfig(caller, files.join(folder, adapterFiles.config), files);
  const rankOf = patternValues(caller, config, 'rank_pattern');
  const alphaOf = patternValues(caller, config, 'alpha_pattern');
  const file = files.join(folder, adapterFiles.tensors);
  await checkTensorFormat(caller, { files, folder });
  if (!(await isThere(files, file))) {
    throw new ConfigError(`${caller}: ${folder} has no ${adapterFiles.tensors}; save the adapter with PEFT's safe_serialization=True`);
  }
  const store = await openSafetensors(file, { files, caller });
  try {
    const pairs = findPairs(caller, file, store);
    return {
      folder,
      files,
      store,
      modules: [...pairs.keys()],
      async pair(module) {
        const tensors = pairs.get(module);
        if (tensors === undefined)
          throw new ConfigError(`${caller}: ${file} has no adapter for '${module}'; \`modules\` lists those it has`);
        const rank = tensors.A.shape[1];
        // In PEFT the head's copy of a tied embedding has the embedding's rank, and the scale of its own.
        const isCopy = config.ensure_weight_tying === true && module.endsWith('lm_head');
        if (!isCopy) checkRank(caller, config, rankOf, module, rank);
        const scaled = isCopy ? Number(rankOf(module) ?? config.r ?? rank) : rank;
        const [A, B] = [await readMatrix(caller, store, tensors.A.name), await readMatrix(caller, store, tensors.B.name)];
        return { module, A, B, tensors, scale: scaleOf(caller, config, alphaOf, module, scaled) };
      },
      close: () => store.close(),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function readLoraConfig(caller: string, file: string, files: Files): Promise<JsonObject> {
  const config = await readJson(caller, file, files);
  if (!isJsonObject(config))
    throw new FormatError(`${caller}: ${file} must hold a JSON object, got ${describeValue(config)}; check the file`);
  if (config.peft_type === 'LORA') return config;
  throw new ConfigError(
    `${caller}: ${file} must be of a LoRA adapter, got peft_type ${describeValue(config.peft_type)}; other kinds have no pairs`,
  );
}

function findPairs(
  caller: string,
  file: string,
  store: TensorStore,
): ReadonlyMap<string, { readonly A: TensorEntry; readonly B: TensorEntry }> {
  const halves = new Map<string, { A?: TensorEntry; B?: TensorEntry }>();
  for (const [name, entry] of store.entries) {
    const factor = factorOf(name);
    if (factor === undefined) continue;
    if (entry.shape.length !== 2) {
      throw new NotImplementedError(
        `${caller}: ${file}: '${name}' of shape [${entry.shape}] adapts a convolution, which is not supported; leave that module out of the adapter`,
      );
    }
    halves.set(factor.stem, { ...halves.get(factor.stem), [factor.side]: entry });
  }
  const pairs = new Map<string, { A: TensorEntry; B: TensorEntry }>();
  for (const [stem, { A, B }] of halves) {
    if (A === undefined || B === undefined) throw halfOf(caller, file, (A ?? B)?.name ?? stem);
    checkShapes(caller, file, stem, A, B);
    pairs.set(stem.replace(/^base_model\.model\./, ''), { A, B });
  }
  if (pairs.size === 0) throw new FormatError(`${caller}: ${file} has no lora_A and lora_B; it is no LoRA adapter, or has been merged`);
  return pairs;
}

function checkShapes(caller: string, file: string, stem: string, A: TensorEntry, B: TensorEntry): void {
  const rank = B.shape[0];
  if (A.shape[1] !== rank || rank < 1) {
    throw new FormatError(
      `${caller}: ${file}: lora_B [${A.shape}] and lora_A [${B.shape}] of '${stem}' do not fit; save the adapter again`,
    );
  }
}

/** Returns the error for a tensor without its other half. */
function halfOf(caller: string, file: string, name: string): FormatError {
  const other = name.replace(/\.lora_(embedding_)?([AB])/, (_, kind: string | undefined, letter: string) => {
    return `.lora_${kind ?? ''}${letter === 'A' ? 'B' : 'A'}`;
  });
  return new FormatError(
    `${caller}: ${file}: '${name}' has no ${other.slice(other.lastIndexOf('lora_'))} beside it; save the adapter again`,
  );
}

/** Reads a tensor of a file in float64. @throws FormatError unless it holds finite floating-point numbers. */
export async function readMatrix(caller: string, store: TensorStore, name: string): Promise<HostArray> {
  const values = await store.read(name);
  const { file, shape, dtype } = store.entries.get(name) ?? { file: '', shape: [], dtype: 'none' };
  if (!(values instanceof Float32Array)) {
    throw new FormatError(`${caller}: ${file}: '${name}' must hold F32, F16 or BF16 numbers, got ${dtype}; save the adapter again`);
  }
  if (!values.every(Number.isFinite)) {
    throw new FormatError(`${caller}: ${file}: '${name}' has entries that are not finite; take an earlier checkpoint`);
  }
  return hostAlgebra().fromArray(Float64Array.from(values), shape);
}

/**
 * Checks the rank.
 *
 * @throws FormatError if that of the configuration differs from that of the tensors: one of them, and α/r with it,
 * belongs to another adapter.
 */
function checkRank(caller: string, config: JsonObject, rankOf: PatternValue, module: string, rank: number): void {
  const said = rankOf(module) ?? config.r ?? rank;
  if (said === rank) return;
  throw new FormatError(
    `${caller}: ${adapterFiles.config} says rank ${describeValue(said)} for '${module}', its tensors have rank ${rank}; correct r or rank_pattern, or take the file that belongs to them`,
  );
}

/** Computes the scale s of a module: α/r or α/√r. */
function scaleOf(caller: string, config: JsonObject, alphaOf: PatternValue, module: string, rank: number): number {
  const alpha = alphaOf(module) ?? config.lora_alpha ?? 8;
  if (typeof alpha !== 'number' || !(alpha > 0 && Number.isFinite(alpha))) {
    throw new FormatError(
      `${caller}: lora_alpha of '${module}' must be a positive number, got ${describeValue(alpha)}; correct ${adapterFiles.config}`,
    );
  }
  return alpha / (config.use_rslora ? Math.sqrt(rank) : rank);
}

/** Returns the value that a pattern of the file gives a module; `undefined` if none matches. */
type PatternValue = (module: string) => unknown;

/**
 * Compiles rank_pattern or alpha_pattern.
 *
 * @throws FormatError unless it is null or an object of patterns; ConfigError for an invalid pattern.
 */
function patternValues(caller: string, config: JsonObject, key: 'alpha_pattern' | 'rank_pattern'): PatternValue {
  const patterns = config[key] ?? {};
  if (isJsonObject(patterns)) return patternLookup(`${caller}: ${adapterFiles.config}`, key, patterns);
  throw new FormatError(`${caller}: ${key} must be an object of patterns, got ${describeValue(patterns)}; correct ${adapterFiles.config}`);
}
