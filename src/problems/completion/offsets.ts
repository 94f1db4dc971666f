/** Offsets that can be fitted: a mean with biases, the mean alone, or none. */
export const centerings = ['biases', 'mean', 'none'] as const;
/** One of {@link centerings}. */
export type Centering = (typeof centerings)[number];

/** Offsets of a matrix: mean + rows[i] + columns[j] is the part of entry (i, j) that they explain. */
export interface Offsets {
  readonly mean: number;
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}
