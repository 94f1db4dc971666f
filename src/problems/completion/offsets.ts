/** Offsets that can be fitted: a mean with biases, the mean alone, or none. */
export const centerings = ['biases', 'mean', 'none'] as const;
/** One of {@link centerings}. */
export type Centering = (typeof centerings)[number];

/** Offsets of a matrix: mean + rows[i] + columns[j] is the part of entry (i, j) that they explain. */
export interface Offsets {
  /** Mean of the entries. */
  readonly mean: number;
  /** Bias of each row. */
  readonly rows: Float64Array;
  /** Bias of each column. */
  readonly columns: Float64Array;
}
