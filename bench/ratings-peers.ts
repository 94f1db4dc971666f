/**
 * What `bures complete` is measured beside: biases alone, the library's alternating least squares, and biased SGD in C.
 * All choose their settings on the same validation entries.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { type CsrMatrix, type FactorPair, type HostArray, hostAlgebra, hyperBalancedFactors } from 'bures';
import { alternatingLeastSquares, spectralInitialization } from 'bures/problems';

const la = hostAlgebra();

/** The entries of a set in three parts. */
export interface RatingParts {
  readonly train: CsrMatrix<HostArray>;
  readonly validation: CsrMatrix<HostArray>;
  /** Train and validation entries together. */
  readonly known: CsrMatrix<HostArray>;
  readonly test: CsrMatrix<HostArray>;
}

/** Mean, row biases and column biases. */
interface Biases {
  readonly mean: number;
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}

/** Entries' worth of trust in a bias of zero. */
const dampings = [0.5, 1, 2, 4, 7, 12, 20, 40] as const;

/** Test RMSE of damped biases, the damping chosen on the validation entries. */
export function biasesPeer({ train, validation, known, test }: RatingParts): number {
  const errors = dampings.map((damping) => rmse(validation, biasesOf(train, damping)));
  return rmse(test, biasesOf(known, dampings[errors.indexOf(Math.min(...errors))]));
}

/** Damped least squares by turns over rows and columns. */
function biasesOf(data: CsrMatrix<HostArray>, damping: number): Biases {
  const values = la.peek(data.values);
  const mean = la.total(data.values) / values.length;
  const [rows, columns] = [new Float64Array(data.rows), new Float64Array(data.columns)];
  const [sums, counts] = [new Float64Array(data.columns), new Float64Array(data.columns)];
  for (const column of data.columnIndices) counts[column]++;
  for (let sweep = 0; sweep < 15; sweep++) {
    sums.fill(0);
    for (let i = 0; i < data.rows; i++) {
      const [first, last] = [data.rowPointers[i], data.rowPointers[i + 1]];
      let sum = 0;
      for (let e = first; e < last; e++) sum += values[e] - mean - columns[data.columnIndices[e]];
      rows[i] = sum / (last - first + damping);
      for (let e = first; e < last; e++) sums[data.columnIndices[e]] += values[e] - mean - rows[i];
    }
    for (let j = 0; j < columns.length; j++) columns[j] = sums[j] / (counts[j] + damping);
  }
  return { mean, rows, columns };
}

/** A fit of alternating least squares to the values less their mean. */
export interface AlsFit {
  readonly seconds: number;
  readonly sweeps: number;
  readonly testRmse: number;
}

/** λ in units of the spread of the values. */
const ridges = [1, 3, 8, 20, 50] as const;

/**
 * The best λ on the validation entries, in units of the spread of the values, going up and down from the middle of the
 * grid.
 */
export async function alsRidge({ train, validation }: RatingParts, rank: number): Promise<number> {
  const errors = new Map<number, number>();
  const errorAt = async (index: number): Promise<number> => {
    if (!(index in ridges)) return Number.POSITIVE_INFINITY;
    const known = errors.get(index) ?? (await alsFit(train, validation, rank, ridges[index])).testRmse;
    errors.set(index, known);
    return known;
  };
  let at = 2;
  for (;;) {
    const here = await errorAt(at);
    if ((await errorAt(at + 1)) < here) at++;
    else if ((await errorAt(at - 1)) < here) at--;
    else return ridges[at];
  }
}

/** One fit: until a sweep changes the RMSE by less than a ten thousandth. */
export async function alsFit(data: CsrMatrix<HostArray>, test: CsrMatrix<HostArray>, rank: number, ridge: number): Promise<AlsFit> {
  const start = performance.now();
  const mean = la.total(data.values) / data.columnIndices.length;
  const centered = { ...data, values: la.subtract(data.values, la.full([data.columnIndices.length], mean)) };
  const spread = la.norm(centered.values) / Math.sqrt(data.columnIndices.length);
  let before = Number.POSITIVE_INFINITY;
  const { x, sweep } = await alternatingLeastSquares(la, centered, {
    initial: hyperBalancedFactors(la, spectralInitialization(la, centered, { rank })),
    regularization: ridge * spread,
    onSweep({ cost }) {
      const settled = Math.abs(before - cost) <= 2e-4 * cost;
      before = cost;
      return settled;
    },
  });
  return { seconds: (performance.now() - start) / 1000, sweeps: sweep, testRmse: factorRmse(test, mean, x) };
}

function factorRmse(test: CsrMatrix<HostArray>, mean: number, { A, B }: FactorPair<HostArray>): number {
  const predicted = la.peek(la.sampledMatmul(test, A, B));
  const values = la.peek(test.values);
  let squares = 0;
  for (let e = 0; e < values.length; e++) squares += (values[e] - mean - predicted[e]) ** 2;
  return Math.sqrt(squares / values.length);
}

function rmse(part: CsrMatrix<HostArray>, { mean, rows, columns }: Biases): number {
  const values = la.peek(part.values);
  let squares = 0;
  for (let i = 0; i < part.rows; i++) {
    for (let e = part.rowPointers[i]; e < part.rowPointers[i + 1]; e++)
      squares += (values[e] - mean - rows[i] - columns[part.columnIndices[e]]) ** 2;
  }
  return Math.sqrt(squares / values.length);
}

/** What the program in C prints. */
export interface SgdFit {
  readonly testRmse: number;
  readonly seconds: number;
  readonly searchSeconds: number;
  readonly ridge: number;
  readonly rate: number;
}

/** Compiles bench/peers/biased-sgd.c into a folder; undefined where there is no gcc. */
export function compileSgd(folder: string): string | undefined {
  const program = path.join(folder, 'biased-sgd');
  try {
    execFileSync('gcc', ['-O2', '-o', program, path.join(import.meta.dirname, 'peers/biased-sgd.c'), '-lm'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return program;
  } catch {
    return undefined;
  }
}

/**
 * Runs it.
 *
 * @param near - settings of a smaller set, to look around in place of the whole grid.
 */
export async function sgdPeer(
  program: string,
  { train, validation, test }: RatingParts,
  rank: number,
  near?: Pick<SgdFit, 'ridge' | 'rate'>,
): Promise<SgdFit> {
  const file = `${program}.data`;
  await writeEntries(file, [train, validation, test]);
  const settings = near === undefined ? [] : [String(near.ridge), String(near.rate)];
  const [testRmse, seconds, searchSeconds, ridge, rate] = execFileSync(program, [file, String(rank), ...settings], { encoding: 'utf8' })
    .split(' ')
    .map(Number);
  return { testRmse, seconds, searchSeconds, ridge, rate };
}

/** Writes parts of a table for a peer: m, n, the numbers of entries, and of each part rows, columns and values. */
async function writeEntries(file: string, parts: readonly CsrMatrix<HostArray>[]): Promise<void> {
  const stream = createWriteStream(file);
  const write = (array: Int32Array | Float64Array): boolean =>
    stream.write(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  write(Int32Array.of(parts[0].rows, parts[0].columns, ...parts.map((part) => part.columnIndices.length)));
  for (const { rows, rowPointers, columnIndices, values } of parts) {
    const rowIndices = new Int32Array(columnIndices.length);
    for (let i = 0; i < rows; i++) rowIndices.fill(i, rowPointers[i], rowPointers[i + 1]);
    write(rowIndices);
    write(columnIndices);
    write(la.toArray(values));
  }
  stream.end();
  await once(stream, 'finish');
}

/** What a fit of the biased factorization is told. */
export interface BiasedSettings {
  readonly rank: number;
  /** λ, in the units of the values. */
  readonly ridge: number;
  /** μ, in the units of the values. */
  readonly entryRidge: number;
  readonly biasRidge: number;
  readonly sweeps: number;
  readonly tolerance: number;
}

/** Fits the biased factorization in NumPy; undefined unless BURES_PEER_PYTHON names an interpreter that has it. */
export async function numpyPeer(
  folder: string,
  { known, test }: Pick<RatingParts, 'known' | 'test'>,
  { rank, ridge, entryRidge, biasRidge, sweeps, tolerance }: BiasedSettings,
): Promise<AlsFit | undefined> {
  const python = process.env.BURES_PEER_PYTHON;
  if (python === undefined || python === '') return undefined;
  const file = path.join(folder, 'als.data');
  await writeEntries(file, [known, test]);
  const script = path.join(import.meta.dirname, 'peers/als.py');
  const given = [file, rank, ridge, entryRidge, biasRidge, sweeps, tolerance].map(String);
  // Threads gain nothing on systems this small, and cost.
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' };
  const [testRmse, seconds, taken] = execFileSync(python, [script, ...given], { encoding: 'utf8', env })
    .split(' ')
    .map(Number);
  return { testRmse, seconds, sweeps: taken };
}
