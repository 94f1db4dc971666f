/** Reads the folder of a completion back as a model. */
import { counted } from '../../core/counted.js';
import { ConfigError, FormatError } from '../../core/errors.js';
import { type HostArray, hostAlgebra } from '../../index.js';
import { exists, readBytes } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { readNpy } from '../../io/index.js';
import { decodeUtf8, isJsonObject, type JsonObject, parseJson } from '../../io/parse-json.js';
import { type RatingModel, rowPrior } from '../../problems/index.js';
import { completionFiles } from './completion-folder.js';
import type { ModelLabels } from './predict-pairs.js';

/** A completion that was read back. */
export interface StoredModel extends ModelLabels {
  readonly model: RatingModel;
  readonly feedback: 'explicit' | 'implicit';
  /** Returns the columns that a row had entries in. @throws ConfigError if an earlier version has not written them. */
  seenBy(row: number): Promise<ArrayLike<number>>;
}

/** Returns true for the folder of a completion. */
export async function isCompletion(folder: string): Promise<boolean> {
  return exists(path.join(folder, completionFiles.summary));
}

/**
 * Reads a completion.
 *
 * @param caller - the command, for messages.
 * @throws ConfigError if the folder holds none; FormatError if its files are damaged, or do not belong together.
 */
export async function readModel(caller: string, folder: string): Promise<StoredModel> {
  if (!(await isCompletion(folder))) {
    throw new ConfigError(
      `${caller}: ${folder} holds no completion: it has no ${completionFiles.summary}; pass a folder that bures complete has written`,
    );
  }
  const la = hostAlgebra();
  const at = (name: keyof typeof completionFiles): string => path.join(folder, completionFiles[name]);
  const summary = await readJson(caller, at('summary'));
  if (!isJsonObject(summary)) throw damaged(caller, at('summary'), 'an object');
  const [left, right] = [await readNpy(la, at('left')), await readNpy(la, at('right'))];
  const [rowOffsets, columnOffsets] = [await readNpy(la, at('rowOffsets')), await readNpy(la, at('columnOffsets'))];
  const [rowLabels, columnLabels] = [await readLabels(caller, at('rowLabels')), await readLabels(caller, at('columnLabels'))];
  const [m, n, rank] = [rowLabels.length, columnLabels.length, left.shape[1]];
  const sizes = [left, right, rowOffsets, columnOffsets].map(({ shape }) => `[${shape}]`).join(' ');
  if (sizes !== `[${m},${rank}] [${n},${rank}] [${m}] [${n}]`) {
    throw new FormatError(
      `${caller}: ${folder}: expected factors and offsets of ${counted(m, 'row')} and ${counted(n, 'column')}, as there are labels, got ${sizes}; its files do not belong together, so complete the ratings again`,
    );
  }
  const mean = numberAt(summary, 'offsets', 'mean') ?? 0;
  const rowBiases = la.toArray(rowOffsets).map((offset) => offset - mean);
  const range = [numberAt(summary, 'data', 'least'), numberAt(summary, 'data', 'greatest')] as const;
  const feedback = summary.feedback === 'implicit' ? 'implicit' : 'explicit';
  const clips = feedback === 'explicit' && range[0] !== undefined && range[1] !== undefined;
  const model: RatingModel = {
    mean,
    rowBiases,
    columnBiases: la.toArray(columnOffsets),
    left,
    right,
    ...(clips ? { range: [range[0], range[1]] as readonly [number, number] } : {}),
    rowFit: rowFitOf(summary.rowFit, rank) ?? rowPrior(left, rowBiases, typeof summary.noise === 'number' ? summary.noise : 0),
  };
  const names = namesOf(summary);
  return { model, rowLabels, columnLabels, feedback, ...(names === undefined ? {} : { names }), seenBy: seenReader(caller, folder, m) };
}

/** Reads the regression of a further row; `undefined` if it was not written so. */
function rowFitOf(given: unknown, rank: number): RatingModel['rowFit'] | undefined {
  if (!isJsonObject(given) || !Array.isArray(given.ridge) || given.ridge.length !== rank) return undefined;
  const ridge = Float64Array.from(given.ridge as number[]);
  const { kind, alpha, biasRidge } = given;
  if (!ridge.every(Number.isFinite)) return undefined;
  if (kind === 'confidence' && typeof alpha === 'number') return { kind, ridge, alpha };
  return kind === 'ratings' ? { kind, ridge, ...(typeof biasRidge === 'number' ? { biasRidge } : {}) } : undefined;
}

function numberAt(summary: JsonObject, group: string, key: string): number | undefined {
  const within = summary[group];
  const value = isJsonObject(within) ? within[key] : undefined;
  return typeof value === 'number' ? value : undefined;
}

/** Returns the names of the columns of rows and columns in the table that was completed. */
function namesOf({ data }: JsonObject): readonly [string, string] | undefined {
  const reading = isJsonObject(data) ? data.reading : undefined;
  const columns = isJsonObject(reading) ? reading.columns : undefined;
  const [row, column] = ['row', 'column'].map((what) => {
    const taken = isJsonObject(columns) ? columns[what] : undefined;
    return isJsonObject(taken) && typeof taken.name === 'string' ? taken.name : undefined;
  });
  return row === undefined || column === undefined ? undefined : [row, column];
}

async function readJson(caller: string, file: string): Promise<unknown> {
  try {
    return parseJson(caller, file, decodeUtf8(caller, file, await readBytes(file)));
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new ConfigError(`${caller}: cannot read ${file} (${(cause as Error).message}); complete the ratings again`, { cause });
  }
}

async function readLabels(caller: string, file: string): Promise<readonly string[]> {
  const labels = await readJson(caller, file);
  if (Array.isArray(labels) && labels.every((label) => typeof label === 'string')) return labels;
  throw damaged(caller, file, 'a list of labels');
}

function damaged(caller: string, file: string, expected: string): FormatError {
  return new FormatError(`${caller}: ${file}: expected ${expected}; the file is damaged, so complete the ratings again`);
}

/** Returns a function that looks up what a row has seen; the files are read at its first call. */
function seenReader(caller: string, folder: string, rows: number): StoredModel['seenBy'] {
  const [pointersFile, columnsFile] = [completionFiles.seenRows, completionFiles.seenColumns].map((name) => path.join(folder, name));
  const read = async (): Promise<readonly [HostArray, HostArray]> => {
    if (!(await exists(pointersFile)) || !(await exists(columnsFile))) {
      throw new ConfigError(
        `${caller}: ${folder} does not say what a row has seen, as it was written by an earlier version; complete the ratings again, or pass --include-seen`,
      );
    }
    const la = hostAlgebra();
    const [pointers, columns] = [await readNpy(la, pointersFile), await readNpy(la, columnsFile)];
    if (pointers.shape.join() !== String(rows + 1) || pointers.get(rows) !== columns.shape[0]) {
      throw damaged(caller, pointersFile, `${rows + 1} offsets, up to the number of ${completionFiles.seenColumns}`);
    }
    return [pointers, columns];
  };
  let known: Promise<readonly [HostArray, HostArray]> | undefined;
  return async (row) => {
    known ??= read();
    const [pointers, columns] = await known;
    return hostAlgebra()
      .peek(columns)
      .subarray(pointers.get(row), pointers.get(row + 1));
  };
}
