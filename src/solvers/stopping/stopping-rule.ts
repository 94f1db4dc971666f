/** What a stopping rule is. */

/** Where a run stands after an iteration: what stopping rules see, callbacks receive and the history keeps. */
export interface Progress {
  /** Steps taken. */
  readonly iteration: number;
  /** The cost at the current point. */
  readonly cost: number;
  /** Norm of the Riemannian gradient in the manifold's metric. */
  readonly gradientNorm: number;
  /** Size t of the step that led here; 0 at the start. */
  readonly stepSize: number;
  /** Seconds since the run began. */
  readonly seconds: number;
}

/** Why a run should stop. */
export interface StopDecision {
  /** In words, with the number that triggered. */
  readonly reason: string;
  /** Whether this is success rather than giving up. */
  readonly converged: boolean;
  /** Whether success means no more than that the point is stationary: a solver that can leave saddles is asked whether it is one. Left out: no. */
  readonly stationary?: boolean;
}

/** Decides after each iteration whether a run should stop. Rules hold no state: what they compare is in the arguments. */
export interface StoppingRule {
  /** The rule with its parameters, for messages. */
  readonly name: string;
  /**
   * @param now - the current iteration.
   * @param previous - the iteration before, `undefined` at the start.
   * @param first - iteration 0.
   * @returns the decision to stop, or `undefined` to go on.
   */
  check(now: Progress, previous: Progress | undefined, first: Progress): StopDecision | undefined;
}
