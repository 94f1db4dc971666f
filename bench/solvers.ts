/**
 * Every solver on every geometry of rank-r matrices, and algorithms of completion's own, to a relative error of 1e-6 of
 * the whole matrix.
 *
 *     [BURES_PEER_MATRIX_IRLS=…] npm run bench:solvers -- --phase 10 [--limit 400] [--contestants TEXT]
 *     npm run bench:solvers -- [--limit 400] [--only TEXT] [--contestants TEXT] [--seed 1] [--plot FILE] [--json FILE]
 *
 * Times are in units of one dgemm 1024³ of the machine's BLAS, measured before and after each contestant, so that
 * machines compare. Let nothing else run meanwhile.
 */
import { writeFile } from 'node:fs/promises';
import { type HostAlgebra, hostAlgebra } from 'bures';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { readOptions } from './options.js';
import { profilePicture } from './performance-profile.js';
import { machineLines } from './report.js';
import { conditioning } from './solver-conditioning.js';
import { CONTESTANTS, type Contestant } from './solver-contestants.js';
import { phaseTransition } from './solver-phase.js';
import { completionProblem, regressionProblem, type SolverProblem } from './solver-problems.js';
import { type Outcome, race } from './solver-race.js';
import { fastestTable, goalLines, outcomeTable, stallLines, type TimedOutcome } from './solver-report.js';
import { dgemmUnit, NumpyUnit } from './solver-unit.js';

const options = readOptions(
  'npm run bench:solvers',
  {
    before: 'Time and iterations of every solver on every fixed-rank geometry, on completion and regression problems.',
    after: 'BURES_PEER_PYTHON names a Python with NumPy, whose dgemm is then given beside our unit. Let nothing else run meanwhile.',
  },
  {
    limit: { value: 'N', help: 'units after which a contestant is stopped (default 400)', fallback: '400' },
    only: { value: 'TEXT', help: 'problems whose name has this in it', fallback: '' },
    contestants: { value: 'TEXT', help: 'contestants whose solver or geometry has this in it', fallback: '' },
    seed: { value: 'N', help: 'of matrices and places (default 1)', fallback: '1' },
    plot: { value: 'FILE', help: 'write the performance profile there, as SVG', fallback: '' },
    phase: { value: 'N', help: 'instead: completion at the limit of information, N draws of each setting', fallback: '' },
    json: { value: 'FILE', help: 'write the figures there too', fallback: '' },
  },
);

const completionSize = { m: 2000, n: 2000, rank: 10 } as const;
const share = 0.05;
const regressionSize = { m: 500, n: 300, rank: 8 } as const;
const samples = 5000;
const seed = Number(options.seed);

const PROBLEMS: Readonly<Record<string, (la: HostAlgebra) => SolverProblem>> = {
  'completion, cond 1': (la) => completionProblem(la, completionSize, 1, share, seed),
  'completion, cond 10': (la) => completionProblem(la, completionSize, 10, share, seed),
  'completion, cond 100': (la) => completionProblem(la, completionSize, 100, share, seed),
  'regression, cond 10': (la) => regressionProblem(la, regressionSize, 10, samples, seed),
};

const la = hostAlgebra();
const numpy = NumpyUnit.start();
const results: { name: string; outcomes: readonly TimedOutcome[] }[] = [];
try {
  print([...machineLines(blasStatus(), {}), `- unit: one dgemm 1024³, ${milliseconds(dgemmUnit(la))} here${await numpyLine()}`]);
  if (options.phase !== '')
    print(await phaseTransition(la, { draws: Number(options.phase), limit: Number(options.limit), contestants: options.contestants }));
  for (const [name, make] of Object.entries(PROBLEMS)) {
    if (options.phase !== '' || !name.includes(options.only)) continue;
    const problem = make(la);
    const outcomes = await compare(problem);
    results.push({ name, outcomes });
    print([
      `${problem.name}:`,
      '',
      ...outcomeTable(name, outcomes),
      '',
      ...fastestTable(name, outcomes),
      '',
      ...stallLines(outcomes),
      ...goalLines(problem, outcomes),
    ]);
    const lines = await conditioningLines(problem);
    if (lines.length > 0) print(lines);
  }
  if (options.plot !== '') await writeFile(options.plot, await profilePicture(results.map(({ outcomes }) => outcomes)));
  if (options.json !== '')
    await writeFile(options.json, `${JSON.stringify({ seed, limit: Number(options.limit), results }, undefined, 2)}\n`);
} finally {
  numpy?.stop();
}

/** One after another, each between two measurements of the unit. */
async function compare(problem: SolverProblem): Promise<readonly TimedOutcome[]> {
  const outcomes: TimedOutcome[] = [];
  let before = dgemmUnit(la);
  for (const contestant of CONTESTANTS) {
    if (!takesPart(contestant)) continue;
    const outcome: Outcome | undefined = await race(la, contestant, problem, Number(options.limit) * before);
    if (outcome === undefined) continue;
    const after = dgemmUnit(la);
    outcomes.push({ ...outcome, unit: (before + after) / 2 });
    before = after;
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return outcomes;
}

async function conditioningLines(problem: SolverProblem): Promise<readonly string[]> {
  const found = await conditioning(la, problem);
  if (found === undefined) return [];
  const { bures, quotient } = found;
  return [
    `- condition number of the Hessian at the solution: ${bures.toPrecision(3)} in the Bures metric, ${quotient.toPrecision(3)} in the quotient metric`,
  ];
}

function takesPart({ solver, geometry = '' }: Contestant): boolean {
  return solver.includes(options.contestants) || geometry.includes(options.contestants);
}

async function numpyLine(): Promise<string> {
  if (numpy === undefined) return '';
  return `, ${milliseconds(await numpy.seconds(la))} in NumPy`;
}

function milliseconds(seconds: number): string {
  return `${(1000 * seconds).toPrecision(3)} ms`;
}

function print(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}
