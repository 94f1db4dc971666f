import { counted } from '../../core/counted.js';
import { path } from '../../io/files/path.node.js';
import { stageFolder } from '../../io/files/staging.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { type CommandResult, defineCommand, UsageError } from '../command.js';
import { type CompleteFlags, completeFlags } from '../completion/complete-flags.js';
import { checkFolder, completionFiles, writeCompletion } from '../completion/completion-folder.js';
import { entriesText } from '../completion/completion-text.js';
import type { Entries } from '../completion/entries.js';
import { checkTable } from '../completion/implicit-completion.js';
import { type ModelLabels, pairsData, predictionLines, predictPairs, readPairs } from '../completion/predict-pairs.js';
import { readEntries } from '../completion/read-entries.js';
import { isCompletion, readModel } from '../completion/read-model.js';
import { completeFeedback, completeScores } from '../completion/run-completion.js';
import { flagName } from '../config/keys.js';
import { catchInterrupt } from '../interruption.js';
import { checkOutsideRuns } from '../run/outside-runs.js';
import type { Terminal } from '../terminal.js';

/** The command `bures complete`, which fits a matrix of low rank to some of its entries. */
export const complete = defineCommand({
  summary: 'Completes a matrix of which only some entries are known, such as ratings, by a matrix of low rank.',
  details: [
    'FILE is a Matrix Market file, or a table with a row, a column and a value on each line (CSV, tabs, spaces, MovieLens) and labels of any kind.',
    '',
    '  bures complete ratings.csv --rank 10',
    '  bures complete log.tsv --columns user,item,score --center mean --out run',
    '',
    'The command learns from the entries how much to shrink each component, and drops components that the entries do not support. ' +
      'It chooses the rank, down to 0, and the iteration that predict the validation entries best, fits all but the test entries with them, ' +
      'and reports the RMSE on the test entries beside that of the mean and of biases alone. Rank 0 means that biases alone predict best.',
    'The prediction of entry (i, j) is row-offsets[i] + column-offsets[j] + left[i]·right[j], from the .npy files in DIR; test.csv lists each test entry with its prediction.',
    'Several entries at one place are replaced by their mean. Use --center none if the matrix itself has low rank.',
    '',
    '--predict PAIRS predicts pairs of rows and columns, clipped to the range of the ratings. A row or column without ratings contributes nothing: its predictions are those of an average one. ' +
      'With the folder of an earlier completion as FILE nothing is fitted: the predictions go to the standard output, or to the file --out.',
    '--feedback implicit fits preferences, by weighted least squares over all entries, to values that say how often or how strongly; missing entries count as 0, with little confidence. bures recommend ranks the columns for a row.',
    '',
    'Ctrl-C stops the iteration and writes the best result so far.',
  ].join('\n'),
  positionals: [{ name: 'FILE', description: 'the known entries; with --predict also the folder of an earlier completion' }],
  schema: completeFlags,
  async run({ positionals: [file], values: given, isGiven, terminal }) {
    if (await isCompletion(file)) {
      checkPredictOnly(file, given, isGiven);
      return predictOnly(file, given, terminal);
    }
    const implicit = given.feedback === 'implicit';
    checkGiven(implicit, isGiven);
    const folder = given.out ?? `completion-${path.basename(file).replace(/\.[^.]*$/, '')}`;
    await checkFolder(folder, given.overwrite);
    await checkOutsideRuns('complete', folder);
    const entries = await readEntries(file, { ...given, time: given.split === 'random' ? undefined : (given.time ?? 'auto') });
    checkTable(entries, given.rank);
    const pairs = given.predict === undefined ? undefined : await readPairs('complete', given.predict, labelsOf(entries));
    // The folder is staged first, so that an unwritable one fails now and not after hours of work.
    const staged = await stageFolder('complete', folder);
    for (const line of entries.understood) terminal.notice(line);
    terminal.notice(entriesText(file, entries, implicit));
    for (const line of pairs?.notices ?? []) terminal.notice(line);
    const interruption = catchInterrupt(
      terminal,
      'interrupted: stopping the iteration and writing the best result so far (interrupt again to end at once)',
    );
    try {
      const run = implicit ? completeFeedback : completeScores;
      const { model, test, summary, text, interrupted } = await run({
        file,
        folder,
        entries,
        given,
        terminal,
        signal: interruption.signal,
      });
      const predictions = pairs && predictionLines(predictPairs(model, pairs));
      await writeCompletion(staged, entries, { model, test, ...(predictions === undefined ? {} : { predictions }) }, summary);
      const place = path.join(folder, completionFiles.predictions);
      return {
        data: { out: folder, ...summary, ...(pairs === undefined ? {} : { predictions: pairsData(pairs, place) }) },
        text: pairs === undefined ? text : `${text}\n\n${place}: ${counted(pairs.labels.length, 'prediction')}`,
        ...(interrupted ? { failure: `interrupted; ${folder} holds the best result until then`, endedBy: interruption.received() } : {}),
      };
    } finally {
      interruption.end();
      await staged.discard();
    }
  },
});

/** @throws UsageError unless an earlier completion is to predict, and nothing else. */
function checkPredictOnly(folder: string, { predict }: CompleteFlags, isGiven: (key: string) => boolean): void {
  if (predict === undefined) {
    throw new UsageError(
      `bures complete: ${folder} is a completion already; predict pairs by it with --predict FILE, or complete the file of ratings again`,
    );
  }
  const idle = Object.keys(completeFlags.shape).find((key) => key !== 'predict' && key !== 'out' && isGiven(key));
  if (idle !== undefined) {
    throw new UsageError(
      `bures complete: --${flagName(idle)} does nothing where ${folder}, an earlier completion, predicts pairs; leave it out, or complete the file of ratings again`,
    );
  }
}

/** Predicts pairs by an earlier completion, and fits nothing. */
async function predictOnly(folder: string, { predict = '', out }: CompleteFlags, terminal: Terminal): Promise<CommandResult> {
  const stored = await readModel('complete', folder);
  const pairs = await readPairs('complete', predict, stored);
  for (const notice of pairs.notices) terminal.notice(notice);
  const predicted = predictPairs(stored.model, pairs);
  const lines = `${predictionLines(predicted).join('\n')}\n`;
  if (out !== undefined) await writeAtomic(out, lines, 'complete');
  return {
    data: { ...pairsData(pairs, out), pairs: predicted },
    text: out === undefined ? lines : `${out}: ${counted(predicted.length, 'prediction')}`,
  };
}

/** Returns what rows and columns are called, and the columns that hold them. */
function labelsOf({ rowLabels, columnLabels, reading }: Entries): ModelLabels {
  const [row, column] = reading.format === 'table' ? [reading.columns.row.name, reading.columns.column.name] : [];
  return { rowLabels, columnLabels, ...(row === undefined || column === undefined ? {} : { names: [row, column] as const }) };
}

/** Flags that one kind of feedback alone has. */
const [ratingsOnly, implicitOnly] = [['center', 'keepRank', 'tolerance', 'relevant'], ['alpha']] as const;

/** @throws UsageError for a flag that does nothing with this kind of feedback, or with this split. */
function checkGiven(implicit: boolean, isGiven: (key: string) => boolean): void {
  const idle = (implicit ? ratingsOnly : implicitOnly).find((key) => isGiven(key));
  if (idle !== undefined) {
    throw new UsageError(
      `bures complete: --${flagName(idle)} does nothing with --feedback ${implicit ? 'implicit' : 'explicit'}; leave it out, or pass the other --feedback`,
    );
  }
  if (isGiven('time') && !isGiven('split'))
    throw new UsageError(
      'bures complete: --time names the column to split by, and the split is random; add --split time, or --split row-time',
    );
}
