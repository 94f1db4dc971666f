/** The results of the bench of solvers as text. */
import { markdownTable } from './report.js';
import { OWN_NAMES, SOLVER_NAMES } from './solver-contestants.js';
import { GEOMETRIES } from './solver-geometries.js';
import type { SolverProblem } from './solver-problems.js';
import type { Mark, Outcome } from './solver-race.js';

/** An outcome with the unit that was measured around it, in seconds. */
export interface TimedOutcome extends Outcome {
  readonly unit: number;
}

/**
 * Units to 1e-6 on completion, by condition number: half to a fifth of what Pymanopt and Manopt take at 1, and at 100
 * something that neither reaches.
 */
const GOALS: ReadonlyMap<number, number> = new Map([
  [1, 25],
  [10, 60],
  [100, 300],
]);

/** Units of MatrixIRLS to 1e-6 at condition 100. */
const IRLS_GOAL = 100;

const fastestRows = 6;

/** Seconds, and all else, at the goal; `undefined` where it was not reached. */
function goalMark({ reached }: Outcome): Mark | undefined {
  return reached.at(-1);
}

function units(outcome: TimedOutcome, { seconds }: Mark): string {
  return (seconds / outcome.unit).toPrecision(3);
}

/**
 * Solvers by geometries. A cell: units and iterations to the goal, or the smallest error on the way and why the run
 * ended.
 */
export function outcomeTable(name: string, outcomes: readonly TimedOutcome[]): readonly string[] {
  const cell = (outcome: TimedOutcome | undefined): string => {
    if (outcome === undefined) return '–';
    const mark = goalMark(outcome);
    if (mark !== undefined) return `${units(outcome, mark)} (${mark.iterations})`;
    return `${outcome.best.toExponential(0)} ${outcome.stopReason === 'limit' ? 'at the limit' : 'stopped'}`;
  };
  const geometries = GEOMETRIES.map((geometry) => geometry.name).filter((geometry) =>
    outcomes.some((outcome) => outcome.geometry === geometry),
  );
  const rows = SOLVER_NAMES.filter((solver) => outcomes.some((outcome) => outcome.solver === solver)).map((solver) => [
    solver,
    ...geometries.map((geometry) => cell(outcomes.find((outcome) => outcome.solver === solver && outcome.geometry === geometry))),
  ]);
  const own = outcomes.filter(({ geometry }) => geometry === undefined).map((outcome) => `- ${outcome.solver}: ${cell(outcome)}`);
  const table = rows.length === 0 ? [] : [...markdownTable([`${name}: units (iterations)`, ...geometries], rows), ''];
  return [...table, ...own];
}

/** The quickest, with seconds and processor seconds. */
export function fastestTable(name: string, outcomes: readonly TimedOutcome[]): readonly string[] {
  const finished = byTime(outcomes).slice(0, fastestRows);
  if (finished.length === 0) return ['Nobody reached the goal.'];
  const rows = finished.map(({ outcome, mark }) => [
    title(outcome),
    units(outcome, mark),
    mark.seconds.toFixed(3),
    mark.processor.toFixed(3),
    String(mark.iterations),
  ]);
  return markdownTable([`${name}: the quickest`, 'units', 's', 'processor s', 'iterations'], rows);
}

/** Runs that ended by themselves short of the goal, and why. */
export function stallLines(outcomes: readonly TimedOutcome[]): readonly string[] {
  return outcomes
    .filter(({ stopReason }) => stopReason !== undefined && stopReason !== 'limit')
    .map((outcome) => `- ${title(outcome)} stopped: ${outcome.stopReason}`);
}

/** What was to be reached, by a descent on matrices of fixed rank. */
export function goalLines({ observed, cond }: SolverProblem, outcomes: readonly TimedOutcome[]): readonly string[] {
  const goal = GOALS.get(cond);
  if (observed === undefined || goal === undefined) return [];
  const line = (what: string, among: readonly TimedOutcome[]): string => {
    const [first] = byTime(among);
    const asked = `- goal: cond ${cond}, ${what}, ≤ ${goal} units`;
    if (first === undefined) return `${asked}: not reached by anybody: **missed**`;
    const taken = first.mark.seconds / first.outcome.unit;
    return `${asked}: ${taken.toPrecision(3)} by ${title(first.outcome)}: ${taken <= goal ? 'reached' : '**missed**'}`;
  };
  const riemannian = outcomes.filter((outcome) => outcome.riemannian);
  return [
    line(
      'from the spectral start of full rank',
      riemannian.filter(({ geometry }) => geometry !== undefined),
    ),
    line('from any start', riemannian),
    ...(cond === 100 ? [irlsLine(outcomes)] : []),
  ];
}

/** From the spectral start too, by a solver of completion's own. */
function irlsLine(outcomes: readonly TimedOutcome[]): string {
  const outcome = outcomes.find(({ solver }) => solver === OWN_NAMES.irls);
  const mark = outcome && goalMark(outcome);
  const taken = outcome === undefined || mark === undefined ? undefined : mark.seconds / outcome.unit;
  return `- goal: cond 100, from the spectral start of full rank, by ${OWN_NAMES.irls}, ≤ ${IRLS_GOAL} units: ${taken === undefined ? 'not measured or not reached' : taken.toPrecision(3)}: ${taken !== undefined && taken <= IRLS_GOAL ? 'reached' : '**missed**'}`;
}

function byTime(outcomes: readonly TimedOutcome[]): readonly { readonly outcome: TimedOutcome; readonly mark: Mark }[] {
  return outcomes
    .flatMap((outcome) => {
      const mark = goalMark(outcome);
      return mark === undefined ? [] : [{ outcome, mark }];
    })
    .sort((p, q) => p.mark.seconds / p.outcome.unit - q.mark.seconds / q.outcome.unit);
}

function title({ solver, geometry }: Outcome): string {
  return geometry === undefined ? solver : `${solver}, on ${geometry}`;
}
