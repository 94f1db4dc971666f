/** The streams of a command: results go to the standard output, everything else to the standard error. */

import { writeError } from '../io/files/write-error.js';

/** The streams of a command, and properties of the standard error. */
export interface Terminal {
  /** The standard input; `undefined` where a command has none. */
  readonly input?: TerminalInput | undefined;
  /** Writes a result. */
  result(text: string): void;
  /** Writes a line of progress, a notice, a warning or an error. */
  notice(line: string): void;
  /** Writes to the standard error unchanged, for lines that are rewritten in place. */
  raw(text: string): void;
  /** True if the standard output is a terminal, which acts on control characters. Default: false. */
  readonly showsResults?: boolean;
  /** True if the standard error is a terminal, where a line can be rewritten. */
  readonly interactive: boolean;
  /** Returns the width of the standard error, in characters. */
  columns(): number;
}

/** The standard input: typed by a person if it is a terminal. */
export type TerminalInput = NodeJS.ReadableStream & { readonly isTTY?: boolean };

/** Escapes the characters of a model's text that a terminal would act on. */
export function visible(piece: string): string {
  return piece.replaceAll(/[^\P{Cc}\n\t]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Width of a line if it is unknown, in characters. */
const defaultColumns = 80;

/** Returns the streams of this process. A reader that has gone (`bures … | head`) ends the program quietly. */
export function processTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    process.stderr.write(`error: ${writeError('bures', 'the standard output', error).message}\n`);
    process.exit(1);
  });
  // A run continues if nobody reads its output any more, or its log is full.
  process.stderr.on('error', () => undefined);
  return {
    // Opened when it is asked for: reading would keep a program alive that ignores it.
    get input() {
      return process.stdin;
    },
    showsResults: process.stdout.isTTY === true,
    result: (text) => void process.stdout.write(text),
    notice: (line) => void process.stderr.write(`${line}\n`),
    raw: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    columns: () => process.stderr.columns || defaultColumns,
  };
}
