/**
 * Completion at the limit of information: few entries and singular values far apart. How many of some draws each solver
 * completes, and in what time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HostAlgebra } from 'bures';
import { median } from './measure.js';
import { OCTAVE_SOLVERS, octavePeers } from './octave-peers.js';
import { markdownTable } from './report.js';
import { CONTESTANTS, type Contestant, OWN_NAMES } from './solver-contestants.js';
import { completionProblem, type SolverProblem } from './solver-problems.js';
import { race } from './solver-race.js';
import { dgemmUnit } from './solver-unit.js';

const SIZE = { m: 1000, n: 1000, rank: 10 } as const;
const CONDITIONS = [1e2, 1e5, 1e10] as const;
/** |Ω| over the degrees of freedom r(m + n − r). */
const OVERSAMPLINGS = [1.5, 2, 3] as const;
/** The geometry on which solvers that choose none are run: that of the quickest at condition 100. */
const GEOMETRY = 'quotient, orthographic';
/** Relative error of the whole matrix at which it counts as solved. */
const SOLVED = 1e-4;
const GOALS = { oversampling: 2, share: 0.9, slowdown: 3 } as const;

/** A contestant at a condition and an oversampling. */
interface Cell {
  readonly solver: string;
  readonly cond: number;
  readonly oversampling: number;
  readonly outcomes: readonly Draw[];
}

/** How a contestant fared on a draw. */
interface Draw {
  /** Until it counted as solved; `undefined` if it never did. */
  readonly seconds: number | undefined;
  /** Relative error of σ_r at the end. */
  readonly smallest: number;
  /** Seconds of a dgemm just before. */
  readonly unit: number;
}

/** What the phase part of the bench is told. */
export interface PhaseOptions {
  readonly draws: number;
  /** Units after which a contestant is stopped. */
  readonly limit: number;
  /** Contestants whose solver has this in it. */
  readonly contestants: string;
}

/** Runs every solver on the draws of every setting, and returns the report. */
export async function phaseTransition(la: HostAlgebra, options: PhaseOptions): Promise<readonly string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bures-octave-'));
  try {
    return await phaseBeside(la, options, octavePeers(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function phaseBeside(
  la: HostAlgebra,
  { draws, limit, contestants }: PhaseOptions,
  octave: ReturnType<typeof octavePeers>,
): Promise<readonly string[]> {
  const authors = OCTAVE_SOLVERS.filter((solver) => solver.includes(contestants));
  const parts = CONTESTANTS.filter(
    ({ solver, geometry }) => (geometry === undefined || geometry === GEOMETRY) && solver.includes(contestants),
  );
  const cells: Cell[] = [];
  for (const cond of CONDITIONS) {
    for (const oversampling of OVERSAMPLINGS) {
      const problems = Array.from({ length: draws }, (_, draw) => problemOf(la, cond, oversampling, draw + 1));
      for (const contestant of parts) cells.push({ ...(await cellOf(la, contestant, problems, limit)), cond, oversampling });
      if (typeof octave !== 'string') {
        for (const solver of authors) {
          const unit = dgemmUnit(la);
          const outcomes = octave.run(solver, problems).map((outcome) => ({ ...withinLimit(outcome, limit * unit), unit }));
          cells.push({ solver: `${solver}, its authors' code in Octave`, outcomes, cond, oversampling });
        }
      }
      process.stderr.write('.');
    }
  }
  process.stderr.write('\n');
  const missing = typeof octave === 'string' ? [`- ${octave}`] : [];
  return [...CONDITIONS.flatMap((cond) => [...table(cells, cond), '']), ...goalLines(cells), ...missing];
}

/** What is reached only after the limit of everybody is not reached. */
function withinLimit<Of extends { readonly seconds: number | undefined }>(outcome: Of, seconds: number): Of {
  return outcome.seconds !== undefined && outcome.seconds > seconds ? { ...outcome, seconds: undefined } : outcome;
}

function problemOf(la: HostAlgebra, cond: number, oversampling: number, seed: number): SolverProblem {
  const { m, n, rank } = SIZE;
  return completionProblem(la, SIZE, cond, (oversampling * rank * (m + n - rank)) / (m * n), seed);
}

async function cellOf(
  la: HostAlgebra,
  contestant: Contestant,
  problems: readonly SolverProblem[],
  limit: number,
): Promise<Pick<Cell, 'solver' | 'outcomes'>> {
  const outcomes: Draw[] = [];
  for (const problem of problems) {
    const unit = dgemmUnit(la);
    const outcome = await race(la, contestant, problem, limit * unit, [SOLVED]);
    if (outcome !== undefined) outcomes.push({ seconds: outcome.reached[0]?.seconds, smallest: outcome.smallest, unit });
  }
  return { solver: contestant.solver, outcomes };
}

function table(cells: readonly Cell[], cond: number): readonly string[] {
  const solvers = [...new Set(cells.map(({ solver }) => solver))];
  const rows = solvers.map((solver) => [
    solver,
    ...OVERSAMPLINGS.flatMap((oversampling) => {
      const cell = cells.find((one) => one.solver === solver && one.cond === cond && one.oversampling === oversampling);
      return cell === undefined || cell.outcomes.length === 0 ? ['–', '–', '–'] : textsOf(cell);
    }),
  ]);
  const columns = OVERSAMPLINGS.flatMap((oversampling) => [`solved at ρ = ${oversampling}`, 'units', 'error of σ_r']);
  return markdownTable([`condition ${cond.toExponential(0)}`, ...columns], rows);
}

function textsOf(cell: Cell): readonly string[] {
  const time = medianUnits(cell);
  return [
    `${solvedOf(cell).length} of ${cell.outcomes.length}`,
    time === undefined ? '–' : time.toPrecision(3),
    median(cell.outcomes.map(({ smallest }) => smallest)).toExponential(0),
  ];
}

const solvedOf = ({ outcomes }: Cell): Cell['outcomes'] => outcomes.filter(({ seconds }) => seconds !== undefined);

/** The median time of the draws that were solved. */
function medianUnits(cell: Cell): number | undefined {
  const units = cell.outcomes.flatMap(({ seconds, unit }) => (seconds === undefined ? [] : [seconds / unit]));
  return units.length === 0 ? undefined : median(units);
}

/** What was to be reached at ρ = 2, by some solver. */
function goalLines(cells: readonly Cell[]): readonly string[] {
  const at = (solver: string, cond: number): Cell | undefined =>
    cells.find((one) => one.solver === solver && one.cond === cond && one.oversampling === GOALS.oversampling);
  const solver = OWN_NAMES.irls;
  const first = at(solver, CONDITIONS[0]);
  const base = first === undefined ? undefined : medianUnits(first);
  return CONDITIONS.flatMap((cond) => {
    const cell = at(solver, cond);
    if (cell === undefined || cell.outcomes.length === 0) return [];
    const [share, time] = [solvedOf(cell).length / cell.outcomes.length, medianUnits(cell)];
    const slowdown = base === undefined || time === undefined ? Number.POSITIVE_INFINITY : time / base;
    const reached = share >= GOALS.share && slowdown <= GOALS.slowdown;
    return [
      `- goal: condition ${cond.toExponential(0)}, ρ = 2: ≥ 90 % solved, in ≤ 3 times the units of condition 1e2: ${(100 * share).toFixed(0)} %, ${slowdown.toPrecision(2)} times, by ${solver}: ${reached ? 'reached' : '**missed**'}`,
    ];
  });
}
