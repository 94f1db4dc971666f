/** The study: every method on every seed, each with the learning rate that serves it best. */
import { divergedAbove, drawInstance, type Experiment, type Instance, sizes } from './instance.js';
import { type Method, optimalLoss } from './network.js';
import type { Adapters } from './passes.js';
import { runExperiment } from './run.js';

/** The best run of one method on one seed. */
export interface BestRun {
  readonly seed: number;
  readonly instance: Instance;
  readonly learningRate: number;
  /** Excess loss before the first step, and after each. */
  readonly excess: readonly number[];
  readonly adapters: Adapters;
  /** How many of the rates did not diverge. */
  readonly survivors: number;
}

/**
 * Runs a method at every rate, drops what diverges and keeps the least final loss.
 *
 * @throws Error if every rate diverges.
 */
export async function bestRun(experiment: Experiment, method: Method, seed: number): Promise<BestRun> {
  const { layers, optimizer, steps, rates, title } = experiment;
  const instance = drawInstance(seed, layers);
  const least = await optimalLoss(instance.network, sizes.rank);
  let best: { readonly learningRate: number; readonly losses: readonly number[]; readonly adapters: Adapters } | undefined;
  let survivors = 0;
  for (const learningRate of rates) {
    const options = { method, optimizer, learningRate, steps, divergedAbove };
    const { losses, finalLoss, adapters } = await runExperiment(instance.network, instance.start, options);
    if (adapters === undefined) continue;
    survivors++;
    if (best === undefined || finalLoss < best.losses[steps]) best = { learningRate, losses: [...losses, finalLoss], adapters };
  }
  if (best === undefined) throw new Error(`${title}: every learning rate diverges for ${method} on seed ${seed}; give smaller rates`);
  const { losses, ...kept } = best;
  return { ...kept, seed, instance, survivors, excess: losses.map((loss) => loss - least) };
}

/** Median and quartiles. */
export interface Quartiles {
  readonly lower: number;
  readonly median: number;
  readonly upper: number;
}

/** Median and quartiles, interpolated linearly between order statistics. */
export function quartiles(values: readonly number[]): Quartiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (fraction: number): number => {
    const position = fraction * (sorted.length - 1);
    const below = Math.floor(position);
    const above = Math.ceil(position);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  };
  return { lower: at(0.25), median: at(0.5), upper: at(0.75) };
}
