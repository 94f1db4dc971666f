/** The results of the study as tables of docs/study.md. */
import { quantile } from '../../src/core/quantile.js';
import { markdownTable } from '../report.js';
import {
  BETAS,
  bestOf,
  conditioningRuns,
  isReported,
  momentumRuns,
  NEAR,
  RANKS,
  RATES,
  reportRuns,
  resultsOf,
  SCREEN,
  STAGES,
  sameVariant,
  screened,
  tuningRuns,
  type Variant,
  validOf,
  variantsOf,
} from './plan.js';
import { keyOf, type Results } from './results.js';
import type { RunResult, StepSpectra } from './run.js';

const NOT_YET = '–';

/** Names a variant, such as "balora transport, svd; β₁ 0, s 128". */
export function variantName({ method, beta1, scale }: Variant): string {
  return `${method}; β₁ ${beta1}${scale === 0 ? '' : `, s ${scale}`}`;
}

/** How far the stages are: runs that are made and missing, and the hours of processor time that they took. */
export function coverageTable(results: Results): readonly string[] {
  const rows = STAGES.map(({ name, purpose, runs }) => {
    const settings = runs(results);
    const made = settings.flatMap((setting) => results.get(keyOf(setting)) ?? []);
    const hours = made.reduce((sum, { seconds }) => sum + seconds, 0) / 3600;
    // What a stage runs is known when those before it are complete.
    return [name, purpose, settings.length === 0 ? NOT_YET : `${made.length} of ${settings.length}`, hours.toFixed(1)];
  });
  return markdownTable(['stage', 'what it runs', 'runs made', 'core hours'], rows);
}

/** The screening: a row for each variant, a column for each rate, and how forgiving the variant is. */
export function screeningTable(results: Results): readonly string[] {
  const rows = screened(results)
    .map(({ variant, own }) => ({ variant, own, best: validOf(bestOf(own)) }))
    .sort((one, other) => one.best - other.best)
    .map(({ variant, own }) => [
      variantName(variant),
      ...RATES.map((rate) => lossText(own.find((one) => one.rate === rate))),
      bestOf(own) === undefined ? 'diverged' : lossText(bestOf(own)),
      String(own.filter(({ end }) => end === 'diverged').length),
    ]);
  return markdownTable(
    [`validation loss, ${SCREEN.model}, rank ${SCREEN.rank}, ${SCREEN.steps} steps`, ...RATES.map(String), 'best', 'diverged'],
    rows,
  );
}

/**
 * Whether only rate·√s counts on balanced factors: validation losses of `balora transport, svd` at three scales, in the
 * order of rate·√s.
 */
export function scaleTable(results: Results): readonly string[] {
  const rows = BETAS.flatMap((beta1) =>
    screened(results)
      .filter(({ variant }) => variant.method === 'balora transport, svd' && variant.beta1 === beta1)
      .flatMap(({ variant, own }) => own.map((run) => ({ scale: variant.scale, run, product: run.rate * Math.sqrt(variant.scale) })))
      .sort((one, other) => one.product - other.product)
      .map(({ scale, run, product }) => [product.toPrecision(2), String(beta1), String(scale), String(run.rate), lossText(run)]),
  );
  return markdownTable(['rate·√s', 'β₁', 's', 'rate', 'validation loss'], rows);
}

/** The momentum stage: median and quartiles of the test loss for moments, gauges and momenta. */
export function momentumTable(results: Results): readonly string[] {
  const own = resultsOf(results, momentumRuns(results)).filter(isReported);
  const rows = groupsOf(own).map((runs) => [variantName(runs[0]), String(runs[0].rate), ...spread(runs)]);
  return markdownTable([`test loss, rank ${SCREEN.rank}, 1000 steps`, 'rate', 'median', 'lower', 'upper', 'seeds', 'diverged'], rows);
}

/**
 * The conditioning stage: medians over the seeds of the largest eigenvalue and of κ, as trained and balanced, and the
 * loss.
 */
export function conditioningTable(results: Results): readonly string[] {
  const own = resultsOf(results, conditioningRuns(results)).filter(isReported);
  const rows = groupsOf(own).flatMap((runs) => {
    const steps = [...new Set(runs.flatMap(({ spectra = [] }) => spectra.map(({ step }) => step)))];
    return steps.map((step) => {
      const at = runs.flatMap(({ spectra = [] }) => spectra.filter((one) => one.step === step));
      const median = (of: (one: StepSpectra) => number): string => quantile(at.map(of), 0.5).toPrecision(3);
      return [
        `${variantName(runs[0])}, step ${step}`,
        ...[
          median(({ asTrained }) => asTrained.loss),
          median(({ asTrained }) => asTrained.largest),
          median(({ balanced }) => balanced.largest),
          median(({ asTrained }) => asTrained.conditionNumber),
          median(({ balanced }) => balanced.conditionNumber),
        ],
        String(at.length),
      ];
    });
  });
  return markdownTable([`${SCREEN.model}, rank ${SCREEN.rank}`, 'loss', 'λ largest', 'balanced', 'κ', 'balanced', 'seeds'], rows);
}

/**
 * What tuning found at each rank: the best rate, the loss there, and how many rates of the grid are within 5 %. Rates
 * that were not tried lie beyond ones that are worse by more.
 */
export function tuningTable(results: Results, model: string): readonly string[] {
  const tuned = resultsOf(results, tuningRuns(model, results));
  const rows = variantsOf(model, results).flatMap((variant) => {
    const own = tuned.filter(sameVariant(variant));
    if (own.length === 0) return [];
    const cells = RANKS[model].map((rank) => {
      const at = own.filter((one) => one.rank === rank || one.rank === 0);
      const best = bestOf(at);
      if (at.length === 0) return NOT_YET;
      if (best === undefined) return 'diverged';
      const near = at.filter((one) => validOf(one) <= (1 + NEAR) * validOf(best)).length;
      const tried = at.map(({ rate }) => rate);
      const edge = best.rate === Math.min(...tried) || best.rate === Math.max(...tried) ? ', not finished' : '';
      return `${lossText(best)} at ${best.rate} (${near} of ${RATES.length}${edge})`;
    });
    return [[variantName(variant), ...cells, movement(own)]];
  });
  return markdownTable([`validation loss, ${model}`, ...RANKS[model].map((rank) => `rank ${rank}`), 'best rate moves'], rows);
}

/** The largest over the smallest of the best rates by rank. */
function movement(own: readonly RunResult[]): string {
  const ranks = [...new Set(own.map(({ rank }) => rank))];
  const rates = ranks.flatMap((rank) => bestOf(own.filter((one) => one.rank === rank))?.rate ?? []);
  return ranks.length < 2 || rates.length < ranks.length ? NOT_YET : `${(Math.max(...rates) / Math.min(...rates)).toPrecision(2)}-fold`;
}

/**
 * The report: test losses on new seeds, against LoRA on the same seeds, and the share of LoRA's gap to full
 * fine-tuning.
 */
export function reportTable(results: Results, model: string): readonly string[] {
  const all = resultsOf(results, reportRuns(model, results));
  const lora = (rank: number) => all.filter((one) => one.method === 'lora' && one.rank === rank);
  const full = medianTest(all.filter(({ method }) => method === 'full'));
  const rows = RANKS[model].flatMap((rank) =>
    groupsOf(all.filter((one) => one.rank === rank || one.rank === 0)).map((runs) => {
      const base = lora(rank);
      const gap = medianTest(base) - full;
      const closed = (medianTest(base) - medianTest(runs)) / gap;
      return [
        `rank ${rank}: ${variantName(runs[0])}`,
        String(runs[0].rate),
        ...spread(runs),
        runs[0].method === 'lora' ? NOT_YET : signTest(runs, base),
        gap > 0 && Number.isFinite(closed) && runs[0].method !== 'lora' ? `${(100 * closed).toFixed(0)} %` : NOT_YET,
      ];
    }),
  );
  return markdownTable(
    [`test loss, ${model}`, 'rate', 'median', 'lower', 'upper', 'seeds', 'diverged', 'better than LoRA', 'of the gap to full'],
    rows,
  );
}

/** Runs that differ in their seed only. */
export function groupsOf(results: readonly RunResult[]): readonly (readonly RunResult[])[] {
  const groups = new Map<string, RunResult[]>();
  for (const result of results) {
    const key = keyOf({ ...result, seed: 0 });
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()];
}

/** A diverged run is worse than any other. */
const testOf = ({ test }: RunResult): number => test ?? Number.POSITIVE_INFINITY;

function medianTest(runs: readonly RunResult[]): number {
  return runs.length === 0 ? Number.NaN : quantile(runs.map(testOf), 0.5);
}

function spread(runs: readonly RunResult[]): readonly string[] {
  const losses = runs.map(testOf);
  return [
    ...[0.5, 0.25, 0.75].map((part) => shown(quantile(losses, part))),
    String(runs.length),
    String(runs.filter(({ end }) => end === 'diverged').length),
  ];
}

/** On how many of the common seeds the loss is below LoRA's, with the probability of a split as uneven by chance. */
function signTest(runs: readonly RunResult[], base: readonly RunResult[]): string {
  const pairs = runs.flatMap((run) => {
    const other = base.find(({ seed }) => seed === run.seed);
    return other === undefined || testOf(other) === testOf(run) ? [] : [testOf(run) < testOf(other)];
  });
  if (pairs.length === 0) return NOT_YET;
  const wins = pairs.filter(Boolean).length;
  const tail = Math.max(wins, pairs.length - wins);
  let chance = 0;
  for (let k = tail; k <= pairs.length; k++) chance += choose(pairs.length, k) / 2 ** pairs.length;
  return `${wins} of ${pairs.length} (p ${Math.min(1, 2 * chance).toFixed(2)})`;
}

function choose(n: number, k: number): number {
  return k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k;
}

function lossText(result: RunResult | undefined): string {
  if (result === undefined) return NOT_YET;
  return result.valid === null ? 'diverged' : result.valid.toFixed(3);
}

const shown = (loss: number): string => (Number.isFinite(loss) ? loss.toFixed(4) : 'diverged');
