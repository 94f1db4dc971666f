/**
 * `bures complete` on synthetic ratings beside biases alone, the library's alternating least squares and a biased SGD
 * factorization in C: RMSE on test entries, and time in units of one fit of alternating least squares at the rank that
 * was chosen.
 *
 *     npm run bench:ratings -- [--sets stars-20k,counts-100k] [--rank 10] [--seed 0]
 *
 * All choose their settings on the same validation entries; the test entries serve for the report alone. On large sets
 * the peers look around the settings that they chose on the set of the same scale before it, and fit with as many
 * sweeps as elsewhere. Times are those of the processor, since others may use the machine; both are taken after a fit
 * that warms the compiler up. Where there is no gcc, SGD is left out, and the report says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type CsrMatrix, type HostArray, hostAlgebra } from 'bures';
import { splitEntries } from 'bures/problems';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { type Completion, completeRatings } from '../src/problems/index.js';
import { median } from './measure.js';
import { readOptions } from './options.js';
import { makeRatings, type RatingSet, ratingSets } from './rating-sets.js';
import { alsFit, alsRidge, biasesPeer, compileSgd, type RatingParts, type SgdFit, sgdPeer } from './ratings-peers.js';
import { machineLines, markdownTable } from './report.js';

/** What is to be reached: the error in units of that of the best of the three, and the time in units of one fit. */
const GOALS = { error: 1.005, time: 3 } as const;
const fractions = { testFraction: 0.1, validationFraction: 0.1 } as const;

const options = readOptions(
  'npm run bench:ratings',
  {
    before: 'Compares `bures complete` with its peers on synthetic ratings.',
    after: `Sets: ${ratingSets.map(({ name }) => name).join(', ')}`,
  },
  {
    sets: { value: 'NAMES', help: 'the sets, with commas between them', fallback: ratingSets.map(({ name }) => name).join(',') },
    rank: { value: 'N', help: 'the largest rank', fallback: '10' },
    seed: { value: 'SEED', help: 'added to the seed of every set', fallback: '0' },
  },
);
const largest = Number(options.rank);
/** Below so many seconds a task is timed five times: most of one of them may be the compiler's. */
const BRIEF = 2;
/** Entries from which on the peers do not search the whole grid. */
const large = 500_000;

const la = hostAlgebra();
const chosen = new Map<RatingSet['scale'], ChosenSettings>();
const folder = mkdtempSync(path.join(tmpdir(), 'bures-ratings-'));
try {
  const sgd = compileSgd(folder);
  console.log(
    ['# Ratings', '', ...machineLines(blasStatus(), {}), ...(sgd === undefined ? ['- no gcc: SGD is left out'] : []), ''].join('\n'),
  );
  await complete(makeRatings(ratingSets[0]));
  const rows: string[][] = [];
  for (const set of ratingSets.filter(({ name }) => options.sets.split(',').includes(name))) {
    const row = await compare({ ...set, seed: set.seed + 1000 * Number(options.seed) }, sgd);
    console.error(row.join('  '));
    rows.push(row);
  }
  const header = [
    'test RMSE',
    'biases',
    'ALS',
    'SGD',
    'complete',
    'rank',
    'complete / best',
    'complete, s',
    'one ALS fit, s',
    'SGD fit (search), s',
    'in ALS fits',
    'goals',
  ];
  console.log(markdownTable(header, rows).join('\n'));
} finally {
  rmSync(folder, { recursive: true });
}

/** What the peers chose on the last set of a scale. */
interface ChosenSettings {
  readonly ridge: number;
  readonly stochastic?: SgdFit;
}

/**
 * Seconds of the processor that a task takes, the median where it is brief: of all threads, those of compiler and
 * garbage collector included.
 */
async function timed<T>(task: () => Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
  const once = async () => {
    const before = process.cpuUsage();
    const result = await task();
    const { user, system } = process.cpuUsage(before);
    return { result, seconds: (user + system) / 1e6 };
  };
  const first = await once();
  if (first.seconds > BRIEF) return first;
  const seconds = [first.seconds];
  while (seconds.length < 5) seconds.push((await once()).seconds);
  return { result: first.result, seconds: median(seconds) };
}

function complete(matrix: CsrMatrix<HostArray>): Promise<Completion> {
  return completeRatings(matrix, { rank: largest, ...fractions });
}

async function compare(set: RatingSet, sgd: string | undefined): Promise<string[]> {
  const matrix = makeRatings(set);
  // As completeRatings sets them aside.
  const { train: known, test } = await splitEntries(la, matrix, { fraction: fractions.testFraction, seed: 0 });
  const { train, test: validation } = await splitEntries(la, known, { fraction: fractions.validationFraction, seed: 1 });
  const parts: RatingParts = { train, validation, known, test };
  const biases = biasesPeer(parts);
  const before = set.entries > large ? chosen.get(set.scale) : undefined;
  const ridge = before?.ridge ?? (await alsRidge(parts, largest));
  const als = await alsFit(known, test, largest, ridge);
  const { result: completion, seconds } = await timed(() => complete(matrix));
  const rank = completion.x.S.shape[0];
  const { result: oneFit, seconds: unit } = await timed(() => alsFit(known, test, Math.max(1, rank), ridge));
  const stochastic = sgd === undefined ? undefined : await sgdPeer(sgd, parts, largest, before?.stochastic);
  chosen.set(set.scale, { ridge, ...(stochastic === undefined ? {} : { stochastic }) });
  const error = completion.errors.test ?? Number.NaN;
  const best = Math.min(biases, als.testRmse, oneFit.testRmse, stochastic?.testRmse ?? Number.POSITIVE_INFINITY);
  const missed = [
    ...(error <= biases ? [] : ['worse than biases']),
    ...(error <= GOALS.error * best ? [] : [`more than ${GOALS.error} of the best`]),
    ...(seconds <= GOALS.time * unit ? [] : [`more than ${GOALS.time} fits`]),
  ];
  return [
    set.name,
    biases.toFixed(4),
    als.testRmse.toFixed(4),
    stochastic === undefined ? '–' : stochastic.testRmse.toFixed(4),
    error.toFixed(4),
    String(rank),
    (error / best).toFixed(4),
    seconds.toFixed(2),
    `${unit.toFixed(2)} (${oneFit.sweeps} sweeps)`,
    stochastic === undefined ? '–' : `${stochastic.seconds.toFixed(1)} (${stochastic.searchSeconds.toFixed(0)})`,
    (seconds / unit).toFixed(2),
    missed.length === 0 ? 'reached' : `**missed**: ${missed.join(', ')}`,
  ];
}
