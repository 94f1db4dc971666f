/** Matrices in the exchange format of NIST's Matrix Market. */

import { allocate } from '../../core/allocate.js';
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { FormatError } from '../../core/errors.js';
import { declareOptions } from '../../core/options.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Files } from '../files/files.js';
import { filesOption } from '../files/files-option.js';
import { parseNumber } from '../text/parse-number.js';
import { type NamedFile, namedFile } from '../text/text-encoding.js';
import { accumulate, checkRows, EntryCollector, mostRows, rowsAllocation } from './entry-collector.js';
import { eachLine, fault, type Header, readHeader, wordEnd, wordStart } from './matrix-market-header.js';

/**
 * Reads a Matrix Market file: `coordinate` or `array`; `real`, `integer` or `pattern` (whose entries are ones);
 * `general`, `symmetric` or `skew-symmetric` (of which the other half is filled in).
 *
 * A coordinate file is read twice, so that its entries are sorted by rows without a list of them. It takes 12 bytes per
 * entry, and 8 more while the engine copies the values. The sizes in the header are checked against the file's size and
 * against memory before anything is allocated. Rows without entries take memory too, so there may be at most 16 per
 * byte of the file, or 2²⁴ in a small one. Columns take none.
 *
 * @param la - the engine for the values.
 * @param path - the file's path.
 * @returns a sparse matrix of a coordinate file, a dense one (an engine array m×n) of an array file.
 * @throws FormatError naming file and line where the format is broken; NotImplementedError for complex and Hermitian
 * matrices; BackendError if the file cannot be read, or the matrix does not fit into memory.
 * @see Boisvert, Pozo and Remington, "The Matrix Market exchange formats: initial design", NISTIR 5935, 1996.
 */
export async function readMatrixMarket<M>(
  la: LinearAlgebra<M>,
  path: string,
  options: ReadMatrixMarketOptions = {},
): Promise<CsrMatrix<M> | M> {
  checkAlgebra('readMatrixMarket', la);
  const file = fileOf('readMatrixMarket', path, options);
  const header = await readHeader(file);
  return header.format === 'array' ? readDense(la, file, header) : readCoordinates(la, file, header);
}

/** Options of {@link readMatrixMarket}. */
export interface ReadMatrixMarketOptions {
  /** Where the file lies. Default: {@link nodeFiles}, the files of this machine. */
  readonly files?: Files;
  /** Name that messages begin with: the function or command that the user called. Default: the reader itself. */
  readonly caller?: string;
}

const readMatrixMarketOptions = declareOptions<ReadMatrixMarketOptions>()({
  files: filesOption,
  caller: callerOption,
});

function fileOf(own: 'readMatrixMarket' | 'readMatrixMarketSizes', path: string, options: ReadMatrixMarketOptions): NamedFile {
  const { files, caller = own } = readMatrixMarketOptions.read(givenCaller(own, options), options);
  return namedFile(caller, path, files);
}

/** Sizes that the header of a Matrix Market file claims. */
export interface MatrixMarketSizes {
  /** `'coordinate'`: entries are listed with their places; `'array'`: all entries, by column. */
  readonly format: 'coordinate' | 'array';
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Number of entries stored. */
  readonly entries: number;
  /** Number of the line with the sizes. */
  readonly line: number;
}

/**
 * Reads the header of a Matrix Market file and checks it against the size of the file. It allocates nothing of the
 * matrix's size.
 *
 * @throws as {@link readMatrixMarket} does for the header.
 */
export async function readMatrixMarketSizes(path: string, options: ReadMatrixMarketOptions = {}): Promise<MatrixMarketSizes> {
  const { format, rows, columns, entries, line } = await readHeader(fileOf('readMatrixMarketSizes', path, options));
  return { format, rows, columns, entries, line };
}

async function readCoordinates<M>(la: LinearAlgebra<M>, file: NamedFile, header: Header): Promise<CsrMatrix<M>> {
  const { rows, columns, entries, symmetry } = header;
  const mirror = symmetry !== 'general';
  checkRows(file, header.line, rows, await mostRows(file));
  const rowPointers = allocate(rowsAllocation(file, rows), () => new Int32Array(rows + 1));
  let [read, stored] = [0, 0];
  await eachEntry(file, header, (row, column) => {
    read++;
    stored++;
    rowPointers[row + 1]++;
    if (!mirror || row === column) return;
    stored++;
    rowPointers[column + 1]++;
  });
  if (read !== entries) {
    throw new FormatError(
      `${file.where}: expected the ${entries} entries that line ${header.line} promises, got ${read}; is the file complete?`,
    );
  }
  await accumulate(rowPointers);
  const collector = new EntryCollector(file, rowPointers, stored);
  const sign = symmetry === 'skew-symmetric' ? -1 : 1;
  await eachEntry(file, header, (row, column, value) => {
    collector.place(row, column, value);
    if (mirror && row !== column) collector.place(column, row, sign * value);
  });
  return collector.finish(la, columns);
}

async function readDense<M>(la: LinearAlgebra<M>, file: NamedFile, header: Header): Promise<M> {
  const { rows, columns, entries, symmetry } = header;
  const what = `${rows}×${columns} values`;
  const remedy = 'take a part of the matrix, or free memory';
  const values = allocate({ where: file.where, bytes: 8 * rows * columns, what, remedy }, () => new Float64Array(rows * columns));
  const first = symmetry === 'skew-symmetric' ? 1 : 0;
  let [row, column, read] = [symmetry === 'general' ? 0 : first, 0, 0];
  await eachLine(file, header.line, (bytes, start, end, line) => {
    if (read++ === entries) throw fault(file, line, `expected ${entries} values and then the end`, bytes, start, end);
    const value = parseNumber(bytes, start, end);
    if (Number.isNaN(value)) throw fault(file, line, 'expected one finite number', bytes, start, end);
    values[row * columns + column] = value;
    if (symmetry !== 'general' && row !== column) values[column * columns + row] = symmetry === 'symmetric' ? value : -value;
    if (++row < rows) return;
    column++;
    row = symmetry === 'general' ? 0 : column + first;
  });
  if (read !== entries) {
    throw new FormatError(
      `${file.where}: expected ${entries} values for a ${symmetry} ${rows}×${columns} array, got ${read}; is the file complete?`,
    );
  }
  return la.fromArray(values, [rows, columns]);
}

/** Visits the entries of a coordinate file in the file's order, with indices from 0. */
async function eachEntry(file: NamedFile, header: Header, visit: (row: number, column: number, value: number) => void): Promise<void> {
  const { rows, columns, pattern, symmetry } = header;
  await eachLine(file, header.line, (bytes, start, end, line) => {
    const rowEnd = wordEnd(bytes, start, end);
    const columnStart = wordStart(bytes, rowEnd, end);
    const columnEnd = wordEnd(bytes, columnStart, end);
    const valueStart = wordStart(bytes, columnEnd, end);
    const row = parseNumber(bytes, start, rowEnd);
    const column = parseNumber(bytes, columnStart, columnEnd);
    const value = pattern ? 1 : parseNumber(bytes, valueStart, end);
    if (Number.isNaN(row + column + value) || (pattern && valueStart < end)) {
      throw fault(file, line, `expected ${pattern ? "'row column'" : "'row column value', the value finite"}`, bytes, start, end);
    }
    if (!(Number.isInteger(row) && row >= 1 && row <= rows && Number.isInteger(column) && column >= 1 && column <= columns)) {
      throw fault(file, line, `expected a row from 1 to ${rows} and a column from 1 to ${columns}`, bytes, start, end);
    }
    if (symmetry !== 'general' && (symmetry === 'symmetric' ? column > row : column >= row)) {
      throw fault(
        file,
        line,
        `expected entries of a ${symmetry} matrix below the diagonal${symmetry === 'symmetric' ? ' or on it' : ''}`,
        bytes,
        start,
        end,
      );
    }
    visit(row - 1, column - 1, value);
  });
}
