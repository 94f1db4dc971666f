import { z } from 'zod';
import { ConfigError } from '../../core/errors.js';
import { exists, namesIn, readBytes } from '../../io/files/entries.node.js';
import { isOfAnotherHand } from '../../io/files/marked-text.js';
import { path } from '../../io/files/path.node.js';
import { withoutMachinePaths } from '../../io/files/portable-name.js';
import { writeFolder } from '../../io/files/staging.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { openSafetensors, type TensorData, type TensorEntry, type TensorStore, writeCheckpoint } from '../../io/index.js';
import { decodeUtf8, isJsonObject, parseJson } from '../../io/parse-json.js';
import { isFloatDtype } from '../../io/safetensors/dtypes.js';
import { type LoraAdapter, mergeAdapter, modelCardFile, saveAdapter } from '../../lora/index.js';
import type { CausalLM } from '../../models/index.js';
import { adapterOrder, checkNoAdapter } from '../adapter/adapter-folder.js';
import { combineFolders } from '../adapter/combine-folders.js';
import { type CommandResult, defineCommand, UsageError } from '../command.js';
import { weightsKey } from '../config/finetune-config.js';
import { count, folder } from '../config/keys.js';
import { short } from '../format.js';
import { whileWriting } from '../interruption.js';
import { checkOutsideRuns } from '../run/outside-runs.js';
import type { Terminal } from '../terminal.js';
import { type ModelKeys, modelKeys, type OpenModel, openModel } from '../training/open-model.js';

/** The command `bures merge`: one adapter into its base model, or several adapters into one. */
export const merge = defineCommand({
  summary: 'Merges one adapter into its base model and writes the model, or combines several adapters of one base into one adapter.',
  details:
    'With one folder, the model is written in the number format of its base. Before anything is written, the logits of the merged model are compared with those of the model with its adapter. Weights that were trained themselves ' +
    '(galore) replace those of the base. Quantized weights are dequantized: the model that is written is not quantized. With --adapter-rank the command writes the nearest adapter of that rank in PEFT format instead, and reports how much ' +
    'of the change of the weights it leaves out.\n\n' +
    'With several folders, an adapter is written: bures merge A B --weights 0.7,0.3 --out DIR. It is the weighted sum of their changes ΔW, exactly, at the sum of their ranks or, with --rank R, its best approximation of ' +
    'rank R, by QR and a small SVD in float64; no base model is needed. bures resize changes the rank of one adapter.',
  positionals: [
    {
      name: 'RUN|ADAPTER',
      description:
        'folder of a run (its best checkpoint) or of an adapter: one, which is merged into its base, or several, which are combined',
      many: true,
    },
  ],
  schema: z.strictObject({
    out: folder.describe('folder for the merged model or, with several folders, for the adapter'),
    weights: z
      .union([z.string(), z.number(), z.array(z.number())])
      .optional()
      .describe('several folders: the weight of each adapter, such as 0.7,0.3 (required); one folder: f32 or keep, as for finetune')
      .meta({ placeholder: 'W,W,…' }),
    adapterRank: count(1)
      .optional()
      .describe('write weights that were trained themselves as an adapter of this rank instead of a model')
      .meta({ placeholder: 'R', group: 'With one folder:' }),
    backend: modelKeys.backend,
    quantize: modelKeys.quantize,
    model: modelKeys.model
      .describe(
        'base model, by directory or as OWNER/NAME of the hub (default: the one that the adapter names; of several, the one they agree on)',
      )
      .meta({ group: 'With one folder or several:' }),
    rank: count(1)
      .optional()
      .describe('largest rank of the combined adapter (default: the sum of the ranks, which is exact)')
      .meta({ placeholder: 'R', group: 'With several folders:' }),
    keepDtype: z.boolean().default(false).describe('keep F16 and BF16 factors in their format instead of writing F32'),
  }),
  async run({ positionals, values, terminal }) {
    const { out, adapterRank: rank, backend, quantize, model } = values;
    if (positionals.length > 1) {
      refuseFlags(`${positionals.length} folders are combined into one adapter; it is for one folder, which is merged into its base`, {
        '--adapter-rank': rank !== undefined,
        '--backend': backend !== 'auto',
        '--quantize': quantize !== undefined,
      });
      return combineFolders({ ...values, locations: positionals, baseModel: model, terminal });
    }
    const [location] = positionals;
    const weights = placeOfWeights(values.weights);
    refuseFlags('one folder is merged into its base model; it is for several, which are combined (bures resize changes the rank of one)', {
      '--rank': values.rank !== undefined,
      '--keep-dtype': values.keepDtype,
    });
    await checkNoWeights(out);
    const open = await openModel('merge', location, { model, backend, quantize, weights }, terminal);
    try {
      if (open.adapter === undefined)
        throw new ConfigError(`merge: ${location} is a model, not an adapter; pass the folder of an adapter or a run`);
      if (rank !== undefined) return await writeAdapter(open, open.adapter, out, rank, terminal);
      const { deviation, untied, dispose } = await mergeAdapter(open.adapter);
      dispose();
      await whileWriting(terminal, (check) => writeMerged(open, out, untied, check));
      const quantized = open.quantize ?? [...open.model.parameters.values()].find((parameter) => parameter.quantized)?.quantized?.format;
      const dequantized = quantized === undefined ? '' : `; weights were dequantized from ${quantized}`;
      const own = untied ? '; the head, which was tied to the embedding, has weights of its own now (tie_word_embeddings: false)' : '';
      return {
        data: {
          model: open.base,
          adapter: open.adapterFolder,
          out,
          deviation,
          untied,
          ...(quantized === undefined ? {} : { dequantized: quantized }),
        },
        text: `${out}: merged; logits differ by at most ${short(deviation)} relative to the largest, before rounding to the format of the base${dequantized}${own}`,
      };
    } finally {
      open.dispose();
    }
  },
});

/** @throws UsageError for the first flag that was given and belongs to the other form of the command. */
function refuseFlags(because: string, flags: Readonly<Record<string, boolean>>): void {
  const [flag] = Object.entries(flags).find(([, given]) => given) ?? [];
  if (flag !== undefined) throw new UsageError(`bures merge: unexpected ${flag}: ${because}; leave the flag out`);
}

/** Reads --weights as the place of the weights. @throws UsageError for the weights of several adapters. */
function placeOfWeights(given: string | number | readonly number[] | undefined): ModelKeys['weights'] {
  const place = weightsKey.safeParse(given);
  if (place.success) return place.data;
  throw new UsageError(
    `bures merge: --weights must be f32 or keep with one folder, which is merged into its base model, got ${Array.isArray(given) ? given.join(',') : JSON.stringify(given)}; numbers are the weights of several folders: bures merge A B --weights 0.7,0.3`,
  );
}

/** Writes the adapter of the given rank that is nearest to trained weights, completely or not at all. */
async function writeAdapter(
  { base, adapterFolder, quantize }: OpenModel,
  adapter: LoraAdapter,
  out: string,
  rank: number,
  terminal: Terminal,
): Promise<CommandResult> {
  await checkNoAdapter('merge', out);
  if (adapter.layout.weights.length === 0)
    throw new ConfigError(
      'merge: --adapter-rank is for weights that were trained themselves, but this adapter has factors of its own rank; leave the flag out',
    );
  const { truncation } = await whileWriting(terminal, (check) =>
    writeFolder(
      'merge',
      out,
      async (folder) => {
        const own = (await isOfAnotherHand(path.join(out, modelCardFile)))
          ? {}
          : { card: quantize === undefined ? {} : { quantized: quantize } };
        const saved = await saveAdapter(adapter, folder, { baseModel: base, rank, ...own });
        await check();
        return saved;
      },
      adapterOrder,
    ),
  );
  const error = truncation?.error ?? 0;
  return {
    data: { model: base, adapter: adapterFolder, out, rank, truncation },
    text: `${out}: an adapter of rank ${rank}; it leaves out ${short(100 * error)} % of the change of the weights`,
  };
}

/** Returns the tensors of the base's files: merged where the model uses them, the others byte for byte. */
function mergedTensors(model: CausalLM, store: TensorStore, check: () => Promise<void>): ReadonlyMap<string, TensorData> {
  // Files may have other names than the model.
  const parameters = new Map([...model.parameters].map(([name, { tensor = name }]) => [tensor, name]));
  const added = untiedNames(model, store, parameters);
  const infos = [...model.parameters.values()];
  // LLM.int8 does not say what its weights were before: what the others still are.
  const plain = infos
    .map(({ tensor = '' }) => store.entries.get(tensor)?.dtype)
    .find((dtype) => dtype !== undefined && isFloatDtype(dtype));
  const parts = new Set(infos.flatMap(({ quantized }) => quantized?.parts ?? []));
  const read = async (name: string): Promise<Float32Array | Uint8Array> => {
    await check();
    const parameter = parameters.get(name);
    if (parameter === undefined) return store.readBytes(name);
    return model.algebra.tidy(() => model.parameter(parameter).dataSync<'float32'>());
  };
  const described = ({ name, dtype, shape }: TensorEntry): Omit<TensorData, 'data'> => {
    const parameter = model.parameters.get(parameters.get(name) ?? '');
    if (parameter?.quantized === undefined) return { dtype, shape };
    return { dtype: parameter.quantized.dtype ?? plain ?? 'F16', shape: parameter.shape };
  };
  const kept = [...store.entries.values()].filter(({ name }) => !parts.has(name));
  const tensors = new Map<string, TensorData>(kept.map((entry) => [entry.name, { ...described(entry), data: () => read(entry.name) }]));
  for (const [name, like] of added) tensors.set(name, { ...described(like), data: () => read(name) });
  return tensors;
}

/** The end of the name that any file gives the head. */
const headTensor = 'lm_head.weight';

/**
 * Finds names for head and embedding that were tied, and are no longer, where the file had one tensor for both.
 *
 * @param parameters - the parameters by the names of their tensors, which is completed.
 * @returns the tensors to add, each with the one of the file whose format and shape it has.
 */
function untiedNames(model: CausalLM, store: TensorStore, parameters: Map<string, string>): ReadonlyMap<string, TensorEntry> {
  const added = new Map<string, TensorEntry>();
  const head = model.parameters.get(headTensor);
  if (head === undefined || head.tensor !== undefined) return added;
  const stored = [...store.entries.values()].find(({ name }) => name.endsWith(headTensor));
  parameters.delete(headTensor);
  if (stored === undefined) {
    const shared = [...model.parameters.values()].find(({ tensor, shape }) => tensor !== undefined && shape.join() === head.shape.join());
    const like = store.entries.get(shared?.tensor ?? '');
    if (like !== undefined) added.set(headTensor, like);
    parameters.set(headTensor, headTensor);
    return added;
  }
  // A copy of the embedding, or the one tensor that stood for both.
  const [embedding] = [...model.parameters].find(([, { tensor }]) => tensor === stored.name) ?? [];
  parameters.set(stored.name, headTensor);
  if (embedding === undefined) return added;
  added.set(embedding, stored);
  parameters.set(embedding, embedding);
  return added;
}

/** Names of the weight files, one of which every model folder has. In an existing folder it is put in place last. */
const weightFiles = ['model.safetensors', 'model.safetensors.index.json'] as const;

/**
 * Requires a folder without weights, outside of runs.
 *
 * @throws ConfigError if it has some: two models would mix.
 */
async function checkNoWeights(out: string): Promise<void> {
  await checkOutsideRuns('merge', out);
  for (const name of weightFiles) {
    if (await exists(path.join(out, name)))
      throw new ConfigError(`merge: expected a folder without weights, found ${name} in ${out}; choose another --out, or remove it first`);
  }
}

/** Writes weights, configuration and tokenizer, completely or not at all. */
async function writeMerged(
  { baseFolder: base, model, chatTemplate }: OpenModel,
  out: string,
  untied: boolean,
  check: () => Promise<void>,
): Promise<void> {
  const fill = async (folder: string): Promise<void> => {
    await writeWeights(base, model, folder, check);
    await copyOtherFiles(base, folder, untied, check);
    // The model was trained on conversations in this form.
    if (chatTemplate !== undefined) await writeAtomic(path.join(folder, 'chat_template.jinja'), chatTemplate);
  };
  await writeFolder('merge', out, fill, { last: weightFiles });
}

async function writeWeights(base: string, model: CausalLM, folder: string, check: () => Promise<void>): Promise<void> {
  const store = await openSafetensors(base, { caller: 'merge' });
  try {
    await writeCheckpoint(folder, mergedTensors(model, store, check), { metadata: store.metadata });
  } finally {
    await store.close();
  }
}

/** Copies configuration and tokenizer, without the local paths that some programs write into them. */
async function copyOtherFiles(base: string, folder: string, untied: boolean, check: () => Promise<void>): Promise<void> {
  for (const name of await namesIn(base)) {
    if (!/\.(json|jinja|txt|model)$/.test(name) || name === 'model.safetensors.index.json') continue;
    await check();
    const bytes = await readBytes(path.join(base, name));
    const content = name === 'config.json' ? mergedConfig(base, bytes, untied) : bytes;
    await writeAtomic(path.join(folder, name), name.endsWith('config.json') ? withoutMachinePaths(content) : content);
  }
}

/**
 * Returns a model's configuration without what says that its weights are quantized, or its head the embedding, if they
 * are no longer.
 */
function mergedConfig(base: string, bytes: Uint8Array, untied: boolean): Uint8Array {
  const file = path.join(base, 'config.json');
  const config = parseJson('merge', file, decodeUtf8('merge', file, bytes));
  if (!isJsonObject(config) || (config.quantization_config === undefined && !untied)) return bytes;
  const { quantization_config: _, ...others } = config;
  const written = untied ? { ...others, tie_word_embeddings: false } : others;
  return new TextEncoder().encode(`${JSON.stringify(written, null, 2)}\n`);
}
