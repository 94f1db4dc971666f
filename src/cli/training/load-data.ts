/** Loads the rows of a run: training and validation rows, from the files of a data set or the split of its rows. */

import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import { seededRandom } from '../../index.js';
import { readDataset, type Tokenizer, type TokenRow, type WeightedRows } from '../../models/index.js';
import type { FinetuneConfig } from '../config/finetune-config.js';
import { dataSetsOf } from '../data/data-sets.js';
import { findData } from '../data/find-data.js';
import type { Terminal } from '../terminal.js';

/** All rows of some files. */
export interface RowsOfFiles {
  /** The files, for messages. */
  readonly file: string;
  /** The rows, in the order of the files. */
  readonly rows: readonly TokenRow[];
}

/** The rows of a run. */
export interface RunData {
  readonly train: readonly TokenRow[];
  /** The training rows of each data set, in order, where there are several or one with a weight. */
  readonly parts?: readonly WeightedRows[];
  /** Validation rows; empty if the split is 0 and there is no file. */
  readonly valid: readonly TokenRow[];
  /** The files of the rows. Validation rows held out of the training file have none. */
  readonly files: { readonly training: RowsOfFiles; readonly validation?: RowsOfFiles };
  /** Messages for the user: rows cut, rows left out. */
  readonly notices: readonly string[];
}

/** The options that decide how rows are read. */
export type RowOptions = Pick<
  FinetuneConfig,
  'maskPrompt' | 'maxLength' | 'promptColumn' | 'completionColumn' | 'messagesColumn' | 'textColumn'
> &
  Partial<Pick<FinetuneConfig, 'trainOn' | 'appendEnd'>>;

/** The options that decide which rows are read, and how. */
export type DataOptions = RowOptions & Pick<FinetuneConfig, 'data' | 'dataWeights' | 'validSplit' | 'seed' | 'evalRows'>;

/** What rows are read with. */
export interface RowReading {
  /** The command, for errors. */
  readonly caller: string;
  readonly tokenizer: Tokenizer;
  /** Position limit of the model; longer rows are cut. */
  readonly positions: number;
  readonly terminal: Terminal;
}

/**
 * Reads the rows of a run. Of several data sets, each gives its own validation rows: those of its files, or the part of
 * its rows that is held out.
 *
 * @throws ConfigError if there is no training file or no row to train on; FormatError, naming file and row, for an
 * invalid one; errors of downloading.
 */
export async function loadData(options: DataOptions, reading: RowReading): Promise<RunData> {
  const { dataWeights, seed, evalRows = Number.POSITIVE_INFINITY } = options;
  const names = dataSetsOf(reading.caller, options);
  if (dataWeights !== undefined && dataWeights.length !== names.length)
    throw new ConfigError(
      `${reading.caller}: expected a weight for each of ${counted(names.length, 'data set')}, got ${dataWeights.length} in dataWeights (--data-weights); give one number each, in the order of data`,
    );
  const notices: string[] = [];
  const sets: RowsOfSet[] = [];
  for (const { data, columns } of names) sets.push(await loadSet(data, { ...options, ...columns }, reading, notices));
  const train = sets.flatMap((one) => one.train);
  const parts = dataWeights === undefined ? {} : { parts: sets.map((one, i) => ({ rows: one.train.length, weight: dataWeights[i] })) };
  const training = joined(sets.map((one) => one.training));
  const validation = sets.flatMap((one) => one.validation ?? []);
  if (sets.length === 1) {
    const valid = sets[0].valid.slice(0, evalRows);
    const [own] = validation;
    return { train, ...parts, valid, files: { training, ...(own === undefined ? {} : { validation: { ...own, rows: valid } }) }, notices };
  }
  // Each set has its share where not all validation rows are used.
  const valid = shuffle(
    sets.flatMap((one) => one.valid),
    seed,
  ).slice(0, evalRows);
  return { train, ...parts, valid, files: { training, ...(validation.length === 0 ? {} : { validation: joined(validation) }) }, notices };
}

/** The rows of one data set. */
interface RowsOfSet {
  readonly train: readonly TokenRow[];
  readonly valid: readonly TokenRow[];
  readonly training: RowsOfFiles;
  /** Undefined if the validation rows are held out of the training rows. */
  readonly validation?: RowsOfFiles;
}

async function loadSet(named: string, options: DataOptions, reading: RowReading, notices: string[]): Promise<RowsOfSet> {
  const { validSplit, seed } = options;
  const found = await findData(reading.caller, named, 'training', reading.terminal);
  const training = await readRows(found.rows, options, reading, notices);
  if (found.valid.length > 0) {
    const validation = await readRows(found.valid, options, reading, notices);
    return { train: training.rows, valid: validation.rows, training, validation };
  }
  const held = Math.min(training.rows.length - 1, Math.ceil(validSplit * training.rows.length));
  const shuffled = shuffle(training.rows, seed);
  return { train: shuffled.slice(held), valid: shuffled.slice(0, held), training };
}

function joined(all: readonly RowsOfFiles[]): RowsOfFiles {
  return { file: all.map(({ file }) => file).join(', '), rows: all.flatMap(({ rows }) => rows) };
}

/**
 * Reads the rows of some files.
 *
 * @throws as {@link loadData}.
 */
export async function readRows(
  files: readonly string[],
  { maskPrompt, maxLength, ...options }: RowOptions,
  { tokenizer, positions }: Pick<RowReading, 'tokenizer' | 'positions'>,
  notices: string[],
): Promise<RowsOfFiles> {
  const { promptColumn, completionColumn, messagesColumn, textColumn, trainOn, appendEnd } = options;
  const given = { promptColumn, completionColumn, messagesColumn, textColumn, trainOn, appendEnd };
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  const all: TokenRow[] = [];
  const most = Math.min(maxLength ?? positions, positions);
  let [tooLong, idle] = [0, 0];
  for (const file of files) {
    const { rows, truncated, dropped, promptsTooLong, lastAnswerOnly } = await readDataset(file, tokenizer, {
      maskPrompt,
      maxLength: most,
      ...Object.fromEntries(named),
    });
    // What was left out is a row of the file as well.
    const records = counted(rows.length + dropped, 'row');
    const unlabelled = dropped - promptsTooLong;
    if (truncated > 0) notices.push(`${file}: ${truncated} of ${records} ${truncated === 1 ? 'was' : 'were'} cut to ${most} tokens`);
    if (promptsTooLong > 0) notices.push(`${file}: ${leftOut(promptsTooLong)}, because ${promptsFill(most, positions)}`);
    if (unlabelled > 0)
      notices.push(`${file}: ${leftOut(unlabelled)}, because ${unlabelled === 1 ? 'it has' : 'they have'} no token to train on`);
    if (lastAnswerOnly > 0) notices.push(`${file}: ${lastAnswerOnly} of ${records} ${trainedOnLast(lastAnswerOnly)}`);
    tooLong += promptsTooLong;
    idle += unlabelled;
    // One by one: so many arguments would exceed the stack.
    for (const row of rows) all.push(row);
  }
  const file = files.join(', ');
  if (all.length === 0) {
    const reasons = [
      ...(tooLong > 0 ? [`of ${counted(tooLong, 'row')} ${promptsFill(most, positions)}`] : []),
      ...(idle > 0
        ? [`${counted(idle, 'row')} ${idle === 1 ? 'has' : 'have'} no token to train on${nothingTrained(trainOn, maskPrompt)}`]
        : []),
    ];
    throw new ConfigError(`data: ${file} has no row to train on: ${reasons.join('; and ')}`);
  }
  return { file, rows: all };
}

/** Says that prompts leave no room for their answers, and what to do. */
function promptsFill(most: number, positions: number): string {
  const remedy =
    most < positions
      ? `raise maxLength (--max-length), at most to the model's ${positions}`
      : 'shorten them, since the model takes no more';
  return `the prompt alone fills the ${most} tokens of a row, and nothing of the answer is left; ${remedy}`;
}

/** Says why rows have nothing to train on, and what to do. */
function nothingTrained(trainOn: RowOptions['trainOn'], maskPrompt: boolean): string {
  if (trainOn === 'everything' || (trainOn === undefined && !maskPrompt)) return ', as their texts are empty; write texts into them';
  return ': no completion or turn of the assistant that has text, and not the weight 0; add the answers, or train on prompts as well (trainOn: everything, --train-on everything)';
}

const leftOut = (count: number): string => `${counted(count, 'row')} ${count === 1 ? 'was' : 'were'} left out`;

const trainedOnLast = (count: number): string =>
  `${count === 1 ? 'is trained on its' : 'are trained on their'} last answer only, because the chat template changes earlier turns when others follow, or ends the request for an answer with words that conversations lack; write a row for each answer to train on all`;

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
