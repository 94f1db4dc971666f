/** What a stopping rule is. */

/** Where a run stands after an iteration: what stopping rules see, callbacks receive and the history keeps. */
export interface Progress {
  /** Steps taken. */
  readonly iteration: number;
  /** The cost at the current point; if it is stochastic, where the step just made was made from, on its batch. */
  readonly cost: number;
  /** Norm of the Riemannian gradient there, in the manifold's metric. */
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
   * @param first - the first iteration that was evaluated: iteration 0 of a whole run on a deterministic cost.
   * @returns the decision to stop, or `undefined` to go on.
   */
  check(now: Progress, previous: Progress | undefined, first: Progress): StopDecision | undefined;
  /**
   * Asked before the first step of a run on a stochastic cost, of which there is no evaluation yet: what the rule can tell from the steps taken and the time.
   * Left out: nothing.
   */
  checkBefore?(now: Pick<Progress, 'iteration' | 'seconds'>): StopDecision | undefined;
}
