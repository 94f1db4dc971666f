/** Reads the ratings of users that are to be folded into a model. */
import { counted } from '../../core/counted.js';
import { FormatError } from '../../core/errors.js';
import { parseNumber } from '../../io/text/parse-number.js';
import { type LabelledLine, readRows } from './read-rows.js';

/** Ratings of one user. */
export interface UserRatings {
  /** Columns, by their places in the model; each once. */
  readonly columns: readonly number[];
  readonly values: readonly number[];
  /** Labels of columns that the model does not have. */
  readonly unknown: readonly string[];
}

/** What a file of ratings is read against. */
export interface RatingsContext {
  /** The user of lines that name none. */
  readonly user: string;
  /** Places of the columns by their labels. */
  readonly columns: ReadonlyMap<string, number>;
  /** True if values are strengths of feedback, of which repeated ones add up; of ratings the mean is taken. */
  readonly implicit: boolean;
}

/**
 * Reads lines of user, column and value, or of column and value for one user.
 *
 * @throws FormatError naming file and line for a value that is no number; ConfigError if the file cannot be read.
 */
export async function readRatingsOfUsers(
  caller: string,
  file: string,
  { user, columns, implicit }: RatingsContext,
): Promise<ReadonlyMap<string, UserRatings>> {
  const { lines, where } = await readRows(caller, file, 2);
  const width = Math.min(3, lines[0].fields.length);
  const ratingIn = ({ fields }: LabelledLine): number => {
    const bytes = Buffer.from(fields[width - 1] ?? '');
    return parseNumber(bytes, 0, bytes.length);
  };
  const ratings = lines.length > 1 && Number.isNaN(ratingIn(lines[0])) ? lines.slice(1) : lines;
  const found = new Map<string, Map<string, { sum: number; count: number }>>();
  for (const rating of ratings) {
    const { fields, line } = rating;
    const value = ratingIn(rating);
    const broken = (expected: string): FormatError =>
      new FormatError(`${where}:${line}: expected ${expected}, got ${JSON.stringify(fields.join(',').slice(0, 60))}; correct the line`);
    if (Number.isNaN(value))
      throw broken(`${width === 3 ? 'user, item and value' : 'item and value'}, the value a finite number with a decimal point`);
    if (implicit && value <= 0) throw broken('a strength of feedback above 0');
    const [who, what] = width === 3 ? fields : [user, fields[0]];
    const own = found.get(who) ?? new Map<string, { sum: number; count: number }>();
    found.set(who, own);
    const one = own.get(what) ?? { sum: 0, count: 0 };
    own.set(what, { sum: one.sum + value, count: one.count + 1 });
  }
  return new Map(
    Array.from(found, ([who, own]) => {
      const known = Array.from(own).filter(([label]) => columns.has(label));
      return [
        who,
        {
          columns: known.map(([label]) => columns.get(label) as number),
          values: known.map(([, { sum, count }]) => (implicit ? sum : sum / count)),
          unknown: Array.from(own.keys()).filter((label) => !columns.has(label)),
        },
      ];
    }),
  );
}

/** Says which items of a user's ratings the model does not have; `undefined` if it has all. */
export function unknownText(file: string, user: string, { columns, unknown }: UserRatings): string | undefined {
  if (unknown.length === 0) return undefined;
  const few = `${unknown.slice(0, 5).join(', ')}${unknown.length > 5 ? ', …' : ''}`;
  const rest = columns.length === 0 ? `; without any other, ${user} is taken for the average user` : '';
  return `${file}: ${counted(unknown.length, 'item')} of ${user} not in the model (${few}), passed over${rest}`;
}
