/** Options of a trainer, their checks, and the report of each step. */
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError } from '../../core/errors.js';
import { checkCount, checkKeys, checkNumber, describeValue, type NumberRange } from '../../core/options.js';
import type { AbortSignalLike } from '../../solvers/run.js';
import type { Schedule } from '../../solvers/schedules/schedule.js';
import type { DirectionRule } from '../../solvers/solver.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { checkMethod, type LoraMethod, type OptimizerOptions } from '../methods/lora-method.js';
import { checkSavedState } from './saved-state.js';
import type { StepBatches } from './training-problem.js';
import type { TrainingState } from './training-state.js';

/** Options of `trainer`. */
export interface TrainerOptions {
  /**
   * The method that trains the adapter: geometry, direction rule and rates. Default: the method with which the adapter
   * was created or loaded.
   */
  readonly method?: LoraMethod;
  /**
   * Returns the data of step k = 0, 1, …: a batch, or several whose gradients are added up; `undefined` ends the
   * training. It must depend on k alone, so that training can be resumed.
   */
  nextBatch(k: number): Awaitable<StepBatches | undefined>;
  /** Number of steps. Default: until `nextBatch` returns `undefined`. */
  readonly steps?: number;
  /** The learning rate, or a schedule: a function of the step number, counted from 0. */
  readonly learningRate: number | Schedule;
  /** Options of AdamW: betas, epsilon, weight decay. Default: PyTorch's. */
  readonly optimizer?: OptimizerOptions;
  /** A direction rule to use instead of the method's own, such as `sgd()`; the method's rates apply to it too. */
  readonly direction?: DirectionRule;
  /** Largest norm of a gradient; longer ones are shortened to it. Default: no clipping. */
  readonly clip?: number;
  /** Seed of the dropout masks. Default: 0. */
  readonly seed?: number;
  /** If true, activations are computed twice instead of kept, as in `lossAndGradient`. Default: by their size. */
  readonly recompute?: boolean;
  /** State to resume from, as `LoraTrainer.state` returns it. */
  readonly state?: TrainingState;
  /** Signal that ends the training after the current step. */
  readonly signal?: AbortSignalLike;
}

/** One step of training. */
export interface TrainingStep {
  /** Number of the step, counted from 1. */
  readonly step: number;
  /** Mean loss before the step, over the tokens that count, in nats. */
  readonly loss: number;
  /** Norm of the gradient before clipping, in the geometry's metric. */
  readonly gradientNorm: number;
  /** Learning rate of the step. */
  readonly learningRate: number;
  /** Number of tokens that counted. */
  readonly tokens: number;
  /** Modules that no gradient reaches, whose adapter is still zero; reported after the first step. */
  readonly inactive?: readonly string[];
}

const trainerKeys = [
  'method',
  'nextBatch',
  'steps',
  'learningRate',
  'optimizer',
  'direction',
  'clip',
  'seed',
  'recompute',
  'state',
  'signal',
] as const;

/**
 * Checks the options of a trainer.
 *
 * @returns the method that trains the adapter.
 * @throws ConfigError if an option is wrong, or the method does not fit the adapter.
 */
export function checkTrainerOptions({ layout, method: own }: LoraAdapter, options: TrainerOptions): LoraMethod {
  checkKeys('trainer', options, trainerKeys);
  const { method = own, nextBatch, steps } = options;
  if (method === undefined)
    throw new ConfigError('trainer: the adapter was loaded without a method, so pass the method that trains it, say { method: balora() }');
  checkMethod('trainer', method);
  if (method.geometry.coordinates !== layout.coordinates) {
    throw new ConfigError(
      `trainer: the adapter's arrays are not in the coordinates of '${method.geometry.name}'; create or load it with { method }`,
    );
  }
  if ((method.geometry.trains === 'weights') !== layout.weights.length > 0) {
    throw new ConfigError(
      `trainer: '${method.name}' trains ${method.geometry.trains === 'weights' ? 'the weights themselves, and the adapter has factors' : 'factors, and the adapter has the weights themselves'}; create or load it with { method }`,
    );
  }
  if (method.magnitudes && !layout.magnitudes && layout.weights.length === 0) {
    throw new ConfigError(`trainer: '${method.name}' trains a magnitude for each row, and the adapter has none; create it with { method }`);
  }
  if (typeof nextBatch !== 'function')
    throw new ConfigError(`trainer: nextBatch must be a function (k) => batch, got ${describeValue(nextBatch)}`);
  if (steps !== undefined) checkCount('trainer', 'steps', steps);
  checkRates(options);
  if (options.state !== undefined) checkSavedState('trainer', options.state);
  return method;
}

/** @throws ConfigError in the name of the trainer, not of the parts that it is made of. */
function checkRates({ learningRate, clip, optimizer = {} }: TrainerOptions): void {
  if (typeof learningRate !== 'function') checkNumber('trainer', 'learningRate', learningRate, { above: 0 });
  if (clip !== undefined) checkNumber('trainer', 'clip', clip, { above: 0 });
  checkKeys('trainer', optimizer, Object.keys(optimizerRanges));
  for (const [name, range] of Object.entries(optimizerRanges)) {
    const value = optimizer[name as keyof OptimizerOptions];
    if (value !== undefined && range !== undefined) checkNumber('trainer', `optimizer.${name}`, value, range);
  }
}

/** The options of the optimizer, with the range of each numeric one. */
const optimizerRanges: Readonly<Record<keyof OptimizerOptions, NumberRange | undefined>> = {
  beta1: { min: 0, below: 1 },
  beta2: { min: 0, below: 1 },
  epsilon: { above: 0 },
  epsilonBeforeCorrection: undefined,
  weightDecay: { min: 0 },
};

/**
 * Returns the learning rate as a function of the step number, counted from 0.
 *
 * @throws ConfigError, in the name of the trainer, if the schedule returns an invalid rate.
 */
export function checkedSchedule(learningRate: number | Schedule): Schedule {
  if (typeof learningRate !== 'function') return () => learningRate;
  return (step) => {
    const rate = learningRate(step);
    if (Number.isFinite(rate) && rate >= 0) return rate;
    throw new ConfigError(
      `trainer: learningRate gave ${describeValue(rate)} for step ${step}, counted from 0; it must give a finite number ≥ 0`,
    );
  };
}
