/** Reads the known entries of a Matrix Market file. */
import { checkRoom } from '../../core/allocate.js';
import { counted } from '../../core/counted.js';
import { FormatError } from '../../core/errors.js';
import { hostAlgebra } from '../../index.js';
import { readMatrixMarket, readMatrixMarketSizes } from '../../io/index.js';
import type { Labelled } from './entries.js';

/**
 * Limits on rows or columns: a file may have this many in any case, and otherwise this many times the number of
 * entries.
 */
const [fewLabels, labelsAnEntry] = [1e6, 100];
/** Memory per row or column before fitting, in bytes: its name, offsets, bias, counts and places in work arrays. */
const bytesPerLabel = 128;

/**
 * Reads a file whose rows and columns are numbered.
 *
 * @throws FormatError naming file and line; BackendError if the entries do not fit into memory.
 */
export async function readSparse(file: string): Promise<Labelled> {
  const { format, rows, columns, entries, line } = await readMatrixMarketSizes(file, { caller: 'complete' });
  if (format === 'array') {
    throw new FormatError(
      `complete: ${file}: expected a coordinate file, got an array, of which every entry is known; store the known entries only`,
    );
  }
  if (entries === 0) throw new FormatError(`complete: ${file}: expected entries, got none; check the path`);
  if (Math.max(rows, columns) > Math.max(fewLabels, labelsAnEntry * entries)) {
    throw new FormatError(
      `complete: ${file}:${line}: expected at most ${labelsAnEntry} rows and columns an entry, got ${counted(rows, 'row')} and ${counted(columns, 'column')} for ${counted(entries, 'entry', 'entries')}, of which nearly all would be empty; ` +
        'number only the rows and columns that have entries, or write a table of row, column and value',
    );
  }
  checkRoom({
    where: `complete: ${file}`,
    bytes: bytesPerLabel * (rows + columns) + 40 * entries,
    what: `${counted(rows, 'row')}, ${counted(columns, 'column')} and ${counted(entries, 'entry', 'entries')}`,
    remedy: 'number only the rows and columns that have entries, or take a part of them',
  });
  const matrix = await readMatrixMarket(hostAlgebra(), file, { caller: 'complete' });
  if (!('kind' in matrix)) throw new FormatError(`complete: ${file}: the file changed while it was read; read it again`);
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index + 1));
  const understood = [`${file}: Matrix Market, ${counted(entries, 'entry', 'entries')} stored`];
  return {
    matrix,
    rowLabels: numbers(matrix.rows),
    columnLabels: numbers(matrix.columns),
    understood,
    reading: { format: 'matrix-market' },
  };
}
