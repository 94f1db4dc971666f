/**
 * `bures complete` on synthetic ratings beside biases alone, the library's alternating least squares and a biased SGD factorization in C: RMSE on test entries, and time in units of one fit of
 * alternating least squares at the rank that was chosen.
 *
 *     npm run bench:ratings -- [--sets stars-20k,counts-100k] [--rank 10] [--seed 0]
 *
 * All choose their settings on the same validation entries; the test entries serve for the report alone. Where there is no gcc, SGD is left out, and the report says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostAlgebra } from 'bures';
import { splitEntries } from 'bures/problems';
import { type CompletionWatcher, runCompletion } from '../src/cli/completion/run-completion.js';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { readOptions } from './options.js';
import { makeRatings, type RatingSet, ratingSets } from './rating-sets.js';
import { alsFit, alsRidge, biasesPeer, compileSgd, type RatingParts, sgdPeer } from './ratings-peers.js';
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
const silent: CompletionWatcher = { onSplit: () => undefined, onFit: () => undefined, onStep: () => undefined, onTried: () => undefined };

const la = hostAlgebra();
const folder = mkdtempSync(path.join(tmpdir(), 'bures-ratings-'));
try {
  const sgd = compileSgd(folder);
  console.log(
    ['# Ratings', '', ...machineLines(blasStatus(), {}), ...(sgd === undefined ? ['- no gcc: SGD is left out'] : []), ''].join('\n'),
  );
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

async function compare(set: RatingSet, sgd: string | undefined): Promise<string[]> {
  const matrix = makeRatings(set);
  // As runCompletion sets them aside.
  const { train: known, test } = await splitEntries(la, matrix, { fraction: fractions.testFraction, seed: 0 });
  const { train, test: validation } = await splitEntries(la, known, { fraction: fractions.validationFraction, seed: 1 });
  const parts: RatingParts = { train, validation, known, test };
  const biases = biasesPeer(parts);
  const ridge = await alsRidge(parts, largest);
  const als = await alsFit(known, test, largest, ridge);
  const start = performance.now();
  const completion = await runCompletion(
    matrix,
    { rank: largest, keepRank: false, center: 'biases', ...fractions, seed: 0, maxIterations: 200, tolerance: 1e-4 },
    silent,
    { aborted: false },
  );
  const seconds = (performance.now() - start) / 1000;
  const rank = completion.x.S.shape[0];
  const oneFit = await alsFit(known, test, Math.max(1, rank), ridge);
  const stochastic = sgd === undefined ? undefined : await sgdPeer(sgd, parts, largest);
  const error = completion.errors.test ?? Number.NaN;
  const best = Math.min(biases, als.testRmse, oneFit.testRmse, stochastic?.testRmse ?? Number.POSITIVE_INFINITY);
  const missed = [
    ...(error <= biases ? [] : ['worse than biases']),
    ...(error <= GOALS.error * best ? [] : [`more than ${GOALS.error} of the best`]),
    ...(seconds <= GOALS.time * oneFit.seconds ? [] : [`more than ${GOALS.time} fits`]),
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
    `${oneFit.seconds.toFixed(2)} (${oneFit.sweeps} sweeps)`,
    stochastic === undefined ? '–' : `${stochastic.seconds.toFixed(1)} (${stochastic.searchSeconds.toFixed(0)})`,
    (seconds / oneFit.seconds).toFixed(2),
    missed.length === 0 ? 'reached' : `**missed**: ${missed.join(', ')}`,
  ];
}
