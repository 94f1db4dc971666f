/** The folder in which a completion is stored. */
import { ConfigError } from '../../core/errors.js';
import { type HostArray, hostAlgebra } from '../../index.js';
import { namesIn } from '../../io/files/entries.js';
import { path } from '../../io/files/path.js';
import { abandonedIn, type StagedFolder } from '../../io/files/staging.js';
import { type ByteSink, writeAtomic } from '../../io/files/write-atomic.js';
import { writeNpy } from '../../io/index.js';
import { type Completion, type CompletionSettings, sampledFixedRank } from '../../problems/index.js';
import type { Entries } from './read-entries.js';

/** The files of a completion. */
export const completionFiles = {
  left: 'left.npy',
  right: 'right.npy',
  rowOffsets: 'row-offsets.npy',
  columnOffsets: 'column-offsets.npy',
  rowLabels: 'row-labels.json',
  columnLabels: 'column-labels.json',
  test: 'test.csv',
  summary: 'completion.json',
} as const;

/** Factors of the prediction `rowOffsets[i] + columnOffsets[j] + left[i]·right[j]`. */
interface PredictionFactors {
  /** Left factors, m×r. */
  readonly left: HostArray;
  /** Right factors, n×r. */
  readonly right: HostArray;
  /** Row offsets, m of them, which include the mean. */
  readonly rowOffsets: Float64Array;
  readonly columnOffsets: Float64Array;
}

/** The parts of a completion that are written. */
type FittedParts = Pick<Completion, 'x' | 'offsets' | 'test'>;

/** Computes the factors as they are written: balanced, leftᵀ·left = rightᵀ·right. */
function predictionFactors({ x, offsets }: FittedParts): PredictionFactors {
  const la = hostAlgebra();
  const roots = la.sqrt(x.S);
  return {
    left: la.scaleColumns(x.U, roots),
    right: la.scaleColumns(x.V, roots),
    rowOffsets: offsets.rows.map((offset) => offset + offsets.mean),
    columnOffsets: offsets.columns,
  };
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
export async function writeCompletion(staged: StagedFolder, entries: Entries, completion: FittedParts, summary: object): Promise<void> {
  await writeFiles(staged.folder, entries, completion, summary);
  const { summary: last, test } = completionFiles;
  await staged.commit({ stale: completion.test === undefined ? [last, test] : [last], last: [last] });
}

async function writeFiles(folder: string, entries: Entries, completion: FittedParts, summary: object): Promise<void> {
  const la = hostAlgebra();
  const at = (name: keyof typeof completionFiles): string => path.join(folder, completionFiles[name]);
  const { left, right, rowOffsets, columnOffsets } = predictionFactors(completion);
  await writeNpy(la, at('left'), left);
  await writeNpy(la, at('right'), right);
  await writeNpy(la, at('rowOffsets'), la.fromArray(rowOffsets, [rowOffsets.length]));
  await writeNpy(la, at('columnOffsets'), la.fromArray(columnOffsets, [columnOffsets.length]));
  await writeAtomic(at('rowLabels'), (sink) => writeLabels(sink, entries.rowLabels), 'complete');
  await writeAtomic(at('columnLabels'), (sink) => writeLabels(sink, entries.columnLabels), 'complete');
  const { test } = completion;
  if (test !== undefined) await writeAtomic(at('test'), (sink) => writeTest(sink, entries, completion, test), 'complete');
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
  { x, offsets }: FittedParts,
  test: NonNullable<FittedParts['test']>,
): Promise<void> {
  const la = hostAlgebra();
  const [values, products] = [la.peek(test.values), la.peek(sampledFixedRank(test, x))];
  await sink.write(Buffer.from('row,column,value,prediction\n'));
  let row = 0;
  await writeLines(sink, values.length, (e) => {
    while (e >= test.rowPointers[row + 1]) row++;
    const column = test.columnIndices[e];
    const prediction = offsets.mean + offsets.rows[row] + offsets.columns[column] + products[e];
    return `${csvField(rowLabels[row])},${csvField(columnLabels[column])},${values[e]},${prediction}`;
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

function csvField(label: string): string {
  return /[",\r\n]|^\s|\s$/.test(label) ? `"${label.replaceAll('"', '""')}"` : label;
}

/** Summarizes a completion as data, for `completion.json` and `--json`. */
export function summaryOf(file: string, entries: Entries, settings: CompletionSettings, completion: Completion) {
  const { matrix, repeated, least, greatest, reading } = entries;
  const { x, offsets, regularization, noise, errors, baselines, counts, choice, history, unseen, interrupted } = completion;
  return {
    // A completion may be passed on, so the local path of its data stays private.
    data: {
      file: path.basename(file),
      reading,
      rows: matrix.rows,
      columns: matrix.columns,
      entries: matrix.columnIndices.length,
      repeated,
      least,
      greatest,
    },
    settings,
    counts,
    rank: x.S.shape[0],
    regularization: regularization ?? null,
    noise,
    singularValues: Array.from(x.S.data),
    offsets: { center: settings.center, mean: offsets.mean },
    rmse: errors,
    baselines,
    unseen,
    interrupted,
    ...(choice === undefined ? {} : { tried: choice.tried }),
    history,
  };
}
