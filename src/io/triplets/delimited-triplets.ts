/** Sparse matrices from tables of (row, column, value): ratings, counts, links. */

import { FormatError } from '../../core/errors.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../../linalg/linear-algebra.js';
import { unquoted } from '../text/delimited-fields.js';
import { parseNumber } from '../text/parse-number.js';
import { textOf } from '../text/split-lines.js';
import { type NamedFile, namedFile } from '../text/text-encoding.js';
import { EntryCollector, mostRows, RowCounts } from './entry-collector.js';
import { LabelTable } from './label-table.js';
import { type Bounds, eachTriplet, readLayout, type TripletLayout } from './triplet-lines.js';
import { type ReadTripletsOptions, type TripletSettings, tripletSettings } from './triplet-options.js';

/** A table of triplets, as {@link readTriplets} returns it. */
export interface Triplets<M> {
  /** The values, one per entry; entries that occur twice are both kept. */
  readonly matrix: CsrMatrix<M>;
  /** Times of the entries, in the order of the values; absent unless `fields` names a time. */
  readonly times?: Float64Array;
  /** Names of the rows, in order; absent without `ids: 'labels'`. */
  readonly rowLabels?: readonly string[];
  /** Names of the columns, likewise. */
  readonly columnLabels?: readonly string[];
  /** Report of how the file was read. */
  readonly table: TableReading;
}

/** Report of how a table was read. */
export interface TableReading {
  /** Encoding, by the WHATWG's name. */
  readonly encoding: string;
  /** Names in the header, if there is one. */
  readonly header?: readonly string[];
  /** Number of lines before the first row that begin with # and were skipped. */
  readonly remarks: number;
  /** Number of lines without a value, which `missing: 'skip'` skipped. */
  readonly missing: number;
}

/**
 * Reads a table of (row, column, value), one per line, such as user, item and rating. Skips empty lines, and lines that
 * begin with # before the first row. Fields may be quoted, `"…"`, with `""` for a quote, and may then hold delimiters
 * and line ends. Lines end in \n, \r\n or \r.
 *
 * The file is read twice, so that its entries are sorted by rows without a list: 12 bytes per entry, 8 more while the
 * engine copies the values, and the labels.
 *
 * @param la - the engine for the values.
 * @param path - the file's path.
 * @param options - delimiter, header, fields, encoding, and how rows and columns are named.
 * @returns the matrix, as large as its largest row and column, their names, and a report of the reading.
 * @throws FormatError naming file and line for a line that has more or fewer fields than the first, whose value is no
 * finite number, or that is not text in the encoding, and for a file without entries; ConfigError for options that do
 * not fit; BackendError if the file cannot be read, or does not fit into memory.
 */
export async function readTriplets<M>(la: LinearAlgebra<M>, path: string, options: ReadTripletsOptions = {}): Promise<Triplets<M>> {
  checkAlgebra('readTriplets', la);
  const settings = tripletSettings(options);
  const file = namedFile(settings.caller, path, settings.files);
  const layout = await readLayout(file, settings);
  if (options.fields === undefined && layout.header?.[0] === '') {
    throw new FormatError(
      `${file.where}: expected a name for the first field, got none in the header ${layout.header.join(', ').slice(0, 200)}, as where the lines are numbered; pass fields, say { row: 1, column: 2, value: 3 }`,
    );
  }
  const labels = settings.ids === 'labels' ? { row: new LabelTable(file), column: new LabelTable(file) } : undefined;
  const counts = new RowCounts(file, await mostRows(file));
  let [rows, columns] = [0, 0];
  const missing = await eachPlace(file, settings, layout, labels, (row, column, _value, line) => {
    counts.add(row, line);
    if (row >= rows) rows = row + 1;
    if (column >= columns) columns = column + 1;
  });
  if (counts.total === 0) throw new FormatError(`${file.where}: expected lines of row, column and value, got none; check the path`);
  const timed = settings.fields.time !== undefined;
  const collector = new EntryCollector(file, await counts.rowPointers(rows), counts.total, timed);
  await eachPlace(file, settings, layout, labels, (row, column, value, _line, time) => {
    // The first pass did not see this name: the file has changed, and its column would lie outside.
    if (column >= columns)
      throw new FormatError(`${file.where}: the file changed while it was read, which takes two passes; read it again`);
    collector.place(row, column, value, time);
  });
  const matrix = await collector.finish(la, columns);
  const { encoding, header, remarks } = layout;
  const { times } = collector;
  const entries = { matrix, ...(times === undefined ? {} : { times }) };
  const table = { encoding, ...(header === undefined ? {} : { header }), remarks, missing };
  if (labels === undefined) return { ...entries, table };
  return { ...entries, rowLabels: labels.row.labels().map(unquoted), columnLabels: labels.column.labels().map(unquoted), table };
}

/** Visits the entries by the numbers of their rows and columns. @returns the number of lines skipped. */
function eachPlace(
  file: NamedFile,
  settings: TripletSettings,
  layout: TripletLayout,
  labels: { readonly row: LabelTable; readonly column: LabelTable } | undefined,
  visit: (row: number, column: number, value: number, line: number, time: number) => void,
): Promise<number> {
  const { ids, indexBase } = settings;
  return eachTriplet(file, settings, layout, (bytes, row, column, value, line, time) => {
    if (labels !== undefined) {
      visit(labels.row.indexOf(bytes, row.from, row.to), labels.column.indexOf(bytes, column.from, column.to), value, line, time);
      return;
    }
    const index = ({ from, to }: Bounds): number => {
      const number = parseNumber(bytes, from, to) - indexBase;
      if (Number.isInteger(number) && number >= 0 && number < 2 ** 31 - 1) return number;
      throw new FormatError(
        `${file.where}:${line}: expected row and column as integers from ${indexBase}, as ids: '${ids}' says, got ${JSON.stringify(textOf(bytes, from, Math.min(to, from + 60)))}; correct the line, or pass ids: 'labels'`,
      );
    };
    visit(index(row), index(column), value, line, time);
  });
}
