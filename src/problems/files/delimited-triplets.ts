/** Sparse matrices from tables of (row, column, value): ratings, counts, links. */
import { unquoted } from '../../core/delimited-fields.js';
import { FormatError } from '../../core/errors.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../../linalg/linear-algebra.js';
import { EntryCollector, mostRows, RowCounts } from './entry-collector.js';
import { LabelTable } from './label-table.js';
import { parseNumber } from './parse-number.js';
import { type NamedFile, namedFile } from './text-encoding.js';
import { type Bounds, eachTriplet, readLayout, type TripletLayout } from './triplet-lines.js';
import { type ReadTripletsOptions, type TripletSettings, tripletSettings } from './triplet-options.js';

/** A table of triplets, as {@link readTriplets} returns it. */
export interface Triplets<M> {
  /** The values, one an entry; entries that occur twice are both there. */
  readonly matrix: CsrMatrix<M>;
  /** What the rows are called, in order; without `ids: 'labels'` absent. */
  readonly rowLabels?: readonly string[];
  /** What the columns are called. */
  readonly columnLabels?: readonly string[];
  /** How the file was understood. */
  readonly table: TableReading;
}

/** How a table was understood. */
export interface TableReading {
  /** The encoding, by the WHATWG's name. */
  readonly encoding: string;
  /** The names of the header, where there is one. */
  readonly header?: readonly string[];
  /** Lines before the first row that begin with #, which were passed over. */
  readonly remarks: number;
  /** Lines without a value, which were passed over with `missing: 'skip'`. */
  readonly missing: number;
}

/**
 * Reads a table of (row, column, value), a line each, such as user, item and rating. Empty lines are passed over, and lines that begin with # before the first row; fields may be quoted, `"…"`, with `""` for a
 * quote, and may then hold delimiters and line ends. Lines end in \n, \r\n or \r.
 *
 * The file is read twice, so that its entries are sorted by rows without being held in a list: 12 bytes an entry, 8 again while the engine copies the values, and the labels.
 *
 * @param la - the engine for the values.
 * @param path - of the file.
 * @param options - delimiter, header, fields, encoding, and how rows and columns are named.
 * @returns the matrix, as large as its largest row and column, what these are called, and how the file was understood.
 * @throws FormatError naming file and line for a line that has more or fewer fields than the first, whose value is no finite number, or that is not text in the encoding, and for a file without entries;
 * ConfigError for options that do not fit; BackendError if the file cannot be read, or does not fit into memory.
 */
export async function readTriplets<M>(la: LinearAlgebra<M>, path: string, options: ReadTripletsOptions = {}): Promise<Triplets<M>> {
  checkAlgebra('readTriplets', la);
  const settings = tripletSettings(options);
  const file = namedFile(settings.caller, path);
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
  const collector = new EntryCollector(file, await counts.rowPointers(rows), counts.total);
  await eachPlace(file, settings, layout, labels, (row, column, value) => {
    // A name that the first pass did not meet: the file has changed, and its column would lie outside.
    if (column >= columns)
      throw new FormatError(`${file.where}: the file changed while it was read, which takes two passes; read it again`);
    collector.place(row, column, value);
  });
  const matrix = await collector.finish(la, columns);
  const { encoding, header, remarks } = layout;
  const table = { encoding, ...(header === undefined ? {} : { header }), remarks, missing };
  if (labels === undefined) return { matrix, table };
  return { matrix, rowLabels: labels.row.labels().map(unquoted), columnLabels: labels.column.labels().map(unquoted), table };
}

/** Visits the entries by the numbers of their rows and columns. @returns lines passed over. */
function eachPlace(
  file: NamedFile,
  settings: TripletSettings,
  layout: TripletLayout,
  labels: { readonly row: LabelTable; readonly column: LabelTable } | undefined,
  visit: (row: number, column: number, value: number, line: number) => void,
): Promise<number> {
  const { ids, indexBase } = settings;
  return eachTriplet(file, settings, layout, (bytes, row, column, value, line) => {
    if (labels !== undefined) {
      visit(labels.row.indexOf(bytes, row.from, row.to), labels.column.indexOf(bytes, column.from, column.to), value, line);
      return;
    }
    const index = ({ from, to }: Bounds): number => {
      const number = parseNumber(bytes, from, to) - indexBase;
      if (Number.isInteger(number) && number >= 0 && number < 2 ** 31 - 1) return number;
      throw new FormatError(
        `${file.where}:${line}: expected row and column as integers from ${indexBase}, as ids: '${ids}' says, got ${JSON.stringify(Buffer.from(bytes.subarray(from, Math.min(to, from + 60))).toString())}; correct the line, or pass ids: 'labels'`,
      );
    };
    visit(index(row), index(column), value, line);
  });
}
