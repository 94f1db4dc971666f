/**
 * Performance profiles: for each contestant the share of the instances that it solves within τ times the time of the
 * quickest.
 *
 * @see Dolan and Moré, "Benchmarking optimization software with performance profiles", Math. Program. 91, 2002.
 */
import { lineColors, lineDashes, pictureSvg } from './picture.js';
import { OWN_NAMES } from './solver-contestants.js';
import { TOLERANCES } from './solver-race.js';
import type { TimedOutcome } from './solver-report.js';

/** The largest ratio drawn. */
const widest = 32;

/** A step of a profile: from the ratio τ on, this share of the instances is solved. */
export interface ProfileStep {
  readonly contestant: string;
  readonly ratio: number;
  readonly share: number;
}

/**
 * The profiles of contestants.
 *
 * @param times - for each instance the time of each contestant, Infinity or left out where it was not solved.
 * @returns their steps, from ratio 1 to `widest`; instances that nobody solves count as unsolved.
 */
export function performanceProfile(times: readonly ReadonlyMap<string, number>[], contestants: readonly string[]): readonly ProfileStep[] {
  return contestants.flatMap((contestant) => {
    const ratios = times
      .map((instance) => (instance.get(contestant) ?? Number.POSITIVE_INFINITY) / Math.min(...instance.values()))
      .filter((ratio) => ratio <= widest)
      .sort((p, q) => p - q);
    const share = (ratio: number): number => ratios.filter((other) => other <= ratio).length / times.length;
    return [...new Set([1, ...ratios, widest])].map((ratio) => ({ contestant, ratio, share: share(ratio) }));
  });
}

/** What the two panels fix: all geometries with one solver, all solvers on one geometry. */
const [SOLVER, GEOMETRY] = ['CG Hestenes–Stiefel, exact', 'quotient factors'] as const;

/**
 * Two panels: the geometries under one solver, and the solvers on one geometry, with rank continuation and alternating
 * least squares.
 */
export async function profilePicture(problems: readonly (readonly TimedOutcome[])[]): Promise<string> {
  const panel = (title: string, nameOf: (outcome: TimedOutcome) => string | undefined): object => {
    const times = problems.flatMap((outcomes) => TOLERANCES.map((_, i) => instance(outcomes, i, nameOf)));
    const contestants = [...new Set(problems.flat().flatMap((outcome) => nameOf(outcome) ?? []))];
    return profilePanel(title, performanceProfile(times, contestants), contestants);
  };
  const own: readonly string[] = Object.values(OWN_NAMES);
  const spec = {
    hconcat: [
      panel(`geometries, ${SOLVER}`, ({ solver, geometry }) => (solver === SOLVER ? geometry : undefined)),
      panel(`solvers on ${GEOMETRY}`, ({ solver, geometry }) => (geometry === GEOMETRY || own.includes(solver) ? solver : undefined)),
    ],
    resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
    spacing: 30,
  };
  return pictureSvg(spec);
}

/** Units to one tolerance on one problem, of those who have a name in the panel. */
function instance(
  outcomes: readonly TimedOutcome[],
  tolerance: number,
  nameOf: (outcome: TimedOutcome) => string | undefined,
): ReadonlyMap<string, number> {
  return new Map(
    outcomes.flatMap((outcome) => {
      const name = nameOf(outcome);
      const mark = outcome.reached[tolerance];
      return name === undefined || mark === undefined ? [] : [[name, mark.seconds / outcome.unit] as const];
    }),
  );
}

function profilePanel(title: string, steps: readonly ProfileStep[], contestants: readonly string[]): object {
  const domain = [...contestants];
  const legend = { title: null, orient: 'bottom', columns: 2, symbolStrokeWidth: 3, labelLimit: 0 } as const;
  return {
    title,
    width: 380,
    height: 260,
    data: { values: [...steps] },
    mark: { type: 'line', interpolate: 'step-after', strokeWidth: 2.2 },
    encoding: {
      x: {
        field: 'ratio',
        type: 'quantitative',
        scale: { type: 'log', base: 2, domain: [1, widest], nice: false },
        title: 'τ: time in units of the quickest',
      },
      y: { field: 'share', type: 'quantitative', scale: { domain: [0, 1] }, title: 'share of instances solved within τ' },
      color: {
        field: 'contestant',
        type: 'nominal',
        scale: { domain, range: lineColors },
        legend,
      },
      strokeDash: {
        field: 'contestant',
        type: 'nominal',
        scale: { domain, range: domain.map((_, i) => lineDashes[Math.floor(i / lineColors.length)]) },
        legend,
      },
    },
  };
}
