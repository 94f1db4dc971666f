/** Loads the rows of a run: training and validation rows, from the files of a directory or the split of one file. */

import { ConfigError } from '../../core/errors.js';
import { seededRandom } from '../../index.js';
import { exists, isFolder } from '../../io/files/entries.js';
import { path } from '../../io/files/path.js';
import { readDataset, type Tokenizer, type TokenRow } from '../../models/index.js';
import type { FinetuneConfig } from '../config/finetune-config.js';

/** File names in a data directory. */
const dataFiles = { train: 'train.jsonl', valid: 'valid.jsonl', test: 'test.jsonl' } as const;

/** All rows of a file. */
export interface RowsOfFile {
  readonly file: string;
  /** The rows, in the order of the file. */
  readonly rows: readonly TokenRow[];
}

/** The rows of a run. */
export interface RunData {
  readonly train: readonly TokenRow[];
  /** Validation rows; empty if the split is 0 and there is no file. */
  readonly valid: readonly TokenRow[];
  /** The files of the rows. Validation rows held out of the training file have none. */
  readonly files: { readonly training: RowsOfFile; readonly validation?: RowsOfFile };
  /** Messages for the user: rows cut, rows left out. */
  readonly notices: readonly string[];
}

/** The options that decide how rows are read. */
export type DataOptions = Pick<FinetuneConfig, 'data' | 'validSplit' | 'maskPrompt' | 'maxLength' | 'seed' | 'evalRows'>;

/**
 * Reads the rows of a run.
 *
 * @param positions - position limit of the model; longer rows are cut.
 * @throws ConfigError if there is no training file or no row to train on; FormatError, naming file and line, for an
 * invalid row.
 */
export async function loadData(options: DataOptions, tokenizer: Tokenizer, positions: number): Promise<RunData> {
  const { data, validSplit, seed, evalRows = Number.POSITIVE_INFINITY } = options;
  const inFolder = await isFolder(data);
  const trainFile = inFolder ? path.join(data, dataFiles.train) : data;
  const notices: string[] = [];
  const rows = await readRows(trainFile, options, tokenizer, positions, notices);
  const validFile = path.join(data, dataFiles.valid);
  if (inFolder && (await exists(validFile))) {
    const valid = (await readRows(validFile, options, tokenizer, positions, notices)).slice(0, evalRows);
    const files = { training: { file: trainFile, rows }, validation: { file: validFile, rows: valid } };
    return { train: rows, valid, files, notices };
  }
  const held = Math.min(rows.length - 1, Math.ceil(validSplit * rows.length));
  const shuffled = shuffle(rows, seed);
  const files = { training: { file: trainFile, rows } };
  return { train: shuffled.slice(held), valid: shuffled.slice(0, held).slice(0, evalRows), files, notices };
}

/**
 * Finds the file to evaluate on: the path itself if it is a file, else test.jsonl or valid.jsonl in the directory.
 *
 * @throws ConfigError if a directory has neither.
 */
export async function evaluationFile(data: string): Promise<string> {
  if (!(await isFolder(data))) return data;
  for (const name of [dataFiles.test, dataFiles.valid]) if (await exists(path.join(data, name))) return path.join(data, name);
  throw new ConfigError(`data: ${data} has neither ${dataFiles.test} nor ${dataFiles.valid}; pass the file to evaluate on`);
}

/**
 * Reads the rows of one file.
 *
 * @throws as {@link loadData}.
 */
export async function readRows(
  file: string,
  { maskPrompt, maxLength }: Pick<DataOptions, 'maskPrompt' | 'maxLength'>,
  tokenizer: Tokenizer,
  positions: number,
  notices: string[],
): Promise<readonly TokenRow[]> {
  if (!(await exists(file)))
    throw new ConfigError(`data: ${file} does not exist; pass a JSONL file, or a directory with ${dataFiles.train}`);
  const { rows, truncated, dropped } = await readDataset(file, tokenizer, {
    maskPrompt,
    maxLength: Math.min(maxLength ?? positions, positions),
  });
  if (truncated > 0) notices.push(`${file}: ${truncated} of ${rows.length} rows were cut to ${maxLength ?? positions} tokens`);
  if (dropped > 0) notices.push(`${file}: ${dropped} rows were left out, because they have no token to train on`);
  if (rows.length === 0)
    throw new ConfigError(`data: ${file} has no row to train on; write lines such as {"prompt": "…", "completion": "…"}`);
  return rows;
}

/** Shuffles rows (Fisher–Yates). */
function shuffle<Row>(rows: readonly Row[], seed: number): readonly Row[] {
  const random = seededRandom(seed);
  const shuffled = [...rows];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  return shuffled;
}
