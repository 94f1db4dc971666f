/** Options of a trainer, their checks, and the report of each step. */
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError } from '../../core/errors.js';
import { checkNumber, count, declareOptions, describeValue, flag, number, option, type Settings } from '../../core/options.js';
import { type Communicator, checkCommunicator } from '../../distributed/communicator.js';
import { givenRates } from '../../solvers/directions/adam.js';
import type { AbortSignalLike } from '../../solvers/run.js';
import type { Schedule } from '../../solvers/schedules/schedule.js';
import type { DirectionRule } from '../../solvers/solver.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { checkMethod, type LoraMethod, type OptimizerOptions } from '../methods/lora-method.js';
import type { TrainingState } from './saved-state.js';
import { checkSavedState } from './saved-state.js';
import type { StepBatches } from './training-problem.js';

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
  /**
   * A direction rule to use instead of the method's own, such as `sgd()`; the method's rates apply to it too. Default:
   * the method's own.
   */
  readonly direction?: DirectionRule;
  /** Largest norm of a gradient; longer ones are shortened to it. Default: no clipping. */
  readonly clip?: number;
  /** Seed of the dropout masks. Default: 0. */
  readonly seed?: number;
  /** If true, activations are computed twice instead of kept, as in `lossAndGradient`. Default: its. */
  readonly recompute?: boolean;
  /** State to resume from, as `LoraTrainer.state` returns it. Default: none, a fresh start. */
  readonly state?: TrainingState;
  /** Signal that ends the training after the current step; with a communicator, in all processes. Default: none. */
  readonly signal?: AbortSignalLike;
  /**
   * Processes that share each step: `await mpi()`. All pass the same options and the same whole batches, of whose rows
   * each computes its share, and all have the same adapter after each step. Dropout masks belong to rows, whoever
   * computes them. Default: this process alone.
   */
  readonly communicator?: Communicator;
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

const optimizerOptions = declareOptions<OptimizerOptions>()(givenRates);

const trainerOptions = declareOptions<TrainerOptions>()({
  method: option({ optional: true }, (caller, _name, method) => checkMethod(caller, method)),
  nextBatch: option({}, (caller, name, value) => {
    if (typeof value !== 'function')
      throw new ConfigError(`${caller}: ${name} must be a function (k) => batch, got ${describeValue(value)}`);
  }),
  steps: count({ optional: true }),
  learningRate: option({}, (caller, name, value) => {
    if (typeof value !== 'function') checkNumber(caller, name, value, { above: 0 });
  }),
  optimizer: option({ default: {} }, (caller, name, value) => {
    optimizerOptions.read(caller, value as OptimizerOptions, `${name}.`);
  }),
  direction: option({ optional: true }),
  clip: number({ optional: true, above: 0 }),
  seed: number({ default: 0 }),
  recompute: flag({ optional: true }),
  state: option({ optional: true }, (caller, _name, state) => checkSavedState(caller, state as TrainingState)),
  signal: option({ optional: true }),
  communicator: option({ optional: true }, (caller, _name, value) => checkCommunicator(caller, value)),
});

/**
 * Reads the options of a trainer: with defaults, and with the method that trains the adapter.
 *
 * @throws ConfigError if an option is wrong, or the method does not fit the adapter.
 */
export function readTrainerOptions(
  { layout, method: own }: LoraAdapter,
  options: TrainerOptions,
): Settings<TrainerOptions, 'method' | 'optimizer' | 'seed'> {
  const settings = trainerOptions.read('trainer', options);
  const { method = own } = settings;
  if (method === undefined)
    throw new ConfigError('trainer: the adapter was loaded without a method, so pass the method that trains it, say { method: balora() }');
  if (settings.method === undefined) checkMethod('trainer', method);
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
  return { ...settings, method };
}

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
