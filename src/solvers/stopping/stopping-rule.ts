/** Progress of a run after an iteration, for stopping rules, callbacks and the history. */
export interface Progress {
  /** Number of steps taken. */
  readonly iteration: number;
  /** Cost at the current point; for a stochastic cost, that from which the last step was made, on its batch. */
  readonly cost: number;
  /** Norm of the Riemannian gradient of that cost, in the manifold's metric. */
  readonly gradientNorm: number;
  /** Size t of the step that led here; 0 at the start. */
  readonly stepSize: number;
  /** Seconds since the run began. */
  readonly seconds: number;
}

/** Decision to stop a run. */
export interface StopDecision {
  /** Reason in words, with the number that triggered it. */
  readonly reason: string;
  /** True if this is success rather than giving up. */
  readonly converged: boolean;
  /**
   * True if success only means that the point is stationary: a solver that can leave saddles then checks for one.
   * Default: false.
   */
  readonly stationary?: boolean;
}

/** Decides after each iteration whether a run should stop. Rules hold no state: they compare their arguments only. */
export interface StoppingRule {
  /** The rule with its parameters, for messages. */
  readonly name: string;
  /**
   * @param now - the current iteration.
   * @param previous - the iteration before, `undefined` at the start.
   * @param first - the first iteration that was evaluated: iteration 0 of a whole run on a deterministic cost.
   * @returns the decision to stop, or `undefined` to continue.
   */
  check(now: Progress, previous: Progress | undefined, first: Progress): StopDecision | undefined;
  /**
   * True if the rule ends every run in the end, as a limit does; false if it may wait for something that never comes.
   * Default: not known, for rules of one's own.
   */
  readonly endsEveryRun?: boolean;
  /**
   * Is called before the first step of a run on a stochastic cost, which has no evaluation yet, with the number of
   * steps taken and the time. Default: no decision.
   */
  checkBefore?(now: Pick<Progress, 'iteration' | 'seconds'>): StopDecision | undefined;
}
