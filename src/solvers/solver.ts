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

/** Where a solver is. Solvers may keep more in `memory`. */
export interface SolverState<P, T> {
  /** Steps taken so far. */
  readonly iteration: number;
  /** The current point. */
  readonly x: P;
  /** Cost at x, on the batch of this iteration if the cost is stochastic. */
  readonly cost: number;
  /** Riemannian gradient at x. */
  readonly gradient: T;
  /** Its norm in the manifold's metric. */
  readonly gradientNorm: number;
  /** The step size t of the step that led here: x = R(x_previous, t·direction); 0 at the start. */
  readonly stepSize: number;
  /** Set by a solver that cannot go on (a line search without decrease): the reason, in words. */
  readonly stalled?: string;
  /** What each part of the solver remembers, by the part's name. */
  readonly memory: Readonly<Record<string, Memory<T>>>;
}

/**
 * To be awaited now and then inside a step that takes long: hands control to the event loop where due, and says whether the run is to end. A solver then
 * returns the state that it was given.
 */
export type Interrupted = () => Promise<boolean>;

/** An algorithm: how to begin, and how to take one step. Writing one is writing these two functions (docs/custom-solver.md). */
export interface Solver {
  /** The algorithm with its parts, for tables and messages. */
  readonly name: string;
  /** The state at the initial point. */
  init<M, P, T>(problem: Objective<M, P, T>, x: P): Awaitable<SolverState<P, T>>;
  /** The state one step on. Must not modify `state`. */
  step<M, P, T>(problem: Objective<M, P, T>, state: SolverState<P, T>, interrupted: Interrupted): Awaitable<SolverState<P, T>>;
  /**
   * Asked when a stopping rule takes a stationary point for success: the state to go on from, if the solver knows better (a saddle that it can leave); `undefined` if not.
   */
  confirm?<M, P, T>(
    problem: Objective<M, P, T>,
    state: SolverState<P, T>,
    interrupted: Interrupted,
  ): Awaitable<SolverState<P, T> | undefined>;
}

/** A {@link Solver} of one kind of point only, such as alternating least squares on factor pairs. Every solver is one. */
export interface SolverFor<P, T> {
  /** The algorithm with its parts, for tables and messages. */
  readonly name: string;
  /** As `Solver.init`. */
  init<M>(problem: Objective<M, P, T>, x: P): Awaitable<SolverState<P, T>>;
  /** As `Solver.step`. */
  step<M>(problem: Objective<M, P, T>, state: SolverState<P, T>, interrupted: Interrupted): Awaitable<SolverState<P, T>>;
  /** As `Solver.confirm`. */
  confirm?<M>(problem: Objective<M, P, T>, state: SolverState<P, T>, interrupted: Interrupted): Awaitable<SolverState<P, T> | undefined>;
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
  /** The step size t of the step that led here; 0 at the start. */
  readonly stepSize: number;
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
  /** Where the solver is. */
  readonly state: SolverState<P, T>;
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
  /** The cost at the new point, if the rule evaluated it there: saves the engine doing so again. */
  readonly cost?: number;
  /** Cost and gradient at the new point, if the rule needed both: saves the engine doing so again. */
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
