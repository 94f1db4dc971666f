/**
 * The contracts of the descent engine: a solver, and the two parts that `gradientDescent` is put together from.
 * All state is data (named tangents and named numbers), so that it can be inspected, carried to the next point, saved and resumed.
 */
import type { Awaitable } from '../core/awaitable.js';
import type { Manifold, RetractTransport } from '../manifolds/manifold.js';
import type { Evaluation, Objective } from './problem.js';

/** What an algorithm remembers between steps. */
export interface Memory<T> {
  /** Quantities that live at the current point: momentum, moments, the previous gradient carried over. */
  readonly tangents: Readonly<Record<string, T>>;
  /** Everything else: counters, the last step size. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** A {@link Memory} of nothing. */
export const emptyMemory: Memory<never> = { tangents: {}, numbers: {} };

/**
 * Where a solver is: a point, and what the algorithm remembers. `{ x, iteration: 0, memory: {} }` is the state before the first step.
 *
 * What is known of x already is handed on with it, so that it is not computed again: the cost alone, where a line search tried the point, or the whole
 * evaluation. Nothing stands in for what is not known.
 */
export interface SolverState<P, T> extends Partial<Evaluation<T>> {
  /** Steps taken so far. */
  readonly iteration: number;
  /** The current point. */
  readonly x: P;
  /** The step size t of the step that led here: x = R(x_previous, t·direction); absent before the first step. */
  readonly stepSize?: number;
  /** Set by a solver that cannot go on (a line search without decrease): the reason, in words. */
  readonly stalled?: string;
  /** What each part of the solver remembers, by the part's name. */
  readonly memory: Readonly<Record<string, Memory<T>>>;
}

/** A state whose point has been evaluated, on the batch of its step if the cost is stochastic: what a step is made from. */
export interface EvaluatedState<P, T> extends SolverState<P, T> {
  /** Cost at x. */
  readonly cost: number;
  /** Riemannian gradient at x. */
  readonly gradient: T;
  /** Its norm in the manifold's metric. */
  readonly gradientNorm: number;
}

/**
 * To be awaited now and then inside a step that takes long: hands control to the event loop where due, and says whether the run is to end. A solver then
 * returns the state that it was given.
 */
export type Interrupted = () => Promise<boolean>;

/**
 * An algorithm: what it remembers at the beginning, and how it takes one step from a point that the loop has evaluated. Writing one is writing these two
 * functions (docs/custom-solver.md).
 */
export interface Solver {
  /** The algorithm with its parts, for tables and messages. */
  readonly name: string;
  /** The state before the first step; throws a ConfigError for a problem that the algorithm is not made for. */
  init<M, P, T>(problem: Objective<M, P, T>, x: P): Awaitable<SolverState<P, T>>;
  /**
   * Evaluates the point of a state. Left out: `problem.evaluate(x, iteration)`, on the batch of the step. A solver states it where its evaluations are of the
   * point alone, whatever the batch: the loop then reports each with its point, as it does for deterministic costs.
   */
  evaluate?<M, P, T>(problem: Objective<M, P, T>, state: SolverState<P, T>): Awaitable<Evaluation<T>>;
  /** The state one step on: to move, and not to evaluate where it arrives. Must not modify `state`. */
  step<M, P, T>(problem: Objective<M, P, T>, state: EvaluatedState<P, T>, interrupted: Interrupted): Awaitable<SolverState<P, T>>;
  /**
   * Asked when a stopping rule takes a stationary point for success: the state to go on from, if the solver knows better (a saddle that it can leave); `undefined` if not.
   */
  confirm?<M, P, T>(
    problem: Objective<M, P, T>,
    state: EvaluatedState<P, T>,
    interrupted: Interrupted,
  ): Awaitable<EvaluatedState<P, T> | undefined>;
}

/** A {@link Solver} of one kind of point only, such as alternating least squares on factor pairs. Every solver is one. */
export interface SolverFor<P, T> {
  /** The algorithm with its parts, for tables and messages. */
  readonly name: string;
  /** As `Solver.init`. */
  init<M>(problem: Objective<M, P, T>, x: P): Awaitable<SolverState<P, T>>;
  /** As `Solver.evaluate`. */
  evaluate?<M>(problem: Objective<M, P, T>, state: SolverState<P, T>): Awaitable<Evaluation<T>>;
  /** As `Solver.step`. */
  step<M>(problem: Objective<M, P, T>, state: EvaluatedState<P, T>, interrupted: Interrupted): Awaitable<SolverState<P, T>>;
  /** As `Solver.confirm`. */
  confirm?<M>(
    problem: Objective<M, P, T>,
    state: EvaluatedState<P, T>,
    interrupted: Interrupted,
  ): Awaitable<EvaluatedState<P, T> | undefined>;
}

/** What a direction rule sees at the current point. */
export interface DirectionContext<M, P, T> {
  /** The manifold, with its engine. */
  readonly manifold: Manifold<M, P, T, unknown, unknown>;
  /** Steps taken so far. */
  readonly iteration: number;
  /** The current point. */
  readonly x: P;
  /** Riemannian gradient at x. */
  readonly gradient: T;
  /** Its norm. */
  readonly gradientNorm: number;
  /** The step size t of the step that led here; `undefined` before the first. */
  readonly stepSize: number | undefined;
  /** What the rule left behind at the last step, carried to x by {@link DirectionRule.move}; empty at the first. */
  readonly memory: Memory<T>;
}

/** A direction, decided. */
export interface DirectionChoice<T> {
  /** u in x ← R_x(t u). */
  readonly direction: T;
  /** The step size at which the rule aims, as quasi-Newton directions aim at 1: line searches try it first. Left out: they guess. */
  readonly trialStep?: number;
  /** What the rule wants back at the next step. */
  readonly memory: Memory<T>;
}

/** Turns the Riemannian gradient into the direction of the step, and owns the state that this takes. */
export interface DirectionRule {
  /** The rule's name, for tables and messages. */
  readonly name: string;
  /** The direction u of the step x ← R_x(t u), pointing downhill, and what to remember. */
  direction<M, P, T>(context: DirectionContext<M, P, T>): Awaitable<DirectionChoice<T>>;
  /** Carries the memory to the new point. */
  move<P, T>(memory: Memory<T>, transport: RetractTransport<P, T>): Memory<T>;
}

/** What a step-size rule sees. */
export interface StepSizeContext<M, P, T> {
  /** The cost, its gradient and its manifold. */
  readonly problem: Objective<M, P, T>;
  /** Where the solver is, evaluated. */
  readonly state: EvaluatedState<P, T>;
  /** The direction u to go along. */
  readonly direction: T;
  /** ⟨grad f(x), u⟩, where the rule has said that it {@link StepSizeRule.needsDescent}. */
  readonly slope: number | undefined;
  /** The step size at which the direction aims, if it has one: {@link DirectionChoice.trialStep}. */
  readonly trialStep: number | undefined;
  /** What the rule left behind at the last step, its tangents carried to x as vectors. */
  readonly memory: Memory<T>;
}

/** How far to go, decided. */
export interface StepChoice<P, T> {
  /** t in x ← R_x(t u). */
  readonly stepSize: number;
  /** The step already taken, if the rule had to try it; saves the engine a second retraction. */
  readonly transport?: RetractTransport<P, T>;
  /** The cost at the new point, if the rule evaluated it there: it is handed on, and not computed again. */
  readonly cost?: number;
  /** Cost and gradient at the new point, if the rule needed both: they are handed on, and not computed again. */
  readonly evaluation?: Evaluation<T>;
  /** Why no acceptable step was found; the engine stops there. */
  readonly stalled?: string;
  /** What the rule wants back at the next step. */
  readonly memory: Memory<T>;
}

/** Chooses the step size t of x ← R_x(t u). */
export interface StepSizeRule {
  /** The rule's name, for tables and messages. */
  readonly name: string;
  /** Whether the rule compares costs of different points, and so must not see a new batch between them. */
  readonly comparesCosts: boolean;
  /** Whether the rule wants a direction that points downhill, and its slope. Left out: no. */
  readonly needsDescent?: boolean;
  /** The step size at the current point, or the reason why there is none. */
  choose<M, P, T>(context: StepSizeContext<M, P, T>): Awaitable<StepChoice<P, T>>;
}
