/** `bures merge`: a model with its adapter in the weights. */
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { makeFolder } from '../../core/make-folder.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { mergeAdapter } from '../../lora/index.js';
import { type CausalLM, openSafetensors, type TensorData, type TensorStore, writeCheckpoint } from '../../models/index.js';
import { defineCommand } from '../command.js';
import { short } from '../format.js';
import { modelFlags, type OpenModel, openModel } from '../training/open-model.js';
import { UsageError } from '../usage-error.js';

/** The command. */
export const merge = defineCommand({
  summary: 'Merges an adapter into its base model and writes the model, in the number format of the base.',
  details: 'The logits of the merged model are compared with those of model and adapter before anything is written.',
  positionals: [{ name: 'RUN|ADAPTER', description: 'folder of a run (its best checkpoint) or of an adapter' }],
  flags: {
    out: { kind: 'text', placeholder: 'DIR', description: 'folder for the merged model (required)' },
    ...modelFlags,
  },
  async run({ positionals: [location], flags }) {
    const { out } = flags;
    if (out === undefined) throw new UsageError('bures merge: --out DIR is missing; say where the merged model goes');
    const open = await openModel('merge', location, flags);
    try {
      if (open.adapter === undefined)
        throw new ConfigError(`merge: ${location} is a model, not an adapter; pass the folder of an adapter or a run`);
      const { deviation, dispose } = await mergeAdapter(open.adapter);
      dispose();
      await writeMerged(open, out);
      return {
        data: { model: open.base, adapter: open.adapterFolder, out, deviation },
        text: `${out}: merged; logits differ by at most ${short(deviation)} relative to the largest, before rounding to the format of the base`,
      };
    } finally {
      open.dispose();
    }
  },
});

/** The tensors of the base's files: those that the model knows from it, the rest byte for byte. */
function mergedTensors(model: CausalLM, store: TensorStore): ReadonlyMap<string, TensorData> {
  return new Map(
    [...store.entries].map(([name, { dtype, shape }]) => [
      name,
      {
        dtype,
        shape,
        data: async () => (model.parameters.has(name) ? ((await model.parameter(name).data()) as Float32Array) : store.readBytes(name)),
      },
    ]),
  );
}

/** Writes weights, configuration and tokenizer. Where any of it fails, no file stays that was not there; a configuration or tokenizer that was may have been replaced. */
async function writeMerged({ base, model }: OpenModel, out: string): Promise<void> {
  const removeIfEmpty = await makeFolder('merge', out);
  const before = new Set(await readdir(out));
  try {
    await writeWeights(base, model, out);
    await copyOtherFiles(base, out);
  } catch (error) {
    for (const name of await readdir(out)) if (!before.has(name)) await rm(path.join(out, name), { force: true });
    await removeIfEmpty();
    throw error;
  }
}

async function writeWeights(base: string, model: CausalLM, out: string): Promise<void> {
  const store = await openSafetensors(base);
  try {
    await writeCheckpoint(out, mergedTensors(model, store), { metadata: store.metadata });
  } finally {
    await store.close();
  }
}

/** Configuration and tokenizer. */
async function copyOtherFiles(base: string, out: string): Promise<void> {
  for (const name of await readdir(base)) {
    if (/\.(json|jinja|txt|model)$/.test(name) && name !== 'model.safetensors.index.json')
      await writeAtomic(path.join(out, name), await readFile(path.join(base, name)));
  }
}
