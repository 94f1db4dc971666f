/** Entries of a matrix as they are read from a file, and how the file was understood. */
import type { CsrMatrix, HostArray } from '../../index.js';

/** A column of a table that is used: its number, from 1, and its name if there is a header. */
export interface ColumnTaken {
  readonly number: number;
  readonly name?: string;
}

/** The columns that hold row, column and value of an entry, and its time. */
export interface ColumnsTaken {
  readonly row: ColumnTaken;
  readonly column: ColumnTaken;
  /** Absent if entries have no value. */
  readonly value?: ColumnTaken;
  /** Absent if times are not read. */
  readonly time?: ColumnTaken;
}

/** A description of how a file was read, as data. */
export type Reading =
  | { readonly format: 'matrix-market' }
  | {
      readonly format: 'table';
      readonly encoding: string;
      readonly delimiter: string;
      readonly header: boolean;
      readonly decimal: '.' | ',';
      readonly columns: ColumnsTaken;
      /** Number of lines skipped before the first row, and of lines without a value. */
      readonly remarks: number;
      readonly missing: number;
    };

/** Entries, one per place, with the labels of rows and columns. */
export interface Entries {
  readonly matrix: CsrMatrix<HostArray>;
  /** Labels of the rows, in order. For a Matrix Market file they are the numbers, from 1. */
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  /** Times of the entries, in their order, of repeated ones the latest; absent if they are not read. */
  readonly times?: Float64Array;
  /** Number of entries at the place of an earlier one; their mean was taken, or the sum of implicit feedback. */
  readonly repeated: number;
  readonly least: number;
  readonly greatest: number;
  /** A description of how the file was understood, line by line. */
  readonly understood: readonly string[];
  /** The same description as data. */
  readonly reading: Reading;
}

/** Entries as they stand in a file. */
export type Labelled = Pick<Entries, 'matrix' | 'times' | 'rowLabels' | 'columnLabels' | 'understood' | 'reading'>;
