/**
 * Synthetic ratings that look like real ones: a few users and items with most of the entries, biases, tastes of
 * decaying weight, noise, and the scale that people answer on.
 */
import { type CsrMatrix, csrMatrix, type HostArray, hostAlgebra, type Random, seededRandom } from 'bures';

/** The scale that the answers are on. */
export type RatingScale = 'stars' | 'signs' | 'counts';

/** A set to make. */
export interface RatingSet {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** About as many entries, no two at one place. */
  readonly entries: number;
  readonly scale: RatingScale;
  readonly seed: number;
}

/** The sets of `npm run bench:ratings`. */
export const ratingSets: readonly RatingSet[] = [
  { name: 'stars-20k', rows: 600, columns: 900, entries: 20_000, scale: 'stars', seed: 11 },
  { name: 'stars-100k', rows: 943, columns: 1682, entries: 100_000, scale: 'stars', seed: 12 },
  { name: 'stars-1m', rows: 6040, columns: 3706, entries: 1_000_000, scale: 'stars', seed: 13 },
  { name: 'stars-5m', rows: 40_000, columns: 9000, entries: 5_000_000, scale: 'stars', seed: 14 },
  { name: 'signs-100k', rows: 1200, columns: 1500, entries: 100_000, scale: 'signs', seed: 15 },
  { name: 'counts-100k', rows: 1500, columns: 1200, entries: 100_000, scale: 'counts', seed: 16 },
];

/**
 * A set with the statistics of MovieLens-10M: 70,000 users, 10,000 items, 10 million ratings. A smaller one of it has
 * as many ratings a user.
 *
 * @param percent - part of the ratings to make.
 */
export function movieLens(percent: number): RatingSet {
  const part = percent / 100;
  return {
    name: `movielens-10m, ${percent} %`,
    rows: Math.round(70_000 * part),
    columns: Math.round(10_000 * Math.sqrt(part)),
    entries: Math.round(1e7 * part),
    scale: 'stars',
    seed: 17,
  };
}

/** Components of the tastes, and the exponent at which their weight decays. */
const [components, decay] = [8, 0.7];

/**
 * Of each scale the standard deviations of row biases, column biases, all tastes together, and noise, before the answer
 * is rounded.
 */
const deviations: Readonly<Record<RatingScale, readonly [number, number, number, number]>> = {
  stars: [0.4, 0.45, 0.5, 0.7],
  signs: [0.5, 0.5, 0.9, 0.8],
  counts: [0.7, 0.9, 0.6, 0.5],
};

/** The entries of a set; the same seed gives the same entries. */
export function makeRatings({ rows, columns, entries, scale, seed }: RatingSet): CsrMatrix<HostArray> {
  const random = seededRandom(seed);
  const [rowSpread, columnSpread, tasteSpread, noise] = deviations[scale];
  const weights = Array.from({ length: components }, (_, k) => (k + 1) ** -decay);
  const size = tasteSpread / Math.hypot(...weights);
  const normals = (length: number, spread: number): Float64Array => Float64Array.from({ length }, () => spread * random.normal());
  const [rowBias, columnBias] = [normals(rows, rowSpread), normals(columns, columnSpread)];
  const [left, right] = [normals(rows * components, 1), normals(columns * components, 1)];
  const { rowPointers, columnIndices } = drawPlaces({ rows, columns, entries }, random);
  const values = new Float64Array(columnIndices.length);
  for (let i = 0; i < rows; i++) {
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      const j = columnIndices[e];
      let taste = 0;
      for (let k = 0; k < components; k++) taste += weights[k] * left[i * components + k] * right[j * components + k];
      values[e] = answer(scale, rowBias[i] + columnBias[j] + size * taste + noise * random.normal());
    }
  }
  return csrMatrix(hostAlgebra(), { rows, columns, rowPointers, columnIndices, values });
}

/** What is answered for a latent opinion. */
function answer(scale: RatingScale, opinion: number): number {
  if (scale === 'signs') return opinion + 0.3 >= 0 ? 1 : -1;
  if (scale === 'counts') return Math.max(1, Math.round(Math.exp(1.8 + opinion)));
  return Math.min(5, Math.max(0.5, Math.round(2 * (3.5 + opinion)) / 2));
}

/** Places by power laws of rows and columns, in random order of popularity. */
function drawPlaces(
  { rows, columns, entries }: Pick<RatingSet, 'rows' | 'columns' | 'entries'>,
  random: Random,
): { readonly rowPointers: Int32Array; readonly columnIndices: Int32Array } {
  const rowShares = powerLaw(rows, 0.7, random);
  const cumulative = powerLaw(columns, 0.85, random);
  for (let j = 1; j < columns; j++) cumulative[j] += cumulative[j - 1];
  const rowPointers = new Int32Array(rows + 1);
  const chosen: number[] = [];
  const lastRow = new Int32Array(columns).fill(-1);
  for (let i = 0; i < rows; i++) {
    const count = Math.min(Math.floor(columns / 3), Math.floor(rowShares[i] * entries + random.uniform()));
    for (let found = 0; found < count; ) {
      const j = placeOf(cumulative, random.uniform() * cumulative[columns - 1]);
      if (lastRow[j] === i) continue;
      lastRow[j] = i;
      chosen.push(j);
      found++;
    }
    rowPointers[i + 1] = chosen.length;
  }
  return { rowPointers, columnIndices: Int32Array.from(chosen) };
}

/** Shares that sum to one, (rank + a few)^−exponent, in random order. */
function powerLaw(count: number, exponent: number, random: Random): Float64Array {
  const shares = Float64Array.from({ length: count }, (_, k) => (k + 1 + count / 50) ** -exponent);
  for (let k = count - 1; k > 0; k--) {
    const other = Math.floor(random.uniform() * (k + 1));
    [shares[k], shares[other]] = [shares[other], shares[k]];
  }
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/** The first place whose running total exceeds a number. */
function placeOf(cumulative: Float64Array, target: number): number {
  let [low, high] = [0, cumulative.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
