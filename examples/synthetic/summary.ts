/** The numbers that the demo reports: one row a method and experiment, over the seeds. */
import { type EndOfRun, endOfRun, type Rates } from './ends.js';
import type { Experiment } from './instance.js';
import type { Method } from './network.js';
import { type BestRun, bestRun, type Quartiles, quartiles } from './study.js';

/** All runs of one method in one experiment. */
export interface MethodSummary {
  readonly method: Method;
  readonly learningRate: number;
  /** Excess loss before the first step and after each. */
  readonly curve: readonly Quartiles[];
  /** Excess loss at the end on each seed. */
  readonly ends: readonly number[];
  /** The largest over the seeds. */
  readonly balanceGap: number;
  readonly conditionNumber: number;
  /** Medians; for plain descent. */
  readonly rates?: Rates;
  /**
   * (κ−1)/(κ+1), the rate that the best learning rate would have; where κ is that of the loss: one layer of plain
   * descent. Median.
   */
  readonly bestRate?: number;
}

/** One experiment with all methods. */
export interface ExperimentSummary {
  readonly experiment: Experiment;
  readonly methods: readonly MethodSummary[];
  /** On how many seeds BaLoRA ends below LoRA; LoRA ends below on the others. */
  readonly balancedWins: number;
  /** Below this an excess loss is rounding of the loss. */
  readonly floor: number;
}

/**
 * Runs an experiment.
 *
 * @param seeds - the instances; both methods see the same ones.
 * @param progress - told before each search for a learning rate.
 */
export async function summarize(
  experiment: Experiment,
  seeds: readonly number[],
  progress: (method: Method, seed: number) => void,
): Promise<ExperimentSummary> {
  const methods: MethodSummary[] = [];
  for (const method of ['lora', 'balora'] as const) {
    const runs: BestRun[] = [];
    for (const seed of seeds) {
      progress(method, seed);
      runs.push(await bestRun(experiment, method, seed));
    }
    const ends: EndOfRun[] = [];
    for (const run of runs) ends.push(await endOfRun(experiment, run));
    methods.push(summarizeMethod(experiment, method, runs, ends));
  }
  const [lora, balora] = methods;
  return {
    experiment,
    methods,
    balancedWins: balora.ends.filter((excess, i) => excess < lora.ends[i]).length,
    // The first loss is the largest number of a run; twenty-odd roundings of it can be left in a difference of losses.
    floor: 1e-14 * lora.curve[0].median,
  };
}

const median = (values: readonly number[]): number => quartiles(values).median;

function summarizeMethod({ layers }: Experiment, method: Method, runs: readonly BestRun[], ends: readonly EndOfRun[]): MethodSummary {
  const rates = ends.flatMap((end) => end.rates ?? []);
  return {
    method,
    learningRate: median(runs.map((run) => run.learningRate)),
    curve: runs[0].excess.map((_, k) => quartiles(runs.map((run) => run.excess[k]))),
    ends: runs.map((run) => run.excess[run.excess.length - 1]),
    balanceGap: Math.max(...ends.map((end) => end.balanceGap)),
    conditionNumber: median(ends.map((end) => end.conditionNumber)),
    ...(rates.length === 0 ? {} : { rates: medianRates(rates) }),
    ...(rates.length === 0 || layers > 1 ? {} : { bestRate: median(ends.map(({ conditionNumber: kappa }) => (kappa - 1) / (kappa + 1))) }),
  };
}

function medianRates(rates: readonly Rates[]): Rates {
  return {
    predicted: median(rates.map(({ predicted }) => predicted)),
    measured: median(rates.map(({ measured }) => measured)),
    sharpness: median(rates.map(({ sharpness }) => sharpness)),
  };
}
