/** Sparse matrices from tables of (row, column, value): ratings, counts, links. */
import { ConfigError, FormatError } from '../../core/errors.js';
import { checkKeys, describeValue } from '../../core/options.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../../linalg/linear-algebra.js';
import { EntryCollector, RowCounts } from './entry-collector.js';
import { splitFields, unquoted } from './fields.js';
import { LabelTable } from './label-table.js';
import { parseNumber } from './parse-number.js';
import { quoted, readLines, textOf } from './read-lines.js';

/** Which field is what: a position from 0, or the name that the header gives it. */
export interface TripletFields {
  /** The field that names the row. */
  readonly row: number | string;
  /** The field that names the column. */
  readonly column: number | string;
  /** The field that holds the value. */
  readonly value: number | string;
}

/** Options of {@link readTriplets}. */
export interface ReadTripletsOptions {
  /** What stands between fields: one character or more, such as `'\t'` or MovieLens's `'::'`. With `' '` a run of spaces counts once. */
  readonly delimiter?: string;
  /** Whether the first line names the fields. `'auto'`: it does if its value field is no number. */
  readonly header?: boolean | 'auto';
  /** Which fields to read; others are passed over. */
  readonly fields?: TripletFields;
  /**
   * What rows and columns are called. `'labels'`: by any text, numbered in order of first appearance; `'integers'`: by their own number, from `indexBase`.
   */
  readonly ids?: 'labels' | 'integers';
  /** The number of the first row and column, with `ids: 'integers'`. */
  readonly indexBase?: 0 | 1;
}

/** The defaults of {@link readTriplets}. */
export const readTripletsDefaults: Required<ReadTripletsOptions> = {
  delimiter: ',',
  header: 'auto',
  fields: { row: 0, column: 1, value: 2 },
  ids: 'labels',
  indexBase: 0,
};

/** A table of triplets, as {@link readTriplets} returns it. */
export interface Triplets<M> {
  /** The values, one an entry; entries that occur twice are both there. */
  readonly matrix: CsrMatrix<M>;
  /** What the rows are called, in order; without `ids: 'labels'` absent. */
  readonly rowLabels?: readonly string[];
  /** What the columns are called. */
  readonly columnLabels?: readonly string[];
}

/**
 * Reads a table of (row, column, value), a line each, such as user, item and rating. Lines starting with # and empty lines are passed over; fields may be quoted, `"…"`, with `""` for a quote.
 *
 * The file is read twice, so that its entries are sorted by rows without being held in a list: 12 bytes an entry, 8 again while the engine copies the values, and the labels.
 *
 * @param la - the engine for the values.
 * @param file - the path.
 * @param options - delimiter, header, fields, and how rows and columns are named.
 * @returns the matrix, as large as its largest row and column, and what these are called.
 * @throws FormatError naming file and line for a line that lacks a field or whose value is no finite number, and for a file without entries; ConfigError for options that do not fit; BackendError if the file
 * cannot be read.
 */
export async function readTriplets<M>(la: LinearAlgebra<M>, file: string, options: ReadTripletsOptions = {}): Promise<Triplets<M>> {
  checkAlgebra('readTriplets', la);
  checkKeys('readTriplets', options, Object.keys(readTripletsDefaults));
  const settings = { ...readTripletsDefaults, ...options };
  checkSettings(settings);
  const layout = await readLayout(file, settings);
  const labels = settings.ids === 'labels' ? { row: new LabelTable(), column: new LabelTable() } : undefined;
  const counts = new RowCounts();
  let [rows, columns] = [0, 0];
  await eachTriplet(file, settings, layout, labels, (row, column) => {
    counts.add(row);
    rows = Math.max(rows, row + 1);
    columns = Math.max(columns, column + 1);
  });
  if (counts.total === 0) throw new FormatError(`${file}: expected lines of row, column and value, got none; check the path`);
  const collector = new EntryCollector(counts.rowPointers(rows));
  await eachTriplet(file, settings, layout, labels, (row, column, value) => {
    // A name that the first pass did not meet: the file has changed, and its column would lie outside.
    if (column >= columns) throw new FormatError(`${file}: the file changed while it was read, which takes two passes; read it again`);
    collector.place(file, row, column, value);
  });
  const matrix = collector.finish(file, la, columns);
  if (labels === undefined) return { matrix };
  return { matrix, rowLabels: labels.row.labels().map(unquoted), columnLabels: labels.column.labels().map(unquoted) };
}

function checkSettings({ delimiter, header, fields, ids, indexBase }: Required<ReadTripletsOptions>): void {
  if (typeof delimiter !== 'string' || delimiter === '' || /["\r\n#]/.test(delimiter)) {
    throw new ConfigError(
      `readTriplets: delimiter must be text without quotes, # and line ends, got ${describeValue(delimiter)}; pass, say, ',' or '\\t'`,
    );
  }
  if (![true, false, 'auto'].includes(header)) {
    throw new ConfigError(`readTriplets: header must be true, false or 'auto', got ${describeValue(header)}`);
  }
  checkKeys('readTriplets', fields, ['row', 'column', 'value']);
  for (const field of [fields.row, fields.column, fields.value]) {
    if (typeof field === 'string' ? header !== false : Number.isInteger(field) && field >= 0) continue;
    throw new ConfigError(
      `readTriplets: a field is a position from 0, or a name of the header, got ${describeValue(field)} with header ${header}`,
    );
  }
  if (!['labels', 'integers'].includes(ids))
    throw new ConfigError(`readTriplets: ids must be 'labels' or 'integers', got ${describeValue(ids)}`);
  if (indexBase !== 0 && indexBase !== 1) throw new ConfigError(`readTriplets: indexBase must be 0 or 1, got ${describeValue(indexBase)}`);
}

/** Where the fields are, and the line on which the data begin. */
interface Layout {
  readonly positions: readonly [number, number, number];
  readonly firstLine: number;
}

/** Reads as far as the first line that is not passed over. */
async function readLayout(file: string, { delimiter, header, fields }: Required<ReadTripletsOptions>): Promise<Layout> {
  const wanted = [fields.row, fields.column, fields.value] as const;
  const named = wanted.some((field) => typeof field === 'string');
  let layout: Layout = { positions: [0, 0, 0], firstLine: 1 };
  await readLines(file, (bytes, start, end, line) => {
    if (isPassedOver(bytes, start, end)) return true;
    const names: string[] = [];
    splitFields(bytes, start, end, Buffer.from(delimiter), (from, to) => names.push(unquoted(textOf(bytes, from, to))));
    const positions = wanted.map((field) => (typeof field === 'number' ? field : names.indexOf(field))) as [number, number, number];
    const missing = positions.findIndex((position, i) => position < 0 || (typeof wanted[i] === 'string' && position >= names.length));
    if (missing >= 0) {
      throw new FormatError(
        `${file}:${line}: expected a field named ${describeValue(wanted[missing])}, got ${names.join(', ')}; check fields and delimiter`,
      );
    }
    const value = Buffer.from(names[positions[2]] ?? '');
    const isHeader = header === 'auto' ? named || Number.isNaN(parseNumber(value, 0, value.length)) : header;
    layout = { positions, firstLine: isHeader ? line + 1 : line };
    return false;
  });
  return layout;
}

const [hash, tab, space] = [35, 9, 32];

function isPassedOver(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && (bytes[at] === space || bytes[at] === tab)) at++;
  return at === end || bytes[start] === hash;
}

async function eachTriplet(
  file: string,
  { delimiter, ids, indexBase }: Required<ReadTripletsOptions>,
  { positions, firstLine }: Layout,
  labels: { readonly row: LabelTable; readonly column: LabelTable } | undefined,
  visit: (row: number, column: number, value: number) => void,
): Promise<void> {
  const separator = Buffer.from(delimiter);
  const [rowField, columnField, valueField] = positions;
  const fieldsNeeded = Math.max(...positions) + 1;
  const bounds = new Int32Array(6);
  let found = 0;
  const note = (from: number, to: number): void => {
    if (found === rowField) bounds.set([from, to], 0);
    if (found === columnField) bounds.set([from, to], 2);
    if (found === valueField) bounds.set([from, to], 4);
    found++;
  };
  await readLines(file, (bytes, start, end, line) => {
    if (line < firstLine || isPassedOver(bytes, start, end)) return;
    found = 0;
    splitFields(bytes, start, end, separator, note);
    const broken = (expected: string): FormatError =>
      new FormatError(`${file}:${line}: ${expected}, got ${quoted(bytes, start, end)}; correct the line, or check delimiter and fields`);
    if (found < fieldsNeeded) throw broken(`expected at least ${fieldsNeeded} fields`);
    const value = parseNumber(bytes, bounds[4], bounds[5]);
    if (Number.isNaN(value)) throw broken(`expected a finite number in field ${valueField + 1}`);
    if (bounds[0] === bounds[1] || bounds[2] === bounds[3]) throw broken('expected a row and a column');
    if (labels !== undefined) {
      visit(labels.row.indexOf(bytes, bounds[0], bounds[1]), labels.column.indexOf(bytes, bounds[2], bounds[3]), value);
      return;
    }
    const row = parseNumber(bytes, bounds[0], bounds[1]) - indexBase;
    const column = parseNumber(bytes, bounds[2], bounds[3]) - indexBase;
    if (!(isIndex(row) && isIndex(column))) throw broken(`expected row and column as integers from ${indexBase}, as ids: '${ids}' says`);
    visit(row, column, value);
  });
}

function isIndex(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 31 - 1;
}
