/** The step size t_k of step k = 0, 1, …, for {@link constantStep}. */
export type Schedule = (iteration: number) => number;

/** Range and length of a decay. */
export interface DecayOptions {
  /** Step size of the first step, positive. */
  readonly from: number;
  /** Step size of step `steps` and of all after it, at least 0. Default: 0. */
  readonly to?: number;
  /** Number of steps of the decay. */
  readonly steps: number;
}
