/** Training an adapter: gradient descent on a stochastic cost over the product manifold, step by step in the caller's hands. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError, NumericalError } from '../../core/errors.js';
import { checkKeys, checkNumber, describeValue } from '../../core/options.js';
import { forEachLeaf } from '../../core/tree.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import { clipped } from '../../solvers/directions/clipped.js';
import { scaledBlocks } from '../../solvers/directions/scaled-blocks.js';
import { gradientDescent } from '../../solvers/gradient-descent.js';
import { type AbortSignalLike, iterate } from '../../solvers/iterate.js';
import { objective } from '../../solvers/objective.js';
import type { Schedule } from '../../solvers/schedules/schedule.js';
import type { DirectionRule, Solver, SolverState } from '../../solvers/solver.js';
import { constantStep } from '../../solvers/step-sizes/constant.js';
import { type AdapterPoint, stackPair } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { checkMethod, type LoraMethod, type OptimizerOptions } from '../methods/lora-method.js';
import { type AdapterManifold, blockFactors, trainingManifold } from './training-manifold.js';
import { type StepBatches, type TrainingProblem, trainingProblem } from './training-problem.js';
import { restoreState, saveState, type TrainingState } from './training-state.js';

/** Options of {@link trainer}. */
export interface TrainerOptions {
  /** The method that trains it: geometry, direction rule and rates. Default: that with which the adapter was created or loaded. */
  readonly method?: LoraMethod;
  /** The data of step k = 0, 1, …: a batch, or several whose gradients are added up. It depends on k alone, so that training can be resumed. `undefined` ends the training. */
  nextBatch(k: number): Awaitable<StepBatches | undefined>;
  /** How many steps; until `nextBatch` gives none where not given. */
  readonly steps?: number;
  /** The learning rate, or a schedule by the number of the step. */
  readonly learningRate: number | Schedule;
  /** Of AdamW. */
  readonly optimizer?: OptimizerOptions;
  /** Another rule than the method's own, such as `sgd()`; the method's rates hold for it too. */
  readonly direction?: DirectionRule;
  /** The largest norm of a gradient; longer ones are shortened. No clipping where not given. */
  readonly clip?: number;
  /** Of dropout. Default: 0. */
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
 * loop is in the caller's hands, and after it.
 *
 * @param adapter - the adapter to train.
 * @throws ConfigError if an option is not right. The loop throws a DomainError for a batch without labels or with a token that the model does not know, a NumericalError for a loss or
 * gradient that is not finite, and for an adapter that stays zero; adapter and trainer then stand after the last whole step.
 */
export function trainer(adapter: LoraAdapter, options: TrainerOptions): LoraTrainer {
  checkKeys('trainer', options, trainerKeys);
  const { method = adapter.method, nextBatch, steps, clip, direction } = options;
  if (method === undefined)
    throw new ConfigError('trainer: the adapter was loaded without a method, so pass the method that trains it, say { method: balora() }');
  checkMethod('trainer', method);
  if (method.geometry.coordinates !== adapter.layout.coordinates) {
    throw new ConfigError(
      `trainer: the adapter's arrays are not in the coordinates of '${method.geometry.name}'; create or load it with { method }`,
    );
  }
  if (typeof nextBatch !== 'function')
    throw new ConfigError(`trainer: nextBatch must be a function (k) => batch, got ${describeValue(nextBatch)}`);
  if (steps !== undefined) checkNumber('trainer', 'steps', steps, { min: 0 });
  const own = direction ?? method.direction.rule(options.optimizer ?? {}, adapter.layout);
  const factors = blockFactors(adapter.layout, method);
  const rule = factors === undefined ? own : scaledBlocks(own, factors);
  const solver = gradientDescent({
    direction: clip === undefined ? rule : clipped(rule, clip),
    stepSize: constantStep(options.learningRate),
  });
  const manifold = trainingManifold(adapter.model.algebra, adapter.layout, method);
  return new LoraTrainer(adapter, manifold, solver, options);
}

/** A training in the caller's hands: iterate over it, stop, go on, read its state. Made by {@link trainer}; `dispose` frees what the optimizer remembers. */
export class LoraTrainer implements AsyncIterable<TrainingStep> {
  /** What is trained. */
  readonly adapter: LoraAdapter;
  readonly #manifold: AdapterManifold;
  readonly #solver: Solver;
  readonly #options: TrainerOptions;
  readonly #problem: TrainingProblem;
  /** Tokens that count, by step, as batches are drawn. */
  readonly #tokens = new Map<number, number>();
  #state: SolverState<AdapterPoint, AdapterPoint> | undefined;

  constructor(adapter: LoraAdapter, manifold: AdapterManifold, solver: Solver, options: TrainerOptions) {
    this.adapter = adapter;
    this.#manifold = manifold;
    this.#solver = solver;
    this.#options = options;
    const { seed = 0, recompute, steps = Number.POSITIVE_INFINITY } = options;
    const problem = trainingProblem({
      adapter,
      manifold,
      seed,
      recompute,
      nextBatch: (k) => (k < steps ? options.nextBatch(k) : undefined),
    });
    this.#problem = {
      ...problem,
      nextBatch: async (k) => {
        const data = await problem.nextBatch?.(k);
        if (data !== undefined) this.#tokens.set(k, data.tokens);
        return data;
      },
    };
  }

  /** What a file needs to hold so that training goes on bit for bit. Reads all arrays back. */
  async state(): Promise<TrainingState> {
    const la = this.adapter.model.algebra;
    if (this.#state !== undefined) return saveState(la, this.#state);
    const { state } = this.#options;
    return (
      state ??
      saveState(la, {
        iteration: 0,
        x: this.adapter.point,
        cost: 0,
        gradient: this.adapter.point,
        gradientNorm: 0,
        stepSize: 0,
        memory: {},
      })
    );
  }

  /** The steps that are left, from where the training stands. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingStep, undefined, undefined> {
    const { signal } = this.#options;
    const start = this.#state ?? (await this.#begin());
    this.#state = start;
    let before = start;
    for await (const { state } of iterate(this.#problem, {
      solver: this.#solver,
      state: start,
      ...(signal === undefined ? {} : { signal }),
    })) {
      checkGradient(state);
      if (state !== start) {
        this.#advance(state);
        // The loop frees its own states, and never the one it was given.
        if (before === start) disposeExcept(this.adapter.model.algebra, [start.gradient, start.memory], state);
        yield await this.#describe(before, state);
        before = state;
      }
      if (hasEnded(state)) return undefined;
    }
    return undefined;
  }

  /** Frees what the optimizer remembers; the adapter stays. */
  dispose(): void {
    if (this.#state !== undefined)
      disposeExcept(this.adapter.model.algebra, [this.#state.gradient, this.#state.memory], this.adapter.point);
    this.#state = undefined;
  }

  /** The state to begin with: evaluated on the data of its step, which is what a saved state leaves out. */
  async #begin(): Promise<SolverState<AdapterPoint, AdapterPoint>> {
    const { adapter } = this;
    const { state: saved } = this.#options;
    return adapter.model.algebra.tidy(async () => {
      const restored = saved === undefined ? undefined : restoreState(adapter.model.algebra, saved, adapter.point);
      const x = restored?.point ?? adapter.point;
      await this.#manifold.checkPoint(x);
      const iteration = saved?.step ?? 0;
      const evaluation = await objective(this.#problem).evaluate(x, iteration);
      if (restored !== undefined) adapter.setPoint(restored.point);
      return { ...evaluation, x, iteration, stepSize: saved?.learningRate ?? 0, memory: restored?.memory ?? {} };
    });
  }

  #advance(state: SolverState<AdapterPoint, AdapterPoint>): void {
    this.#state = state;
    this.adapter.setPoint(state.x);
  }

  async #describe(before: SolverState<AdapterPoint, AdapterPoint>, after: SolverState<AdapterPoint, AdapterPoint>): Promise<TrainingStep> {
    const tokens = this.#tokens.get(before.iteration) ?? 0;
    this.#tokens.delete(before.iteration);
    const inactive = before.iteration === 0 && after.stepSize > 0 ? await inactiveModules(this.adapter) : [];
    return {
      step: after.iteration,
      loss: before.cost,
      gradientNorm: before.gradientNorm,
      learningRate: after.stepSize,
      tokens,
      ...(inactive.length === 0 ? {} : { inactive }),
    };
  }
}

/** Whether there was no data for the step that would come next. */
const hasEnded = ({ cost }: { readonly cost: number }): boolean => Number.isNaN(cost);

/** @throws NumericalError before a step would spread a gradient that is not finite. */
function checkGradient({ gradientNorm, iteration }: SolverState<unknown, unknown>): void {
  if (Number.isFinite(gradientNorm)) return;
  throw new NumericalError(
    `train: the gradient of step ${iteration + 1} has norm ${gradientNorm}, though the loss is finite; lower the learning rate, and go on from the last state`,
  );
}

/**
 * The modules whose A (PEFT's lora_B) is still zero after a step: no gradient reaches them.
 *
 * @throws NumericalError if none is trained at all.
 */
async function inactiveModules({ model, layout, point }: LoraAdapter): Promise<readonly string[]> {
  const norms = await Promise.all(
    layout.stacks.map(async ({ key, targets }) => {
      const each = model.algebra.normEach(stackPair(model.algebra, layout, point.pairs[key]).A);
      const values = await model.algebra.toArray(each);
      each.dispose();
      return targets.filter((_, i) => values[i] === 0).map(({ module }) => module.name);
    }),
  );
  const inactive = norms.flat();
  if (inactive.length === layout.targets.length) {
    throw new NumericalError(
      'train: after the first step every adapter is still zero, so no gradient reaches them; check that the labels are not all alike masked, and that the learning rate is not zero',
    );
  }
  return inactive;
}

/** Frees the arrays of a tree that are not among those of another. */
function disposeExcept(la: TensorAlgebra, tree: unknown, survivors: unknown): void {
  const alive = new Set<Tensor>();
  forEachLeaf<Tensor>(la, survivors, (array) => {
    alive.add(array);
  });
  forEachLeaf<Tensor>(la, tree, (array) => {
    if (!alive.has(array)) la.dispose(array);
  });
}
