/**
 * A kind of file that is tried: how its inputs are made, what they are given to, and what a refusal of them must say.
 */
import type { Draw } from './draw.js';

/** A program of other people that reads the same format. */
export type ReferenceKind = 'safetensors' | 'npy';

/** Runs one use of an input and keeps what came of it: the value, or `undefined` where it was refused. */
export type Attempt = <T>(use: () => Promise<T> | T) => Promise<T | undefined>;

/** A class of inputs. */
export interface FuzzClass {
  /** One word, for the command line and the table. */
  readonly name: string;
  /**
   * What the message of a refusal begins with, or must hold: the function or command that was called and, where there
   * is one, the file.
   */
  readonly refusal: RegExp;
  /**
   * A file that a reference reader must accept where the library does; where `use` writes what it read to `values`, the
   * reader must read the same.
   */
  readonly reference?: { readonly kind: ReferenceKind; readonly file: string; readonly values?: string };
  /** Loads what all inputs share, such as a model. */
  prepare(): Promise<FuzzTarget>;
}

/** A class in a process that has loaded what it needs. */
export interface FuzzTarget {
  /**
   * Writes the files of an input into an empty folder. All that is random comes from `draw`.
   *
   * @param damaged - without damage the input is one that everybody accepts.
   */
  write(draw: Draw, folder: string, damaged: boolean): void;
  /**
   * Gives an input to the library, and goes on with what it accepted. Each use is an attempt of its own.
   *
   * @param draw - for options, the same as `write` had, further on.
   * @param damaged - without damage the options are ones that fit, too.
   */
  use(folder: string, attempt: Attempt, draw: Draw, damaged: boolean): Promise<void>;
}

/** What was accepted is not what it should be, such as a page that shows `undefined`. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}
