/**
 * Interfaces of the descent engine: a solver, and the two rules of which `gradientDescent` is made. All state is data
 * (named tangents and named numbers), so that it can be inspected, carried to the next point, saved and resumed.
 */
import type { Awaitable } from '../core/awaitable.js';
import type { Manifold, RetractTransport } from '../manifolds/manifold.js';
import type { Evaluation, Objective } from './problem.js';

/** Memory of an algorithm between steps. */
export interface Memory<T> {
  /** Quantities that live at the current point: momentum, moments, the previous gradient carried over. */
  readonly tangents: Readonly<Record<string, T>>;
  /** All other state: counters, the last step size. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** An empty {@link Memory}. */
export const emptyMemory: Memory<never> = { tangents: {}, numbers: {} };

/**
 * State of a solver: a point, and the algorithm's memory. `{ x, iteration: 0, memory: {} }` is the state before the
 * first step.
 *
 * Known values at x belong to the state, so that a run does not compute them again: the cost alone, if a line search
 * tried the point, or the whole evaluation. Unknown values are absent. A run that continues from a state computes them.
 */
export interface SolverState<P, T> extends Partial<Evaluation<T>> {
  /** Number of steps taken so far. */
  readonly iteration: number;
  /** The current point. */
  readonly x: P;
  /** Step size t of the step that led here: x = R(x_previous, t·direction); absent before the first step. */
  readonly stepSize?: number;
  /** Reason, in words, of a solver that cannot continue (a line search without decrease). */
  readonly stalled?: string;
  /** Memory of each part of the solver, by the part's name. */
  readonly memory: Readonly<Record<string, Memory<T>>>;
}

/**
 * A state whose point has been evaluated, on the batch of its step if the cost is stochastic; a step starts from it.
 */
export interface EvaluatedState<P, T> extends SolverState<P, T> {
  /** Cost at x. */
  readonly cost: number;
  /** Riemannian gradient at x. */
  readonly gradient: T;
  /** Norm of the gradient in the manifold's metric. */
  readonly gradientNorm: number;
}

/**
 * Function to await now and then inside a long step: it yields to the event loop if due, and returns true if the run
 * must end. The solver then returns the state that it was given.
 */
export type Interrupted = () => Promise<boolean>;

/**
 * An algorithm: its initial state, and one step from a point that the loop has evaluated. A custom solver consists of
 * these two functions (docs/custom-solver.md).
 */
export interface Solver {
  /** Name of the algorithm with its parts, for tables and messages. */
  readonly name: string;
  /**
   * Returns the name with what the algorithm does on this problem in particular, for the result: whether it has Hessian
   * products, or makes them from differences of gradients. Default: the name.
   */
  describe?<M, P, T>(problem: Objective<M, P, T>): string;
  /**
   * Returns the state before the first step; throws a ConfigError for a problem that the algorithm cannot solve. A run
   * that continues from a state calls it for these checks alone.
   */
  init<M, P, T>(problem: Objective<M, P, T>, x: P): Awaitable<SolverState<P, T>>;
  /**
   * Returns the state from which a run continues, given one without an evaluation, perhaps of another problem or
   * solver: an algorithm whose points all meet a condition makes the point meet it. Default: the state as it is.
   */
  resume?<M, P, T>(problem: Objective<M, P, T>, state: SolverState<P, T>): Awaitable<SolverState<P, T>>;
  /**
   * Evaluates the point of a state. Default: `problem.evaluate(x, iteration)`, on the batch of the step. A solver
   * defines it if its evaluations belong to the point alone, whatever the batch; the loop then reports each with its
   * point, as for deterministic costs.
   */
  evaluate?<M, P, T>(problem: Objective<M, P, T>, state: SolverState<P, T>): Awaitable<Evaluation<T>>;
  /** Returns the state after one step, without evaluating the new point. Must not modify `state`. */
  step<M, P, T>(problem: Objective<M, P, T>, state: EvaluatedState<P, T>, interrupted: Interrupted): Awaitable<SolverState<P, T>>;
  /**
   * Is called when a stopping rule counts a stationary point as success. Returns a state to continue from, if the
   * solver finds a saddle that it can leave; else `undefined`.
   */
  confirm?<M, P, T>(
    problem: Objective<M, P, T>,
    state: EvaluatedState<P, T>,
    interrupted: Interrupted,
  ): Awaitable<EvaluatedState<P, T> | undefined>;
}

/**
 * A {@link Solver} for one type of point only, such as alternating least squares on factor pairs. Every solver is one.
 */
export interface SolverFor<P, T> {
  /** Name of the algorithm with its parts, for tables and messages. */
  readonly name: string;
  /** Same as `Solver.describe`. */
  describe?<M>(problem: Objective<M, P, T>): string;
  /** Same as `Solver.init`. */
  init<M>(problem: Objective<M, P, T>, x: P): Awaitable<SolverState<P, T>>;
  /** Same as `Solver.resume`. */
  resume?<M>(problem: Objective<M, P, T>, state: SolverState<P, T>): Awaitable<SolverState<P, T>>;
  /** Same as `Solver.evaluate`. */
  evaluate?<M>(problem: Objective<M, P, T>, state: SolverState<P, T>): Awaitable<Evaluation<T>>;
  /** Same as `Solver.step`. */
  step<M>(problem: Objective<M, P, T>, state: EvaluatedState<P, T>, interrupted: Interrupted): Awaitable<SolverState<P, T>>;
  /** Same as `Solver.confirm`. */
  confirm?<M>(
    problem: Objective<M, P, T>,
    state: EvaluatedState<P, T>,
    interrupted: Interrupted,
  ): Awaitable<EvaluatedState<P, T> | undefined>;
}

/** Input of a direction rule at the current point. */
export interface DirectionContext<M, P, T> {
  /** The manifold, with its engine. */
  readonly manifold: Manifold<M, P, T, unknown, unknown>;
  /** Number of steps taken so far. */
  readonly iteration: number;
  /** The current point. */
  readonly x: P;
  /** Riemannian gradient at x. */
  readonly gradient: T;
  /** Norm of the gradient in the manifold's metric. */
  readonly gradientNorm: number;
  /** Step size t of the step that led here; `undefined` before the first. */
  readonly stepSize: number | undefined;
  /** Memory of the rule from the last step, carried to x by {@link DirectionRule.move}; empty at the first. */
  readonly memory: Memory<T>;
}

/** Result of a direction rule. */
export interface DirectionChoice<T> {
  /** The direction u in x ← R_x(t u). */
  readonly direction: T;
  /**
   * Step size for which the rule is made, such as 1 for quasi-Newton directions; line searches try it first. Default:
   * they guess.
   */
  readonly trialStep?: number;
  /** Memory for the next step. */
  readonly memory: Memory<T>;
}

/** Turns the Riemannian gradient into the direction of a step, and owns the memory that this needs. */
export interface DirectionRule {
  /** The rule's name, for tables and messages. */
  readonly name: string;
  /** Returns the direction u of the step x ← R_x(t u), which points downhill, and the memory for the next step. */
  direction<M, P, T>(context: DirectionContext<M, P, T>): Awaitable<DirectionChoice<T>>;
  /** Carries the memory to the new point. */
  move<P, T>(memory: Memory<T>, transport: RetractTransport<P, T>): Memory<T>;
}

/** Input of a step-size rule. */
export interface StepSizeContext<M, P, T> {
  /** The cost, its gradient and its manifold. */
  readonly problem: Objective<M, P, T>;
  /** The solver's state, evaluated. */
  readonly state: EvaluatedState<P, T>;
  /** The direction u to go along. */
  readonly direction: T;
  /** Slope ⟨grad f(x), u⟩; present if the rule has {@link StepSizeRule.needsDescent}. */
  readonly slope: number | undefined;
  /** Step size for which the direction is made, if any: {@link DirectionChoice.trialStep}. */
  readonly trialStep: number | undefined;
  /** Memory of the rule from the last step, its tangents carried to x as vectors. */
  readonly memory: Memory<T>;
}

/** Result of a step-size rule. */
export interface StepChoice<P, T> {
  /** The step size t in x ← R_x(t u). */
  readonly stepSize: number;
  /** The step itself, if the rule had to try it; this saves the engine a second retraction. */
  readonly transport?: RetractTransport<P, T>;
  /** The cost at the new point, if the rule evaluated it; it is not computed again. */
  readonly cost?: number;
  /** Cost and gradient at the new point, if the rule evaluated both; they are not computed again. */
  readonly evaluation?: Evaluation<T>;
  /** Reason why no acceptable step was found; the engine then stops. */
  readonly stalled?: string;
  /** Memory for the next step. */
  readonly memory: Memory<T>;
}

/** Chooses the step size t of x ← R_x(t u). */
export interface StepSizeRule {
  /** The rule's name, for tables and messages. */
  readonly name: string;
  /** True if the rule compares costs of different points, and so must not see a new batch between them. */
  readonly comparesCosts: boolean;
  /** True if the rule needs a direction that points downhill, and its slope. Default: false. */
  readonly needsDescent?: boolean;
  /** Returns the step size at the current point, or the reason why there is none. */
  choose<M, P, T>(context: StepSizeContext<M, P, T>): Awaitable<StepChoice<P, T>>;
}
