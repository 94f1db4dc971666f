/** The folder that a completion is written to. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { abandonedIn, type StagedFolder } from '../../core/staging.js';
import { type ByteSink, writeAtomic } from '../../core/write-atomic.js';
import { type HostArray, hostAlgebra } from '../../index.js';
import { writeNpy } from '../../problems/index.js';
import type { Entries } from './read-entries.js';
import type { Completion } from './run-completion.js';
import { sampled } from './sparse-errors.js';

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

/**
 * What predicts an entry: `rowOffsets[i] + columnOffsets[j] + left[i]·right[j]`.
 */
interface PredictionFactors {
  /** m×r. */
  readonly left: HostArray;
  /** n×r. */
  readonly right: HostArray;
  /** m of them, the mean included. */
  readonly rowOffsets: Float64Array;
  readonly columnOffsets: Float64Array;
}

/** What of a completion is written. */
type FittedParts = Pick<Completion, 'x' | 'offsets' | 'test'>;

/** The factors as they are written: balanced, leftᵀ·left = rightᵀ·right. */
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

/** @throws ConfigError if the folder holds anything, unless it is an earlier completion that may be replaced, or what a killed process has left of one. */
export async function checkFolder(folder: string, overwrite: boolean): Promise<void> {
  const entries: readonly string[] = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw new ConfigError(`complete: ${folder} cannot be the folder of a completion (${cause.message}); choose another --out`, { cause });
  });
  if (entries.length === 0) return;
  const whole = entries.includes(completionFiles.summary);
  const abandoned = await abandonedIn(path.resolve(folder), path.resolve(folder));
  const foreign = entries.filter((name) => !abandoned.includes(name) && !Object.values<string>(completionFiles).includes(name));
  const replaceable = whole || foreign.length === 0;
  // What a process was writing when it was killed is nobody's result.
  const isCutOff = !whole && foreign.length === 0 && abandoned.length > 0;
  if (isCutOff || (replaceable && overwrite)) return;
  const held = whole ? 'holds a completion' : 'holds parts of a completion';
  throw new ConfigError(
    `complete: ${folder} ${replaceable ? `${held}; replace it with --overwrite, or` : 'is not empty;'} choose another --out`,
  );
}

/**
 * Writes everything, and only then puts it in the place of an earlier completion: the summary first goes and last comes, since a folder without it is no completion.
 *
 * @param staged - the folder, begun before hours were spent on what it is to hold.
 * @throws BackendError if the file system refuses. Only an error in the renaming itself touches the earlier completion.
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
  await writeAtomic(at('rowLabels'), (sink) => writeLabels(sink, entries.rowLabels));
  await writeAtomic(at('columnLabels'), (sink) => writeLabels(sink, entries.columnLabels));
  const { test } = completion;
  if (test !== undefined) await writeAtomic(at('test'), (sink) => writeTest(sink, entries, completion, test));
  await writeAtomic(at('summary'), `${JSON.stringify(summary, null, 2)}\n`);
}

/** An array in JSON, one label a line. */
async function writeLabels(sink: ByteSink, labels: readonly string[]): Promise<void> {
  await writeLines(
    sink,
    labels.length,
    (index) => `${index === 0 ? '[' : ''}${JSON.stringify(labels[index])}${index === labels.length - 1 ? ']' : ','}`,
  );
}

/** The entries that nothing was fitted to, with what is predicted there. */
async function writeTest(
  sink: ByteSink,
  { rowLabels, columnLabels }: Entries,
  { x, offsets }: FittedParts,
  test: NonNullable<FittedParts['test']>,
): Promise<void> {
  const la = hostAlgebra();
  const [values, products] = [la.peek(test.values), la.peek(sampled(test, x))];
  await sink.write(Buffer.from('row,column,value,prediction\n'));
  let row = 0;
  await writeLines(sink, values.length, (e) => {
    while (e >= test.rowPointers[row + 1]) row++;
    const column = test.columnIndices[e];
    const prediction = offsets.mean + offsets.rows[row] + offsets.columns[column] + products[e];
    return `${csvField(rowLabels[row])},${csvField(columnLabels[column])},${values[e]},${prediction}`;
  });
}

/** Lines written at once. */
const linesAtOnce = 10_000;

async function writeLines(sink: ByteSink, count: number, lineAt: (index: number) => string): Promise<void> {
  for (let first = 0; first < count; first += linesAtOnce) {
    const lines = Array.from({ length: Math.min(linesAtOnce, count - first) }, (_, index) => lineAt(first + index));
    await sink.write(Buffer.from(`${lines.join('\n')}\n`));
  }
}

function csvField(label: string): string {
  return /[",]|^\s|\s$/.test(label) ? `"${label.replaceAll('"', '""')}"` : label;
}
