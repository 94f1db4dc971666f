/** Predictions of the pairs of rows and columns in a file. */
import { counted } from '../../core/counted.js';
import { FormatError } from '../../core/errors.js';
import { predictRatings, type RatingModel, unknownIndex } from '../../problems/index.js';
import { csvField } from './completion-folder.js';
import { type LabelledLine, readRows } from './read-rows.js';

/** What rows and columns of a model are called. */
export interface ModelLabels {
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  /** Names of the columns of the table that hold rows and columns, if it had a header. */
  readonly names?: readonly [row: string, column: string];
}

/** Pairs of rows and columns, by their labels and by their places in a model. */
export interface Pairs {
  readonly labels: readonly { readonly row: string; readonly column: string }[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** Labels that the model does not know, each once. */
  readonly unknownRows: readonly string[];
  readonly unknownColumns: readonly string[];
  /** What the user should know of how the file was read, and of labels that are not known. */
  readonly notices: readonly string[];
}

/** Number of unknown labels that a notice names. */
const namedLabels = 5;

/**
 * Reads the pairs of a file: a row and a column on each line, by their labels. What else is on a line is passed over.
 *
 * @throws FormatError naming file and line; ConfigError if the file cannot be read.
 */
export async function readPairs(caller: string, file: string, { rowLabels, columnLabels, names }: ModelLabels): Promise<Pairs> {
  const { lines } = await readRows(caller, file, 2);
  const [rows, columns] = [placesOf(rowLabels), placesOf(columnLabels)];
  const notices: string[] = [];
  const [first, second] = lines;
  // The header of the ratings may name the columns in another order, or among others.
  const places = names?.map((name) => first.fields.indexOf(name)) ?? [-1, -1];
  const isNamed = places.every((place) => place >= 0);
  const knows = ({ fields }: LabelledLine): boolean => rows.has(fields[0]) || columns.has(fields[1]);
  const isHeader = isNamed || (!knows(first) && second !== undefined && knows(second));
  if (isHeader && !isNamed) {
    notices.push(
      `${file}: line ${first.line} (${first.fields.slice(0, 2).join(', ')}) was taken for a header: the ratings have no such row and column`,
    );
  }
  const [rowField, columnField] = isNamed ? places : [0, 1];
  const labels = (isHeader ? lines.slice(1) : lines).map(({ fields, line }) => {
    const [row = '', column = ''] = [fields[rowField], fields[columnField]];
    if (row !== '' && column !== '') return { row, column };
    throw new FormatError(
      `${caller}: ${file}:${line}: expected a row and a column, got ${JSON.stringify(fields.join(',').slice(0, 60))}; correct the line`,
    );
  });
  const [unknownRows, unknownColumns] = [
    unknownOf(
      labels.map(({ row }) => row),
      rows,
    ),
    unknownOf(
      labels.map(({ column }) => column),
      columns,
    ),
  ];
  const tell = (what: string, unknown: readonly string[], instead: string): void => {
    if (unknown.length === 0) return;
    const few = `${unknown.slice(0, namedLabels).join(', ')}${unknown.length > namedLabels ? ', …' : ''}`;
    notices.push(`${file}: ${counted(unknown.length, what)} not among the ratings (${few}): predicted by the mean and ${instead}`);
  };
  tell('row', unknownRows, 'what is known of the column');
  tell('column', unknownColumns, 'what is known of the row');
  return {
    labels,
    rows: labels.map(({ row }) => rows.get(row) ?? unknownIndex),
    columns: labels.map(({ column }) => columns.get(column) ?? unknownIndex),
    unknownRows,
    unknownColumns,
    notices,
  };
}

/** A pair with its prediction. */
interface PredictedPair {
  readonly row: string;
  readonly column: string;
  readonly prediction: number;
}

/** Predicts pairs, clipped to the range of the model. */
export function predictPairs(model: RatingModel, { labels, rows, columns }: Pairs): readonly PredictedPair[] {
  const predictions = predictRatings(model, rows, columns);
  return labels.map((label, e) => ({ ...label, prediction: predictions[e] }));
}

/** Summarizes predictions as data. */
export function pairsData({ labels, unknownRows, unknownColumns }: Pairs, file: string | undefined) {
  return { ...(file === undefined ? {} : { file }), count: labels.length, unknownRows, unknownColumns };
}

/** Formats predictions as lines of CSV, with a header. */
export function predictionLines(pairs: readonly PredictedPair[]): readonly string[] {
  return ['row,column,prediction', ...pairs.map(({ row, column, prediction }) => `${csvField(row)},${csvField(column)},${prediction}`)];
}

/** Returns the places of labels in their list. */
export function placesOf(labels: readonly string[]): ReadonlyMap<string, number> {
  return new Map(labels.map((label, place) => [label, place]));
}

function unknownOf(labels: readonly string[], known: ReadonlyMap<string, number>): readonly string[] {
  return [...new Set(labels.filter((label) => !known.has(label)))];
}
