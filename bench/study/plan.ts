/**
 * What the study runs, in stages. A stage may depend on the results of those before it: what it tunes are the methods
 * that did best, and what it reports are the settings that the validation set chose. Nothing here reads a test loss.
 */
import type { StudyMethod } from './methods.js';
import { DATA_VERSION } from './questions.js';
import type { Results } from './results.js';
import { keyOf } from './results.js';
import type { RunResult, RunSetting } from './run.js';

/** Rates of every method, at every rank: half decades. */
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
 * The scales of the screening. Where steps do not depend on the size of a gradient, scale and rate are not independent
 * (docs/study.md, "One number instead of two"): on balanced factors only rate·√s counts, for gauge-free rules only
 * rate·s, and for LoRA s is the ratio of the rates of its factors, as in LoRA+. So balanced and gauge-free methods are
 * screened at one scale and checked at two others, LoRA and its kin at several.
 */
const ENTRANTS: readonly Entrant[] = [
  { method: 'lora', scales: [2, 16, 128, 1300] },
  { method: 'lora+', scales: [2] },
  { method: 'reflora', scales: [2, 16, 128] },
  { method: 'lora-rite', scales: [2] },
  { method: 'loro', scales: [2, 16] },
  { method: 'galore', scales: [0] },
  { method: 'lora-ga', scales: [2, 16] },
  { method: 'balora keep, svd', scales: [128] },
  { method: 'balora keep, nearest', scales: [128] },
  { method: 'balora transport, svd', scales: [2, 128, 1300] },
  { method: 'balora transport, nearest', scales: [128] },
  { method: 'balora-ga', scales: [2, 16] },
  { method: 'balora mat', scales: [128] },
  { method: 'balora muon', scales: [2] },
  { method: 'full', scales: [0] },
];

/** A stage: what it is for, and its runs, as far as the results so far determine them. */
export interface Stage {
  readonly name: string;
  readonly purpose: string;
  /** Whether its runs are scored on the test set. */
  readonly scoresTest: boolean;
  readonly runs: (results: Results) => readonly RunSetting[];
}

const common = { data: DATA_VERSION, batch: BATCH } as const;
const rankOf = (method: StudyMethod, rank: number): number => (method === 'full' ? 0 : rank);

/** Stage 1, screening: all methods, scales and rates at one rank, short runs of one seed. */
export const SCREEN = { model: SMALL, rank: 16, steps: 200, seed: 0 } as const;

function screening(): readonly RunSetting[] {
  // Both momenta of a setting one after the other, and every method early: a stage that is cut short still compares.
  return RATES_MIDDLE_FIRST.flatMap((rate) =>
    ENTRANTS.flatMap(({ method, scales }) =>
      scales.flatMap((scale) =>
        BETAS.map((beta1) => ({ ...common, ...SCREEN, method, beta1, rank: rankOf(method, SCREEN.rank), scale, rate })),
      ),
    ),
  );
}

const RATES_MIDDLE_FIRST = [1e-3, 3e-3, 3e-4, 1e-2, 1e-4, 3e-2, 1e-1] as const satisfies readonly (typeof RATES)[number][];

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

/**
 * The variants that are tuned further: for LoRA, published BaLoRA, the transported one and full fine-tuning both
 * momenta, since the study asks about them; of the others the best variant of each method, and of these the best few.
 */
export function survivors(results: Results): readonly Variant[] {
  const screened = resultsOf(results, screening());
  const variantOf = (result: RunResult | undefined): Variant[] =>
    result === undefined ? [] : [{ method: result.method, beta1: result.beta1, scale: result.scale }];
  const best = (method: StudyMethod, beta1?: number) =>
    bestOf(screened.filter((one) => one.method === method && (beta1 === undefined || one.beta1 === beta1)));
  const asked = ASKED.flatMap((method) => BETAS.flatMap((beta1) => variantOf(best(method, beta1))));
  const others = ENTRANTS.filter(({ method }) => !ASKED.includes(method))
    .flatMap(({ method }) => best(method) ?? [])
    .sort((one, other) => validOf(one) - validOf(other))
    .slice(0, OTHERS)
    .flatMap(variantOf);
  return [...asked, ...others];
}

const ASKED: readonly StudyMethod[] = ['lora', 'balora keep, svd', 'balora transport, svd', 'full'];
const OTHERS = 4;

/** Ranks of stage 2 and 3, by model. */
export const RANKS: Readonly<Record<string, readonly number[]>> = { [SMALL]: [4, 8, 16, 32, 64], [LARGE]: [4, 16, 64, 128] };
export const TUNED_STEPS = 1000;
const TUNED_SEED = 1;

/** The rates of stage 2 at every rank: the grid around the best of the screening, the same number for every variant. */
function tuning(model: string, results: Results): readonly RunSetting[] {
  const screened = resultsOf(results, screening());
  return survivors(results).flatMap((variant) => {
    const best = bestOf(
      screened.filter((one) => one.method === variant.method && one.beta1 === variant.beta1 && one.scale === variant.scale),
    );
    if (best === undefined) return [];
    const ranks = variant.method === 'full' ? [0] : RANKS[model];
    return ranks.flatMap((rank) =>
      ratesAround(best.rate).map((rate) => ({ ...common, ...variant, model, rank, rate, steps: TUNED_STEPS, seed: TUNED_SEED })),
    );
  });
}

/** Five rates of the grid, the given one in the middle where the grid allows it. */
function ratesAround(rate: number): readonly number[] {
  const at = RATES.findIndex((one) => one === rate);
  const from = Math.min(Math.max(0, at - 2), RATES.length - 5);
  return RATES.slice(from, from + 5);
}

const REPORTED_SEEDS = [2, 3, 4, 5, 6] as const;

/** Stage 3, the report: of each variant at each rank the rate that the validation set chose, on new seeds. */
function reporting(model: string, results: Results): readonly RunSetting[] {
  const tuned = resultsOf(results, tuning(model, results));
  const variants = survivors(results);
  return variants.flatMap((variant) => {
    const own = tuned.filter((one) => one.method === variant.method && one.beta1 === variant.beta1 && one.scale === variant.scale);
    return [...new Set(own.map(({ rank }) => rank))].flatMap((rank) => {
      const best = bestOf(own.filter((one) => one.rank === rank));
      if (best === undefined) return [];
      return REPORTED_SEEDS.map((seed) => ({ ...common, ...variant, model, rank, rate: best.rate, steps: TUNED_STEPS, seed }));
    });
  });
}

/** All stages, in order. */
export const STAGES: readonly Stage[] = [
  {
    name: 'screen',
    purpose: 'all methods, momenta, scales and rates at rank 16, short runs of one seed',
    scoresTest: false,
    runs: screening,
  },
  {
    name: 'tune-small',
    purpose: `rates at every rank, ${TUNED_STEPS} steps, ${SMALL}`,
    scoresTest: false,
    runs: (results) => tuning(SMALL, results),
  },
  {
    name: 'report-small',
    purpose: `chosen rates on five new seeds, ${SMALL}`,
    scoresTest: true,
    runs: (results) => reporting(SMALL, results),
  },
  {
    name: 'tune-large',
    purpose: `rates at every rank, ${TUNED_STEPS} steps, ${LARGE}`,
    scoresTest: false,
    runs: (results) => tuning(LARGE, results),
  },
  {
    name: 'report-large',
    purpose: `chosen rates on five new seeds, ${LARGE}`,
    scoresTest: true,
    runs: (results) => reporting(LARGE, results),
  },
];
