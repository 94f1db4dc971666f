/**
 * What the study runs, in stages. A stage may depend on the results of those before it: what it tunes are the methods
 * that did best, and what it reports are the settings that the validation set chose. Nothing here reads a test loss.
 */
import type { StudyMethod } from './methods.js';
import { DATA_VERSION } from './questions.js';
import type { Results } from './results.js';
import { keyOf } from './results.js';
import type { RunResult, RunSetting } from './run.js';

/** The grid of rates, for every method: half decades. */
export const RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1] as const;
export const BETAS = [0, 0.9] as const;
const BATCH = 16;
const SMALL = 'tiny-math-base';
const LARGE = 'math-base-256';

/** A method with the scales s = α/r that are tried, 0 for those that train the weights. */
interface Entrant {
  readonly method: StudyMethod;
  readonly scales: readonly number[];
}

/**
 * The scales of the screening. Where steps do not depend on the size of a gradient, scale and rate are exchangeable but
 * for the first step (docs/study.md, "One number instead of two"): on balanced factors rate·√s counts, for gauge-free
 * rules rate·s, and for LoRA s is the ratio of the rates of its factors, as in LoRA+. The methods that are asked about
 * are screened at several scales all the same.
 */
const ENTRANTS: readonly Entrant[] = [
  { method: 'lora', scales: [2, 16, 128] },
  { method: 'lora+', scales: [2] },
  { method: 'reflora', scales: [2, 16] },
  { method: 'lora-rite', scales: [2] },
  { method: 'loro', scales: [2, 16] },
  { method: 'galore', scales: [0] },
  { method: 'lora-ga', scales: [2, 16] },
  { method: 'balora keep, svd', scales: [2, 128, 1300] },
  { method: 'balora keep, nearest', scales: [128] },
  { method: 'balora transport, svd', scales: [2, 16, 128] },
  { method: 'balora transport, nearest', scales: [128] },
  { method: 'balora transport, every 8', scales: [128] },
  { method: 'balora transport, every 16', scales: [128] },
  { method: 'balora-ga', scales: [2, 16] },
  { method: 'balora mat', scales: [2, 128] },
  { method: 'balora mu', scales: [128] },
  { method: 'balora muon', scales: [2] },
  { method: 'full', scales: [0] },
];

/** A stage: what it is for, and its runs, as far as the results so far determine them. */
export interface Stage {
  readonly name: string;
  readonly purpose: string;
  /** Names of the stages that must be complete first. */
  readonly after: readonly string[];
  /** Whether its runs are scored on the test set. */
  readonly scoresTest: boolean;
  /** Whether they measure the spectrum of the loss on the way. Default: false. */
  readonly measuresSpectra?: boolean;
  readonly runs: (results: Results) => readonly RunSetting[];
}

const common = { data: DATA_VERSION, batch: BATCH } as const;
const rankOf = (method: StudyMethod, rank: number): number => (method === 'full' ? 0 : rank);

/** Stage 1, screening: all methods, scales and rates at one rank, short runs of one seed. */
export const SCREEN = { model: SMALL, rank: 16, steps: 200, seed: 0 } as const;

function screening(results: Results): readonly RunSetting[] {
  // A rate at a time, every variant: a stage that is cut short still compares.
  const wanted = ENTRANTS.flatMap(({ method, scales }) =>
    scales.flatMap((scale) =>
      BETAS.flatMap((beta1) => {
        const settingAt = (rate: number): RunSetting => {
          return { ...common, ...SCREEN, method, beta1, rank: rankOf(method, SCREEN.rank), scale, rate };
        };
        return ratesWanted(FIRST_RATES, (rate) => results.get(keyOf(settingAt(rate)))).map(settingAt);
      }),
    ),
  );
  return FIRST_RATES.concat(RATES.filter((rate) => !FIRST_RATES.includes(rate))).flatMap((rate) =>
    wanted.filter((setting) => setting.rate === rate),
  );
}

/** Rates with which the screening of every variant begins. */
const FIRST_RATES: readonly number[] = [1e-3, 3e-3, 3e-4];

/**
 * The rates of a variant: the first ones, and outwards as long as the lowest or the highest of them is the best, or
 * within a margin of it. A variant all of whose rates diverge is followed downwards.
 *
 * @param first - neighbours on the grid.
 * @param margin - relative to the best loss.
 */
function ratesWanted(first: readonly number[], resultAt: (rate: number) => RunResult | undefined, margin = 0): readonly number[] {
  const grid: readonly number[] = RATES;
  let [low, high] = [grid.indexOf(Math.min(...first)), grid.indexOf(Math.max(...first))];
  for (;;) {
    const range = grid.slice(low, high + 1);
    const results = range.map(resultAt);
    if (results.includes(undefined)) return range;
    const losses = results.map(validOf);
    const near = (1 + margin) * Math.min(...losses);
    if (losses[0] <= near && low > 0) low--;
    else if (losses[losses.length - 1] <= near && Number.isFinite(near) && high < grid.length - 1) high++;
    else return range;
  }
}

/** A method with a momentum and a scale. */
export interface Variant {
  readonly method: StudyMethod;
  readonly beta1: number;
  readonly scale: number;
}

/** The best validation loss of results, or infinity. */
export const validOf = (result: RunResult | undefined): number => result?.valid ?? Number.POSITIVE_INFINITY;

/** The best of results by validation loss. */
export function bestOf(results: readonly RunResult[]): RunResult | undefined {
  return results.reduce<RunResult | undefined>((best, result) => (validOf(result) < validOf(best) ? result : best), undefined);
}

/** Results of settings. */
export function resultsOf(results: Results, settings: readonly RunSetting[]): readonly RunResult[] {
  return settings.flatMap((setting) => results.get(keyOf(setting)) ?? []);
}

interface Screened {
  readonly variant: Variant;
  readonly own: readonly RunResult[];
}

/** The variants of the screening with their results; a variant without any is left out. */
export function screened(results: Results): readonly Screened[] {
  // Every variant of every stage asks for it, and results are only ever added.
  const known = SCREENED.get(results);
  if (known?.size === results.size) return known.variants;
  const all = resultsOf(results, screening(results));
  const variants = ENTRANTS.flatMap(({ method, scales }) =>
    scales.flatMap((scale) =>
      BETAS.flatMap((beta1) => {
        const own = all.filter((one) => one.method === method && one.scale === scale && one.beta1 === beta1);
        return own.length === 0 ? [] : [{ variant: { method, beta1, scale }, own }];
      }),
    ),
  );
  SCREENED.set(results, { size: results.size, variants });
  return variants;
}

const SCREENED = new WeakMap<Results, { readonly size: number; readonly variants: readonly Screened[] }>();

/** The best result of the screening under a condition. */
function bestScreened(results: Results, holds: (variant: Variant) => boolean): RunResult | undefined {
  return bestOf(screened(results).flatMap(({ variant, own }) => (holds(variant) ? own : [])));
}

const variantOf = ({ method, beta1, scale }: RunResult): Variant => ({ method, beta1, scale });
/** Tests whether another variant is the same. */
export const sameVariant = (variant: Variant) => (other: Variant) =>
  other.method === variant.method && other.beta1 === variant.beta1 && other.scale === variant.scale;

/** The methods that the study asks about; of the others only the best go on. */
const ASKED: readonly StudyMethod[] = ['lora', 'balora keep, svd', 'balora transport, svd', 'balora mat', 'full'];
const OTHERS = 1;

/**
 * The variants that are tuned: of each method its best momentum and scale, for the methods asked about and the best
 * others.
 */
function survivors(results: Results): readonly Variant[] {
  const best = (method: StudyMethod) => bestScreened(results, (variant) => variant.method === method) ?? [];
  const others = ENTRANTS.filter(({ method }) => !ASKED.includes(method))
    .flatMap(({ method }) => best(method))
    .sort((one, other) => validOf(one) - validOf(other))
    .slice(0, OTHERS);
  return [...ASKED.flatMap(best), ...others].map(variantOf);
}

/** Steps of everything after the screening. */
export const STEPS = 1000;

const SEEDS = [2, 3, 4, 5, 6] as const;
/** The seed that chooses rates. */
const TUNED_SEED = 1;
/** Whether a run's seed chose nothing. */
export const isReported = ({ seed }: RunSetting): boolean => seed !== TUNED_SEED;

/**
 * The momentum stage: does `keep` gain by scrambled momentum, and does rarer balancing lose anything? Moments, gauges
 * and momenta crossed, at their best rates.
 */
const MOMENTUM_METHODS: readonly StudyMethod[] = [
  'lora',
  'balora keep, svd',
  'balora keep, nearest',
  'balora transport, svd',
  'balora transport, nearest',
  'balora transport, every 16',
];

export function momentumRuns(results: Results): readonly RunSetting[] {
  return MOMENTUM_METHODS.flatMap((method) =>
    BETAS.flatMap((beta1) =>
      longRuns(
        results,
        bestScreened(results, (variant) => variant.method === method && variant.beta1 === beta1),
        SEEDS,
      ),
    ),
  );
}

/**
 * Long runs of a variant at the rank of the screening: one seed that chooses the rate, beginning with the best of the
 * screening and the one below, and then others at that rate.
 *
 * @param screened - the variant's best result of the screening.
 */
function longRuns(results: Results, screened: RunResult | undefined, seeds: readonly number[]): readonly RunSetting[] {
  if (screened === undefined) return [];
  const settingAt = (rate: number, seed: number): RunSetting => {
    return { ...common, ...variantOf(screened), model: SMALL, rank: rankOf(screened.method, SCREEN.rank), rate, steps: STEPS, seed };
  };
  const below = RATES.findLast((rate) => rate < screened.rate) ?? screened.rate;
  const tuning = ratesWanted([below, screened.rate], (rate) => results.get(keyOf(settingAt(rate, TUNED_SEED)))).map((rate) =>
    settingAt(rate, TUNED_SEED),
  );
  const best = bestOf(resultsOf(results, tuning));
  const isTuned = tuning.every((setting) => results.has(keyOf(setting)));
  return [...tuning, ...(isTuned && best !== undefined ? seeds.map((seed) => settingAt(best.rate, seed)) : [])];
}

/** Seeds of the runs that measure the spectrum of the loss. */
const SPECTRUM_SEEDS = [7, 8, 9] as const;

/** The conditioning stage: does a better condition number of the real loss go with faster training? */
export function conditioningRuns(results: Results): readonly RunSetting[] {
  const methods: readonly StudyMethod[] = ['lora', 'reflora', 'balora keep, svd', 'balora transport, svd'];
  return methods.flatMap((method) =>
    longRuns(
      results,
      bestScreened(results, (variant) => variant.method === method),
      SPECTRUM_SEEDS,
    ),
  );
}

/** The order of the ranks in the report; 0 stands for the training of all weights. */
const REPORTED_RANKS = [16, 4, 0, 64, 128] as const;
/** Ranks of the last stages, by model: cut for their time, the small one has only that of the screening. */
export const RANKS: Readonly<Record<string, readonly number[]>> = { [LARGE]: [4, 16, 64, 128], [SMALL]: [SCREEN.rank] };
/** Cut for their time: second moments that are matrices take four times as long as LoRA at rank 128. */
const isCut = (method: StudyMethod, rank: number): boolean => method === 'balora mat' && rank > 16;
/** Rates are tried outwards until both ends are this much worse than the best: a part of its loss. */
export const NEAR = 0.05;

/** The variants that a model is tuned with: cut for their time, the large one has only the methods asked about. */
export const variantsOf = (model: string, results: Results): readonly Variant[] =>
  survivors(results).filter(({ method }) => model === SMALL || ASKED.includes(method));

/** Tuning: at every rank the rates from the best of the screening outwards, by the same rule for every variant. */
export function tuningRuns(model: string, results: Results): readonly RunSetting[] {
  return variantsOf(model, results).flatMap((variant) => {
    const best = bestScreened(results, sameVariant(variant));
    if (best === undefined) return [];
    const ranks = variant.method === 'full' ? [0] : RANKS[model].filter((rank) => !isCut(variant.method, rank));
    return ranks.flatMap((rank) => {
      const settingAt = (rate: number): RunSetting => ({ ...common, ...variant, model, rank, rate, steps: STEPS, seed: TUNED_SEED });
      const below = RATES.findLast((rate) => rate < best.rate) ?? best.rate;
      return ratesWanted([below, best.rate], (rate) => results.get(keyOf(settingAt(rate))), NEAR).map(settingAt);
    });
  });
}

/**
 * The report: of each variant at each rank the rate that the validation set chose, on new seeds. A rank at a time,
 * every variant: a stage that is cut short still compares.
 */
export function reportRuns(model: string, results: Results): readonly RunSetting[] {
  const tuned = resultsOf(results, tuningRuns(model, results));
  return REPORTED_RANKS.flatMap((rank) =>
    variantsOf(model, results).flatMap((variant) => {
      const best = bestOf(tuned.filter((one) => one.rank === rank && sameVariant(variant)(one)));
      if (best === undefined) return [];
      return SEEDS.map((seed) => ({ ...common, ...variant, model, rank, rate: best.rate, steps: STEPS, seed }));
    }),
  );
}

/** All stages. Each needs those named in `after` to be complete. */
export const STAGES: readonly Stage[] = [
  {
    name: 'screen',
    purpose: 'all methods, momenta and scales at rank 16, rates outwards to a best one, short runs of one seed',
    after: [],
    scoresTest: false,
    runs: screening,
  },
  {
    name: 'momentum',
    purpose: `moments, gauges and momenta crossed, and rarer balancing, five seeds, ${STEPS} steps`,
    after: ['screen'],
    scoresTest: true,
    runs: momentumRuns,
  },
  {
    name: 'conditioning',
    purpose: `the spectrum of the loss along training, three seeds, ${STEPS} steps`,
    after: ['screen'],
    scoresTest: true,
    measuresSpectra: true,
    runs: conditioningRuns,
  },
  ...[LARGE, SMALL].flatMap((model): readonly Stage[] => [
    {
      name: `tune ${model}`,
      purpose: `rates at every rank, one seed, ${STEPS} steps`,
      after: ['screen'],
      scoresTest: false,
      runs: (results) => tuningRuns(model, results),
    },
    {
      name: `report ${model}`,
      purpose: `the chosen rates on five new seeds, ${STEPS} steps`,
      after: [`tune ${model}`],
      scoresTest: true,
      runs: (results) => reportRuns(model, results),
    },
  ]),
];

/** The runs of a stage that are not there yet. */
export function missingRuns({ runs }: Stage, results: Results): readonly RunSetting[] {
  return runs(results).filter((setting) => !results.has(keyOf(setting)));
}
