/** How rows and columns lie above or below the mean. */

/** Which offsets to fit. */
export const centerings = ['biases', 'mean', 'none'] as const;
/** One of {@link centerings}. */
export type Centering = (typeof centerings)[number];

/** Offsets: entry (i, j) is mean + rows[i] + columns[j] and more. */
export interface Offsets {
  readonly mean: number;
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}
