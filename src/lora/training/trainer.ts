import { ConfigError } from '../../core/errors.js';
import { anyProcess } from '../../distributed/communicator.js';
import { dataParallel } from '../../distributed/data-parallel.js';
import { clipped } from '../../solvers/directions/clipped.js';
import { scaledBlocks } from '../../solvers/directions/scaled-blocks.js';
import { gradientDescent } from '../../solvers/gradient-descent.js';
import { iterateFor } from '../../solvers/iterate.js';
import type { Iteration } from '../../solvers/run.js';
import type { Solver, SolverState } from '../../solvers/solver.js';
import { constantStep } from '../../solvers/step-sizes/constant.js';
import { type AdapterPoint, disposeArrays } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { inactiveModules } from './inactive-modules.js';
import type { TrainingState } from './saved-state.js';
import { checkedSchedule, readTrainerOptions, type TrainerOptions, type TrainingStep } from './trainer-options.js';
import { blockFactors, trainingManifold } from './training-manifold.js';
import { type TrainingProblem, trainingProblem } from './training-problem.js';
import { checkConfiguration, configurationOf, restoreBaseOf, restoreState, saveState } from './training-state.js';

/**
 * Trains an adapter step by step, `for await (const step of trainer(adapter, { method: balora(), … })) …`, by gradient
 * descent on a stochastic cost over the product manifold. In the body of the loop, and after it, the adapter's arrays
 * are those of the last step. N steps take N gradients.
 *
 * @param adapter - the adapter to train.
 * @throws ConfigError if an option is wrong. The loop throws a DomainError for a batch without labels or with a token
 * that the model does not know, and a NumericalError for a loss or gradient that is not finite; adapter and trainer
 * then remain at the last step that was yielded. If no gradient has reached any module, it throws a NumericalError
 * after the first step, which the adapter keeps.
 */
export function trainer(adapter: LoraAdapter, options: TrainerOptions): LoraTrainer {
  const settings = readTrainerOptions(adapter, options);
  const { method, optimizer, clip, direction, learningRate } = settings;
  const own = direction ?? method.direction.rule(optimizer, adapter.layout);
  const factors = blockFactors(adapter.layout, method);
  const rule = factors === undefined ? own : scaledBlocks(own, factors);
  const solver = gradientDescent({
    direction: clip === undefined ? rule : clipped(rule, clip),
    stepSize: constantStep(checkedSchedule(learningRate)),
  });
  return new LoraTrainer(adapter, solver, settings);
}

type State = SolverState<AdapterPoint, AdapterPoint>;

/**
 * A training run that can be iterated, stopped, resumed and saved. Made by {@link trainer}; `dispose` frees the
 * optimizer's memory.
 */
export class LoraTrainer implements AsyncIterable<TrainingStep> {
  /** The adapter that is trained. */
  readonly adapter: LoraAdapter;
  readonly #solver: Solver;
  readonly #options: TrainerOptions;
  readonly #problem: TrainingProblem;
  /** Number of tokens that count in the batches drawn last, those of the current step. */
  #tokens = 0;
  #state: State | undefined;
  #disposed = false;
  /** What a state must have in common with this training. */
  readonly #configuration: Readonly<Record<string, string>>;

  constructor(adapter: LoraAdapter, solver: Solver, options: TrainerOptions & Required<Pick<TrainerOptions, 'method' | 'seed'>>) {
    const { seed, recompute, method, communicator, steps = Number.POSITIVE_INFINITY } = options;
    this.adapter = adapter;
    this.#solver = solver;
    this.#options = options;
    this.#configuration = configurationOf(adapter, method, options.direction);
    const own = trainingProblem({
      adapter,
      manifold: trainingManifold(adapter.model.algebra, adapter.layout, method),
      seed,
      recompute,
      place: communicator,
      nextBatch: (k) => (k < steps ? options.nextBatch(k) : undefined),
      onBatch: (tokens) => {
        this.#tokens = tokens;
      },
    });
    this.#problem = communicator === undefined ? own : dataParallel(own, communicator);
  }

  /**
   * Returns all that a file must hold to resume training bit for bit, on an adapter created in the same way (another
   * start's base is restored to rounding). Reads all arrays back.
   *
   * @throws ConfigError after `dispose`.
   */
  async state(): Promise<TrainingState> {
    this.#checkUse('state');
    if (this.#state === undefined && this.#options.state !== undefined) return this.#options.state;
    const state = this.#state ?? (await this.#start());
    return saveState(this.adapter.model.algebra, state, this.#configuration, this.adapter.taken);
  }

  /** Iterates over the remaining steps. The return value of the generator says in words why they ended. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingStep, string, undefined> {
    const { signal, steps, communicator } = this.#options;
    this.#checkUse('the loop');
    this.#state ??= await this.#start();
    // Several processes stop in the same step, which one signal alone cannot make them do.
    const own = communicator === undefined ? signal : undefined;
    const options = { solver: this.#solver, state: this.#state, ...(own === undefined ? {} : { signal: own }) };
    const run = iterateFor('trainer', this.#problem, options, true);
    try {
      let next = await this.#next(run);
      while (next.done !== true) {
        const { state, iteration, cost, gradientNorm, stepSize } = next.value;
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
        next = await this.#next(run);
      }
      return this.#state.iteration === steps ? `all ${steps} steps are done` : next.value;
    } finally {
      await run.return('the caller ended the loop');
    }
  }

  /** Takes the next step, unless one of several processes has been told to stop: then none of them does. */
  async #next(run: AsyncGenerator<Iteration<AdapterPoint, AdapterPoint>, string, undefined>): ReturnType<typeof run.next> {
    const { communicator, signal } = this.#options;
    if (communicator === undefined || signal === undefined || !(await anyProcess(communicator, signal.aborted))) return run.next();
    return { done: true, value: `aborted after iteration ${this.#state?.iteration}: ${String(signal.reason ?? 'in another process')}` };
  }

  /** Frees the optimizer's memory; the adapter stays. */
  dispose(): void {
    for (const { tangents } of Object.values(this.#state?.memory ?? {})) disposeArrays(this.adapter.model.algebra, tangents);
    this.#state = undefined;
    this.#disposed = true;
  }

  /** @throws ConfigError if the optimizer's memory is gone. */
  #checkUse(what: string): void {
    if (this.#disposed)
      throw new ConfigError(`trainer: ${what} was asked for after dispose, which frees the optimizer's memory; take the state before it`);
  }

  /** Returns the state before the first step: the adapter as it is, or as the saved state describes it. */
  async #start(): Promise<State> {
    const { adapter } = this;
    const { state: saved } = this.#options;
    if (saved === undefined) return { iteration: 0, x: adapter.point, memory: {} };
    checkConfiguration(saved, this.#configuration);
    await restoreBaseOf(adapter, saved);
    const restored = adapter.model.algebra.tidy(() => restoreState(adapter.model.algebra, saved, adapter.point));
    adapter.setPoint(restored.x);
    return restored;
  }
}
