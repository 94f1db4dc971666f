/** The folder in which a completion is stored. */
import { ConfigError } from '../../core/errors.js';
import { type CsrMatrix, type HostArray, hostAlgebra } from '../../index.js';
import { namesIn } from '../../io/files/entries.node.js';
import type { ByteSink } from '../../io/files/file-content.js';
import { path } from '../../io/files/path.node.js';
import { abandonedIn, type StagedFolder } from '../../io/files/staging.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { writeNpy } from '../../io/index.js';
import { writeNpyIntegers } from '../../io/npy/npy.js';
import type { Completion, CompletionSettings, RatingModel } from '../../problems/index.js';
import type { Entries } from './entries.js';
import type { RatingMeasures } from './rating-measures.js';

/** The files of a completion. */
export const completionFiles = {
  left: 'left.npy',
  right: 'right.npy',
  rowOffsets: 'row-offsets.npy',
  columnOffsets: 'column-offsets.npy',
  rowLabels: 'row-labels.json',
  columnLabels: 'column-labels.json',
  seenRows: 'seen-rows.npy',
  seenColumns: 'seen-columns.npy',
  test: 'test.csv',
  predictions: 'predictions.csv',
  summary: 'completion.json',
} as const;

/** What is written of a completion. */
export interface FittedParts {
  readonly model: RatingModel;
  /** Test entries, with their predictions, which are not clipped; `undefined` without them. */
  readonly test: { readonly matrix: CsrMatrix<HostArray>; readonly predictions: Float64Array } | undefined;
  /** Lines of the file of predictions, if some were asked for. */
  readonly predictions?: readonly string[];
}

/**
 * Checks the folder.
 *
 * @throws ConfigError if it holds anything but an earlier completion that may be replaced, or the remains of a killed
 * process.
 */
export async function checkFolder(folder: string, overwrite: boolean): Promise<void> {
  const entries = await namesIn(folder).catch((cause: Error) => {
    throw new ConfigError(`complete: ${folder} cannot be the folder of a completion (${cause.message}); choose another --out`, { cause });
  });
  if (entries.length === 0) return;
  const whole = entries.includes(completionFiles.summary);
  const abandoned = await abandonedIn(path.resolve(folder), path.resolve(folder));
  const foreign = entries.filter((name) => !abandoned.includes(name) && !Object.values<string>(completionFiles).includes(name));
  const replaceable = whole || foreign.length === 0;
  // Files that a killed process left half-written are not a result.
  const isCutOff = !whole && foreign.length === 0 && abandoned.length > 0;
  if (isCutOff || (replaceable && overwrite)) return;
  const held = whole ? 'holds a completion' : 'holds parts of a completion';
  throw new ConfigError(
    `complete: ${folder} ${replaceable ? `${held}; replace it with --overwrite, or` : 'is not empty;'} choose another --out`,
  );
}

/**
 * Writes all files, and only then replaces an earlier completion. The old summary is removed first and the new one
 * comes last, because a folder without a summary is not a completion.
 *
 * @param staged - the folder, staged before the computation.
 * @throws BackendError if the file system refuses. Only an error while renaming affects the earlier completion.
 */
export async function writeCompletion(staged: StagedFolder, entries: Entries, fitted: FittedParts, summary: object): Promise<void> {
  await writeFiles(staged.folder, entries, fitted, summary);
  const { summary: last, test, predictions } = completionFiles;
  const missing = [...(fitted.test === undefined ? [test] : []), ...(fitted.predictions === undefined ? [predictions] : [])];
  await staged.commit({ stale: [last, ...missing], last: [last] });
}

async function writeFiles(folder: string, entries: Entries, fitted: FittedParts, summary: object): Promise<void> {
  const la = hostAlgebra();
  const at = (name: keyof typeof completionFiles): string => path.join(folder, completionFiles[name]);
  const { model, test, predictions } = fitted;
  const rowOffsets = model.rowBiases.map((bias) => bias + model.mean);
  await writeNpy(la, at('left'), model.left);
  await writeNpy(la, at('right'), model.right);
  await writeNpy(la, at('rowOffsets'), la.fromArray(rowOffsets, [rowOffsets.length]));
  await writeNpy(la, at('columnOffsets'), la.fromArray(model.columnBiases, [model.columnBiases.length]));
  await writeAtomic(at('rowLabels'), (sink) => writeLabels(sink, entries.rowLabels), 'complete');
  await writeAtomic(at('columnLabels'), (sink) => writeLabels(sink, entries.columnLabels), 'complete');
  await writeNpyIntegers('complete', at('seenRows'), entries.matrix.rowPointers);
  await writeNpyIntegers('complete', at('seenColumns'), entries.matrix.columnIndices);
  if (test !== undefined) await writeAtomic(at('test'), (sink) => writeTest(sink, entries, test), 'complete');
  if (predictions !== undefined)
    await writeAtomic(at('predictions'), (sink) => writeLines(sink, predictions.length, (index) => predictions[index]), 'complete');
  await writeAtomic(at('summary'), `${JSON.stringify(summary, null, 2)}\n`, 'complete');
}

/** Writes labels as a JSON array, one per line. */
async function writeLabels(sink: ByteSink, labels: readonly string[]): Promise<void> {
  await writeLines(
    sink,
    labels.length,
    (index) => `${index === 0 ? '[' : ''}${JSON.stringify(labels[index])}${index === labels.length - 1 ? ']' : ','}`,
  );
}

/** Writes the test entries with their predictions. */
async function writeTest(
  sink: ByteSink,
  { rowLabels, columnLabels }: Entries,
  { matrix, predictions }: NonNullable<FittedParts['test']>,
): Promise<void> {
  const values = hostAlgebra().peek(matrix.values);
  await sink.write(Buffer.from('row,column,value,prediction\n'));
  let row = 0;
  await writeLines(sink, values.length, (e) => {
    while (e >= matrix.rowPointers[row + 1]) row++;
    return `${csvField(rowLabels[row])},${csvField(columnLabels[matrix.columnIndices[e]])},${values[e]},${predictions[e]}`;
  });
}

/**
 * Predicts the entries of a pattern by offsets and the values of the low rank there.
 *
 * @param products - the low rank at each entry.
 */
export function offsetPredictions(
  { rowPointers, columnIndices }: CsrMatrix<HostArray>,
  { mean, rows, columns }: Completion['offsets'],
  products: HostArray,
): Float64Array {
  let row = 0;
  return hostAlgebra()
    .toArray(products)
    .map((product, e) => {
      while (e >= rowPointers[row + 1]) row++;
      return mean + rows[row] + columns[columnIndices[e]] + product;
    });
}

/** Number of lines written at once. */
const linesAtOnce = 10_000;

async function writeLines(sink: ByteSink, count: number, lineAt: (index: number) => string): Promise<void> {
  for (let first = 0; first < count; first += linesAtOnce) {
    const lines = Array.from({ length: Math.min(linesAtOnce, count - first) }, (_, index) => lineAt(first + index));
    await sink.write(Buffer.from(`${lines.join('\n')}\n`));
  }
}

/** Quotes a label if it needs it. */
export function csvField(label: string): string {
  return /[",\r\n]|^\s|\s$/.test(label) ? `"${label.replaceAll('"', '""')}"` : label;
}

/** Summarizes the file of a completion as data. A completion may be passed on, so the local path stays private. */
export function dataOf(file: string, { matrix, repeated, least, greatest, reading }: Entries) {
  const { rows, columns, columnIndices } = matrix;
  return { file: path.basename(file), reading, rows, columns, entries: columnIndices.length, repeated, least, greatest };
}

/** Returns the regression of a further row as plain data. */
export function rowFitData(fit: RatingModel['rowFit']) {
  return { ...fit, ridge: Array.from(fit.ridge) };
}

/** Summarizes a completion of ratings as data, for `completion.json` and `--json`. */
export function summaryOf(
  file: string,
  entries: Entries,
  settings: CompletionSettings & { readonly split: string },
  completion: Completion,
  { rowFit }: RatingModel,
  measures: RatingMeasures,
) {
  const { x, offsets, regularization, noise, errors, baselines, counts, choice, history, unseen, interrupted } = completion;
  return {
    feedback: 'explicit',
    data: dataOf(file, entries),
    settings,
    counts,
    rank: x.S.shape[0],
    regularization: regularization ?? null,
    noise,
    singularValues: Array.from(x.S.data),
    offsets: { center: settings.center, mean: offsets.mean },
    rowFit: rowFitData(rowFit),
    rmse: errors,
    baselines,
    ...measures,
    unseen,
    interrupted,
    ...(choice === undefined ? {} : { tried: choice.tried }),
    history,
  };
}
