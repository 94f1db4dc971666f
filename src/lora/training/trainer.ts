/** Training an adapter: gradient descent on a stochastic cost over the product manifold, step by step in the caller's hands. */
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError, NumericalError } from '../../core/errors.js';
import { checkKeys, checkNumber, describeValue } from '../../core/options.js';
import { clipped } from '../../solvers/directions/clipped.js';
import { gradientDescent } from '../../solvers/gradient-descent.js';
import { type AbortSignalLike, iterateFor } from '../../solvers/iterate.js';
import type { Schedule } from '../../solvers/schedules/schedule.js';
import type { DirectionRule, Solver, SolverState } from '../../solvers/solver.js';
import { constantStep } from '../../solvers/step-sizes/constant.js';
import { type AdapterPoint, disposeArrays } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import type { LoraMethod, OptimizerOptions } from '../methods/lora-method.js';
import { trainingManifold } from './training-manifold.js';
import { type StepBatches, type TrainingProblem, trainingProblem } from './training-problem.js';
import { restoreState, saveState, type TrainingState } from './training-state.js';

/** Options of {@link trainer}. */
export interface TrainerOptions {
  /** How it is trained: geometry and direction rule. */
  readonly method: LoraMethod;
  /** The data of step k = 0, 1, …: a batch, or several whose gradients are added up. It depends on k alone, so that training can be resumed. `undefined` ends the training. */
  nextBatch(k: number): Awaitable<StepBatches | undefined>;
  /** How many steps; until `nextBatch` gives none where not given. */
  readonly steps?: number;
  /** The learning rate, or a schedule by the number of the step. */
  readonly learningRate: number | Schedule;
  /** Options of AdamW: betas, epsilon, weight decay. Default: PyTorch's. */
  readonly optimizer?: OptimizerOptions;
  /** Another rule than the method's own, such as `sgd()`. */
  readonly direction?: DirectionRule;
  /** The largest norm of a gradient; longer ones are shortened. No clipping where not given. */
  readonly clip?: number;
  /** Seed of the dropout masks. Default: 0. */
  readonly seed?: number;
  /** As `lossAndGradient` takes it. */
  readonly recompute?: boolean;
  /** Goes on from what {@link LoraTrainer.state} gave. */
  readonly state?: TrainingState;
  /** Ends the training after the current step. */
  readonly signal?: AbortSignalLike;
}

/** One step of training. */
export interface TrainingStep {
  /** Which, counted from 1. */
  readonly step: number;
  /** The mean loss of the tokens that count, in nats, before the step. */
  readonly loss: number;
  /** Norm of the gradient before clipping, in the geometry's metric. */
  readonly gradientNorm: number;
  /** The step size. */
  readonly learningRate: number;
  /** Tokens that counted. */
  readonly tokens: number;
  /** After the first step: modules whose adapter is still zero, which no gradient reaches. */
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
 * Trains an adapter step by step: `for await (const step of trainer(adapter, { method: balora(), … })) …`. The adapter's arrays are those of the last step whenever the
 * loop is in the caller's hands, and after it. N steps are N gradients.
 *
 * @param adapter - what is trained; its configuration should hold the method's own, `method.config`.
 * @throws ConfigError if an option is not right. The loop throws a DomainError for a batch without labels or with a token that the model does not know, a NumericalError for a loss or
 * gradient that is not finite, and for an adapter that stays zero; adapter and trainer then stand after the last step that was yielded.
 */
export function trainer(adapter: LoraAdapter, options: TrainerOptions): LoraTrainer {
  checkKeys('trainer', options, trainerKeys);
  const { method, nextBatch, steps, clip, direction } = options;
  if (typeof method?.geometry !== 'function')
    throw new ConfigError(`trainer: method must be a LoRA method, got ${describeValue(method)}; pass, say, balora()`);
  if (typeof nextBatch !== 'function')
    throw new ConfigError(`trainer: nextBatch must be a function (k) => batch, got ${describeValue(nextBatch)}`);
  if (steps !== undefined) checkNumber('trainer', 'steps', steps, { min: 0 });
  const rule = direction ?? method.direction(options.optimizer ?? {});
  const solver = gradientDescent({
    direction: clip === undefined ? rule : clipped(rule, clip),
    stepSize: constantStep(options.learningRate),
  });
  return new LoraTrainer(adapter, solver, options);
}

type State = SolverState<AdapterPoint, AdapterPoint>;

/** A training in the caller's hands: iterate over it, stop, go on, read its state. Made by {@link trainer}; `dispose` frees what the optimizer remembers. */
export class LoraTrainer implements AsyncIterable<TrainingStep> {
  /** What is trained. */
  readonly adapter: LoraAdapter;
  readonly #solver: Solver;
  readonly #options: TrainerOptions;
  readonly #problem: TrainingProblem;
  /** Tokens that count in the batches drawn last, which are those of the step in hand. */
  #tokens = 0;
  #state: State | undefined;

  constructor(adapter: LoraAdapter, solver: Solver, options: TrainerOptions) {
    const { seed = 0, recompute, method, steps = Number.POSITIVE_INFINITY } = options;
    this.adapter = adapter;
    this.#solver = solver;
    this.#options = options;
    this.#problem = trainingProblem({
      adapter,
      manifold: trainingManifold(adapter.model.algebra, adapter.layout, method),
      seed,
      recompute,
      nextBatch: (k) => (k < steps ? options.nextBatch(k) : undefined),
      onBatch: (tokens) => {
        this.#tokens = tokens;
      },
    });
  }

  /** What a file needs to hold so that training goes on bit for bit. Reads all arrays back. */
  async state(): Promise<TrainingState> {
    if (this.#state === undefined && this.#options.state !== undefined) return this.#options.state;
    return saveState(this.adapter.model.algebra, this.#state ?? this.#start());
  }

  /** The steps that are left, from where the training stands. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingStep, undefined, undefined> {
    const { signal } = this.#options;
    this.#state ??= this.#start();
    const options = { solver: this.#solver, state: this.#state, ...(signal === undefined ? {} : { signal }) };
    for await (const { state, iteration, cost, gradientNorm, stepSize } of iterateFor('trainer', this.#problem, options, true)) {
      this.#state = state;
      this.adapter.setPoint(state.x);
      const inactive = iteration === 1 && stepSize > 0 ? await inactiveModules(this.adapter) : [];
      yield {
        step: iteration,
        loss: cost,
        gradientNorm,
        learningRate: stepSize,
        tokens: this.#tokens,
        ...(inactive.length === 0 ? {} : { inactive }),
      };
    }
    return undefined;
  }

  /** Frees what the optimizer remembers; the adapter stays. */
  dispose(): void {
    for (const { tangents } of Object.values(this.#state?.memory ?? {})) disposeArrays(this.adapter.model.algebra, tangents);
    this.#state = undefined;
  }

  /** Before the first step: the adapter as it is, or as a saved state has it. */
  #start(): State {
    const { adapter } = this;
    const { state: saved } = this.#options;
    if (saved === undefined) return { iteration: 0, x: adapter.point, memory: {} };
    const restored = adapter.model.algebra.tidy(() => restoreState(adapter.model.algebra, saved, adapter.point));
    adapter.setPoint(restored.x);
    return restored;
  }
}

/**
 * The modules whose A (PEFT's lora_B) is still zero after a step: no gradient reaches them.
 *
 * @throws NumericalError if none is trained at all.
 */
async function inactiveModules({ model, layout, point }: LoraAdapter): Promise<readonly string[]> {
  const norms = await Promise.all(
    layout.stacks.map(async ({ key, targets }) => {
      const each = model.algebra.normEach(point.pairs[key].A);
      const values = await model.algebra.toArray(each);
      each.dispose();
      return targets.filter((_, i) => values[i] === 0).map(({ module }) => module.name);
    }),
  );
  const inactive = norms.flat();
  if (inactive.length === layout.targets.length) {
    throw new NumericalError(
      'trainer: after the first step every adapter is still zero, so no gradient reaches them; check that the labels are not all alike masked, and that the learning rate is not zero',
    );
  }
  return inactive;
}
