/** Where a command writes: results to the standard output, everything else to the standard error. */

import { writeError } from '../core/write-error.js';

/** The two streams of a command, and what kind of reader the second one has. */
export interface Terminal {
  /** Writes a result. */
  result(text: string): void;
  /** Writes a line for whoever watches: progress, notices, warnings, errors. */
  notice(line: string): void;
  /** Writes to the standard error as it is, for lines that are rewritten in place. */
  raw(text: string): void;
  /** Whether the standard error is a terminal, on which a line can be rewritten. */
  readonly interactive: boolean;
  /** Characters a line of it holds. */
  columns(): number;
}

/** Characters of a line where nobody tells. */
const defaultColumns = 80;

/** The streams of this process. A reader that has gone (`bures … | head`) ends the program quietly. */
export function processTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    process.stderr.write(`error: ${writeError('bures', 'the standard output', error).message}\n`);
    process.exit(1);
  });
  // A run goes on when nobody watches it any more, or its log is full.
  process.stderr.on('error', () => undefined);
  return {
    result: (text) => void process.stdout.write(text),
    notice: (line) => void process.stderr.write(`${line}\n`),
    raw: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    columns: () => process.stderr.columns || defaultColumns,
  };
}
