import { z } from 'zod';
import { counted } from '../../core/counted.js';
import { NumericalError } from '../../core/errors.js';
import { path } from '../../io/files/path.node.js';
import { openSafetensors } from '../../io/index.js';
import { adapterFiles } from '../../lora/index.js';
import { exactMatches, meanLoss, nonFiniteError, type TokenRow } from '../../models/index.js';
import { defineCommand } from '../command.js';
import { chatTemplateOfRunKey, checkColumnKeys } from '../config/data-keys.js';
import { count, text } from '../config/keys.js';
import { findData } from '../data/find-data.js';
import { readRows } from '../training/load-data.js';
import { modelKeys, type OpenModel, openModel } from '../training/open-model.js';
import { rowKeys, rowsAsTrained, rowsText, type SettledRows } from '../training/rows-as-trained.js';
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
  const store = await openSafetensors(file, { caller: 'eval' });
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

/**
 * Reads the rows whose answers are to be generated: prompts are not, and generation is not cut where training was.
 *
 * @param rows - the rows as they were trained, which serve if they are the same.
 */
async function readAnswers(
  files: readonly string[],
  { maxLength, trainOn, ...others }: SettledRows,
  reading: Parameters<typeof readRows>[2],
  rows: readonly TokenRow[],
): Promise<readonly TokenRow[]> {
  if (trainOn !== 'everything' && maxLength === undefined) return rows;
  return (await readRows(files, { ...others, trainOn: trainOn === 'everything' ? 'answers' : trainOn }, reading, [])).rows;
}

/** The command `bures eval`, which computes loss, perplexity and exact match on a file of rows. */
export const evaluate = defineCommand({
  summary: 'Evaluates a model, alone or with an adapter: loss, perplexity, exact match of completions.',
  details:
    'Rows are read as the run read its own: its columns, and what it trained on, unless flags say otherwise. The first line says so where this is not the default.\n' +
    'A completion matches if greedy generation from its prompt gives exactly this completion and then ends (with --append-end false, however it goes on). ' +
    'Prompts count for the loss with --train-on everything, and never for the matches; nor does --max-length.',
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
    ...rowKeys,
    chatTemplate: chatTemplateOfRunKey,
    batchSize: count(1).default(16).describe('rows in a batch'),
    ...modelKeys,
  }),
  async run({ positionals: [location], values, terminal }) {
    const { data, batchSize } = values;
    checkColumnKeys('eval', values);
    const open = await openModel('eval', location, { ...values, dateOfRun: true }, terminal);
    try {
      const notices: string[] = [];
      const { tokenizer, model, run } = open;
      const found = await findData('eval', data, 'evaluation', terminal);
      if (found.choice !== undefined) terminal.notice(found.choice);
      const reading = { tokenizer, positions: model.config.maxPositions };
      const howRead = rowsAsTrained(run, values);
      const { rows } = await readRows(found.rows, howRead, reading, notices);
      const answers = await readAnswers(found.rows, howRead, reading, rows);
      for (const notice of notices) terminal.notice(notice);
      const padId = padIdOf(open.tokenizer);
      const { loss, perplexity, tokens } = await open.withOverlay((overlay) =>
        meanLoss(open.model, rows, { batchSize, padId, ...overlay }),
      );
      if (!Number.isFinite(loss)) throw await lossError(loss, open);
      const matches = await open.withOverlay((overlay) => exactMatches(open.model, answers, { padId, ...overlay }));
      const exactMatch = matches.filter(Boolean).length / answers.length;
      const { maskPrompt: _, ...rowsRead } = howRead;
      const said = rowsText(howRead);
      return {
        data: {
          model: open.base,
          adapter: open.adapterFolder ?? null,
          reading: rowsRead,
          rows: rows.length,
          tokens,
          loss,
          perplexity,
          exactMatch,
        },
        text: [
          ...(said === undefined ? [] : [said]),
          `${counted(rows.length, 'row')}, ${counted(tokens, 'token')}: loss ${loss.toFixed(4)}, perplexity ${perplexity.toFixed(3)}, exact match ${(100 * exactMatch).toFixed(1)} %`,
        ].join('\n'),
      };
    } finally {
      open.dispose();
    }
  },
});
