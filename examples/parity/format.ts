/**
 * What `npm run parity` knows of a format of golden files. A new format is one file like `synthetic-format.ts` and one
 * entry in `formats.ts`.
 */

/** How one golden run compares with ours: one line of output. */
export interface ParityLine {
  /** The file's name within the directory. */
  readonly file: string;
  readonly method: string;
  readonly optimizer: string;
  /** Learning rate. */
  readonly lr: number;
  /** Largest relative deviation of the losses; null where only one of the two is finite. */
  readonly losses: number | null;
  /** Largest relative deviation of the products; null where only one of the two is finite. */
  readonly products: number | null;
  /** Whether the deviations that count are within the format's tolerances. */
  readonly pass: boolean;
}

/** A golden file, read and checked, with its runs still to do. */
export type ParityRuns = readonly (() => Promise<ParityLine>)[];

/** One format of golden files. */
export interface ParityFormat {
  readonly name: string;
  /** What `pass` means, in words, for the summary. */
  readonly tolerance: string;
  /** Whether a file claims to be of this format, whole or not. */
  recognizes(content: unknown): boolean;
  /** @throws FormatError naming file and key where the content is not what the format asks for. */
  read(file: string, content: unknown): ParityRuns;
}
