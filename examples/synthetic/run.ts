/** One run of the synthetic experiment through the descent engine. */
import {
  any,
  constantStep,
  costAbove,
  type DirectionRule,
  gradientDescent,
  type HostArray,
  maxIterations,
  minimize,
  sgd,
  sign,
} from 'bures';
import { type Method, networkProblem } from './network.js';
import { type Adapters, layerName, type Network } from './passes.js';

/** The experiment's optimizers: plain descent, and the memoryless g/(|g| + 1e-8). */
export const optimizers: Readonly<Record<'gd' | 'sign', () => DirectionRule>> = { gd: () => sgd(), sign: () => sign({ epsilon: 1e-8 }) };

/** `'gd'` or `'sign'`. */
export type Optimizer = keyof typeof optimizers;

/** What to run. */
export interface RunOptions {
  readonly method: Method;
  readonly optimizer: Optimizer;
  readonly learningRate: number;
  /** Steps to take. */
  readonly steps: number;
  /** Give up once the loss passes this. Default: never. */
  readonly divergedAbove?: number;
}

/** What came of it. */
export interface RunResult {
  /** The loss before each step, `steps` of them; NaN from where the run broke down. */
  readonly losses: readonly number[];
  /** Where the last step arrived; undefined if the run broke down. */
  readonly adapters: Adapters | undefined;
  /** The loss there. */
  readonly finalLoss: number;
}

/**
 * Runs LoRA or BaLoRA from given factors.
 *
 * @param start - any factors. BaLoRA's first step leaves from them as they are and projects afterwards, as published.
 */
export async function runExperiment(network: Network, start: Adapters, options: RunOptions): Promise<RunResult> {
  const { method, optimizer, learningRate, steps, divergedAbove } = options;
  const problem = networkProblem(method, network, network.algebra.shape(start[layerName(0)].B)[0]);
  const solver = gradientDescent({ direction: optimizers[optimizer](), stepSize: constantStep(learningRate) });
  const limit = maxIterations(steps);
  const stop = divergedAbove === undefined ? limit : any(limit, costAbove(divergedAbove));
  const { x, iterations, history } = await minimize(problem, { solver, initial: start, stop });
  const losses = Array.from({ length: steps }, (_, k) => history[k]?.cost ?? Number.NaN);
  const arrived = iterations === steps && Number.isFinite(history[steps].cost);
  return { losses, adapters: arrived ? x : undefined, finalLoss: arrived ? history[steps].cost : Number.NaN };
}

/** A_i B_i for each layer. */
export function layerProducts({ algebra: la, frozen }: Network, adapters: Adapters): readonly HostArray[] {
  return frozen.map((_, i) => la.matmul(adapters[layerName(i)].A, adapters[layerName(i)].B));
}
