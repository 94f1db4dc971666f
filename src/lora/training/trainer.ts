/** Training an adapter: gradient descent on a stochastic cost over the product manifold, step by step in the caller's hands. */
import { clipped } from '../../solvers/directions/clipped.js';
import { scaledBlocks } from '../../solvers/directions/scaled-blocks.js';
import { gradientDescent } from '../../solvers/gradient-descent.js';
import { iterateFor } from '../../solvers/iterate.js';
import type { Solver, SolverState } from '../../solvers/solver.js';
import { constantStep } from '../../solvers/step-sizes/constant.js';
import { type AdapterPoint, disposeArrays } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { inactiveModules } from './inactive-modules.js';
import { checkedSchedule, checkTrainerOptions, type TrainerOptions, type TrainingStep } from './trainer-options.js';
import { blockFactors, trainingManifold } from './training-manifold.js';
import { type TrainingProblem, trainingProblem } from './training-problem.js';
import { restoreBaseOf, restoreState, saveState, type TrainingState } from './training-state.js';

/**
 * Trains an adapter step by step: `for await (const step of trainer(adapter, { method: balora(), … })) …`. The adapter's arrays are those of the last step whenever the
 * loop is in the caller's hands, and after it. N steps are N gradients.
 *
 * @param adapter - the adapter to train.
 * @throws ConfigError if an option is not right. The loop throws a DomainError for a batch without labels or with a token that the model does not know, a NumericalError for a loss or
 * gradient that is not finite; adapter and trainer then stand after the last step that was yielded. It throws a NumericalError after the first step, with that step made, if no
 * gradient has reached any module.
 */
export function trainer(adapter: LoraAdapter, options: TrainerOptions): LoraTrainer {
  const method = checkTrainerOptions(adapter, options);
  const { clip, direction } = options;
  const own = direction ?? method.direction.rule(options.optimizer ?? {}, adapter.layout);
  const factors = blockFactors(adapter.layout, method);
  const rule = factors === undefined ? own : scaledBlocks(own, factors);
  const solver = gradientDescent({
    direction: clip === undefined ? rule : clipped(rule, clip),
    stepSize: constantStep(checkedSchedule(options.learningRate)),
  });
  return new LoraTrainer(adapter, solver, { ...options, method });
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

  constructor(adapter: LoraAdapter, solver: Solver, options: TrainerOptions & Required<Pick<TrainerOptions, 'method'>>) {
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

  /** What a file needs to hold so that training goes on bit for bit, on an adapter created in the same way (another start's base is restored to rounding). Reads all arrays back. */
  async state(): Promise<TrainingState> {
    if (this.#state === undefined && this.#options.state !== undefined) return this.#options.state;
    return saveState(this.adapter.model.algebra, this.#state ?? (await this.#start()), this.adapter.taken);
  }

  /** The steps that are left, from where the training stands. The generator's own return value says in words why they ended. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingStep, string, undefined> {
    const { signal, steps } = this.#options;
    this.#state ??= await this.#start();
    const options = { solver: this.#solver, state: this.#state, ...(signal === undefined ? {} : { signal }) };
    const run = iterateFor('trainer', this.#problem, options, true);
    try {
      let next = await run.next();
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
        next = await run.next();
      }
      return this.#state.iteration === steps ? `all ${steps} steps are done` : next.value;
    } finally {
      await run.return('the caller ended the loop');
    }
  }

  /** Frees what the optimizer remembers; the adapter stays. */
  dispose(): void {
    for (const { tangents } of Object.values(this.#state?.memory ?? {})) disposeArrays(this.adapter.model.algebra, tangents);
    this.#state = undefined;
  }

  /** Before the first step: the adapter as it is, or as a saved state has it. */
  async #start(): Promise<State> {
    const { adapter } = this;
    const { state: saved } = this.#options;
    if (saved === undefined) return { iteration: 0, x: adapter.point, memory: {} };
    await restoreBaseOf(adapter, saved);
    const restored = adapter.model.algebra.tidy(() => restoreState(adapter.model.algebra, saved, adapter.point));
    adapter.setPoint(restored.x);
    return restored;
  }
}
