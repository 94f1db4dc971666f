/**
 * `factorizeRatings` on ratings with the statistics of MovieLens-10M beside the same model in plain NumPy, with the
 * same ridges, and beside a biased SGD factorization in C: RMSE on test entries, and seconds of the processor for one
 * fit.
 *
 *     BURES_PEER_PYTHON=… npm run bench:recommender -- [--percent 10] [--rank 10] [--seed 0] [--complete]
 *
 * The ridges of the least squares and the settings of SGD are chosen on a set of a tenth of the size; on the set itself
 * the validation entries choose the ridge for each entry among four, and the epochs of SGD. Neither is timed.
 * `--complete` adds `completeRatings`, which chooses rank and ridges itself, with all that takes. Full size is
 * `--percent 100`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type CsrMatrix, type HostArray, hostAlgebra } from 'bures';
import { completeRatings, completionModel, factorizeRatings, predictRatings, type RatingModel, splitEntries } from 'bures/problems';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { readOptions } from './options.js';
import { makeRatings, movieLens } from './rating-sets.js';
import { biasesPeer, compileSgd, numpyPeer, type RatingParts, sgdPeer } from './ratings-peers.js';
import { machineLines, markdownTable } from './report.js';

/**
 * To be reached: the error of the better peer, up to what the seed of the start changes, and half of that one's time.
 */
const GOALS = { error: 1.0005, time: 0.5 } as const;

const options = readOptions(
  'npm run bench:recommender',
  { before: 'Compares a biased factorization with NumPy and SGD on ratings like MovieLens-10M.', after: '' },
  {
    percent: { value: 'N', help: 'size of the set, in percent of 10 million ratings', fallback: '10' },
    rank: { value: 'N', help: 'number of components', fallback: '10' },
    seed: { value: 'SEED', help: 'added to the seed of the set', fallback: '0' },
    complete: { value: '', help: 'also completeRatings', fallback: '' },
  },
);
const [percent, rank] = [Number(options.percent), Number(options.rank)];
const la = hostAlgebra();
/**
 * Ridges to choose from: of the factors and for each of their entries, in units of the spread of the ratings, and of
 * the biases.
 */
const [ridges, entryRidges, biasRidges] = [
  [1, 2, 3, 5, 8],
  [0, 0.01, 0.02, 0.04, 0.06],
  [1.5, 3, 6],
];
/**
 * End of the least squares. NumPy's, which have no momentum, change less in a sweep and go on to half of the change.
 */
const [limits, plainTolerance] = [{ maxSweeps: 40, tolerance: 2e-3 } as const, 1e-3];

const folder = mkdtempSync(path.join(tmpdir(), 'bures-recommender-'));
try {
  const sgd = compileSgd(folder);
  console.log(
    ['# Recommender', '', ...machineLines(blasStatus(), {}), ...(sgd === undefined ? ['- no gcc: SGD is left out'] : []), ''].join('\n'),
  );
  const small = await partsOf(percent / 10);
  const onSmall = await chooseRidges(small);
  const near = sgd === undefined ? undefined : await sgdPeer(sgd, small, rank);
  const parts = await partsOf(percent);
  const chosen = await chooseAround(onSmall, parts);
  console.error(`ridges ${Object.values(chosen).join(', ')}`);
  const spread = spreadOf(parts.known);
  const rows: { readonly name: string; readonly error: number; readonly seconds: number; readonly note: string }[] = [];
  const add = (name: string, error: number, seconds: number, note: string): void => {
    rows.push({ name, error, seconds, note });
    console.error(`${name}  ${error.toFixed(5)}  ${seconds.toFixed(2)} s  ${note}`);
  };
  add('biases', biasesPeer(parts), 0, '');
  const given = { rank, ...chosen, ...limits };
  // The first fit warms the compiler up, on the small set.
  await factorizeRatings(small.known, given);
  const { result: own, seconds } = await timed(() => factorizeRatings(parts.known, given));
  add('factorizeRatings', testRmse(own.model, parts.test), seconds, `${own.sweeps.length} sweeps`);
  if (options.complete === 'on') {
    const { result, seconds: taken } = await timed(() => completeRatings(parts.known, { rank, testFraction: 0, validationFraction: 0.1 }));
    add('completeRatings', testRmse(completionModel(result), parts.test), taken, `rank ${result.x.S.shape[0]}`);
  }
  const [ridge, entryRidge] = [chosen.regularization * spread, chosen.entryRegularization * spread];
  const end = { biasRidge: chosen.biasRegularization, sweeps: limits.maxSweeps, tolerance: plainTolerance };
  const numpy = await numpyPeer(folder, parts, { rank, ridge, entryRidge, ...end });
  if (numpy !== undefined) add('NumPy, ALS', numpy.testRmse, numpy.seconds, `${numpy.sweeps} sweeps`);
  if (sgd !== undefined) {
    const fit = await sgdPeer(sgd, parts, rank, near);
    add('C, SGD', fit.testRmse, fit.seconds, `ridge ${fit.ridge}, rate ${fit.rate}`);
  }
  const { rows: m, columns: n, columnIndices } = parts.known;
  console.log(`${m} users, ${n} items, ${columnIndices.length} ratings to fit, rank ${rank}\n`);
  const cells = rows.map(({ name, error, seconds: taken, note }) => [name, error.toFixed(5), taken === 0 ? '–' : taken.toFixed(2), note]);
  console.log(markdownTable(['', 'test RMSE', 'one fit, s', ''], cells).join('\n'));
  const [best] = rows.filter(({ name }) => /^(NumPy|C)/.test(name)).sort((one, other) => one.error - other.error);
  const ours = rows.find(({ name }) => name === 'factorizeRatings');
  if (best !== undefined && ours !== undefined) {
    const verdict = (met: boolean): string => (met ? 'reached' : '**missed**');
    const [error, time] = [ours.error / best.error, ours.seconds / best.seconds];
    console.log(
      `\n- RMSE in units of the better peer's (${best.name}): ${error.toFixed(5)}, goal ${GOALS.error}: ${verdict(error <= GOALS.error)}`,
    );
    console.log(`- time in units of that one's: ${time.toFixed(2)}, goal ${GOALS.time}: ${verdict(time <= GOALS.time)}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** The parts of a set, as completeRatings sets them aside. */
async function partsOf(size: number): Promise<RatingParts> {
  const set = movieLens(size);
  const matrix = makeRatings({ ...set, seed: set.seed + 1000 * Number(options.seed) });
  const { train: known, test } = await splitEntries(la, matrix, { fraction: 0.1, seed: 0 });
  const { train, test: validation } = await splitEntries(la, known, { fraction: 0.1, seed: 1 });
  return { train, validation, known, test };
}

/** Ridges, in units of the spread of the ratings and, of the biases, in entries. */
interface Ridges {
  readonly regularization: number;
  readonly entryRegularization: number;
  readonly biasRegularization: number;
}

/** Returns the ridges that predict the validation entries best. */
async function best({ train, validation }: RatingParts, given: readonly Ridges[]): Promise<Ridges> {
  const errors: number[] = [];
  for (const one of given) errors.push(testRmse((await factorizeRatings(train, { rank, ...one, ...limits })).model, validation));
  return given[errors.indexOf(Math.min(...errors))];
}

/** Chooses the ridges on a set: those of the factors together, then that of the biases. */
async function chooseRidges(parts: RatingParts): Promise<Ridges> {
  const grid = ridges.flatMap((regularization) =>
    entryRidges.map((entryRegularization) => ({ regularization, entryRegularization, biasRegularization: biasRidges[1] })),
  );
  const ofFactors = await best(parts, grid);
  return best(
    parts,
    biasRidges.map((biasRegularization) => ({ ...ofFactors, biasRegularization })),
  );
}

/** Chooses on a larger set, where the factors are known better: that each entry asks for less is all that changes. */
function chooseAround({ entryRegularization, ...others }: Ridges, parts: RatingParts): Promise<Ridges> {
  const lower = [1, 0.6, 0.35, 0.2].map((part) => ({ ...others, entryRegularization: part * entryRegularization }));
  return best(parts, lower);
}

/** Seconds of the processor that a task takes, those of the compiler included, since others may use the machine. */
async function timed<T>(task: () => Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
  const before = process.cpuUsage();
  const result = await task();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (user + system) / 1e6 };
}

/** The error of predictions that are not clipped, as the peers' are not. */
function testRmse({ range: _range, ...model }: RatingModel, test: CsrMatrix<HostArray>): number {
  const rowIndices = new Int32Array(test.columnIndices.length);
  for (let i = 0; i < test.rows; i++) rowIndices.fill(i, test.rowPointers[i], test.rowPointers[i + 1]);
  const predictions = predictRatings(model, rowIndices, test.columnIndices);
  const values = la.peek(test.values);
  return Math.sqrt(predictions.reduce((sum, prediction, e) => sum + (prediction - values[e]) ** 2, 0) / values.length);
}

function spreadOf({ values }: CsrMatrix<HostArray>): number {
  const numbers = la.peek(values);
  const mean = la.total(values) / numbers.length;
  return Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length);
}
