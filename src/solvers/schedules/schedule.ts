/** The step size t_k of step k = 0, 1, …, for {@link constantStep}. */
export type Schedule = (iteration: number) => number;

/** Where a decay begins and ends. */
export interface DecayOptions {
  /** Step size of the first step, positive. */
  readonly from: number;
  /** Step size of step `steps` and of all after it, at least 0. Default: 0. */
  readonly to?: number;
  /** How many steps the decay takes. */
  readonly steps: number;
}
