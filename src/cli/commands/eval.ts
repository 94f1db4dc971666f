import { z } from 'zod';
import { NumericalError } from '../../core/errors.js';
import { path } from '../../io/files/path.js';
import { openSafetensors } from '../../io/index.js';
import { adapterFiles } from '../../lora/index.js';
import { exactMatches, meanLoss, nonFiniteError } from '../../models/index.js';
import { defineCommand } from '../command.js';
import { chatTemplateOfRunKey, checkColumnKeys, columnKeys } from '../config/data-keys.js';
import { count, text } from '../config/keys.js';
import { findData } from '../data/find-data.js';
import { readRows } from '../training/load-data.js';
import { modelKeys, type OpenModel, openModel } from '../training/open-model.js';
import { padIdOf } from '../training/session.js';

/** Returns the error for a loss that is not finite, naming the tensor of base or adapter that causes it. */
async function lossError(loss: number, { model, adapterFolder }: OpenModel): Promise<NumericalError> {
  const problem = `eval: the loss is ${loss}`;
  const fault = adapterFolder === undefined ? undefined : await firstNonFinite(path.join(adapterFolder, adapterFiles.tensors));
  if (fault !== undefined) return new NumericalError(`${problem}: ${fault}; evaluate an earlier checkpoint of the run`);
  return nonFiniteError(problem, model, 'numbers overflow float32 on the way: check the model on another backend');
}

/** Describes the first tensor of a file that contains a number that is not finite. */
async function firstNonFinite(file: string): Promise<string | undefined> {
  const store = await openSafetensors(file);
  try {
    for (const name of store.entries.keys()) {
      const values = await store.read(name);
      const at = (values as Float32Array).findIndex((value) => !Number.isFinite(value));
      if (at >= 0) return `the tensor '${name}' of the adapter, in ${file}, holds ${values[at]} (entry ${at})`;
    }
    return undefined;
  } finally {
    await store.close();
  }
}

/** The command `bures eval`, which computes loss, perplexity and exact match on a file of rows. */
export const evaluate = defineCommand({
  summary: 'Evaluates a model, alone or with an adapter: loss, perplexity, exact match of completions.',
  details: 'A completion matches if greedy generation from its prompt gives exactly this completion and then ends.',
  positionals: [
    {
      name: 'RUN|ADAPTER|MODEL',
      description: 'folder of a run (its best checkpoint), of an adapter, or of a model; or OWNER/NAME of a model on the hub',
    },
  ],
  schema: z.strictObject({
    data: text
      .describe(
        'file of rows (JSON lines, a JSON list, CSV, TSV or Parquet, each also with .gz), a directory with test.jsonl or valid.jsonl (or of these other formats), or a data set on the hub, OWNER/NAME or OWNER/NAME:PART',
      )
      .meta({ placeholder: 'DATA' }),
    ...columnKeys,
    chatTemplate: chatTemplateOfRunKey,
    batchSize: count(1).default(16).describe('rows in a batch'),
    ...modelKeys,
  }),
  async run({ positionals: [location], values, terminal }) {
    const { data, batchSize } = values;
    checkColumnKeys('eval', values);
    const open = await openModel('eval', location, values, terminal);
    try {
      const notices: string[] = [];
      const { tokenizer, model } = open;
      const found = await findData('eval', data, 'evaluation', terminal);
      if (found.choice !== undefined) terminal.notice(found.choice);
      const reading = { tokenizer, positions: model.config.maxPositions };
      const { rows } = await readRows(found.rows, { ...values, maskPrompt: true }, reading, notices);
      for (const notice of notices) terminal.notice(notice);
      const padId = padIdOf(open.tokenizer);
      const { loss, perplexity, tokens } = await open.withOverlay((overlay) =>
        meanLoss(open.model, rows, { batchSize, padId, ...overlay }),
      );
      if (!Number.isFinite(loss)) throw await lossError(loss, open);
      const matches = await open.withOverlay((overlay) => exactMatches(open.model, rows, { padId, ...overlay }));
      const exactMatch = matches.filter(Boolean).length / rows.length;
      return {
        data: { model: open.base, adapter: open.adapterFolder ?? null, rows: rows.length, tokens, loss, perplexity, exactMatch },
        text: `${rows.length} rows, ${tokens} tokens: loss ${loss.toFixed(4)}, perplexity ${perplexity.toFixed(3)}, exact match ${(100 * exactMatch).toFixed(1)} %`,
      };
    } finally {
      open.dispose();
    }
  },
});
