/** Runs a command line inside the test's process, and keeps what it writes. */
import { Readable } from 'node:stream';
import { runProgram } from '../../src/cli/program.js';
import type { Terminal, TerminalInput } from '../../src/cli/terminal.js';

/** What came of a command line. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `bures …argv`, without a standard input. */
export function runCli(...argv: readonly string[]): Promise<Outcome> {
  return runCliWith(undefined, ...argv);
}

/** `bures …argv`, with what a program pipes in. */
export function runCliWith(input: string | TerminalInput | undefined, ...argv: readonly string[]): Promise<Outcome> {
  return run({ input: typeof input === 'string' ? Readable.from([Buffer.from(input)]) : input }, argv);
}

/** `bures …argv` in a terminal of a number of columns. */
export function runCliIn(columns: number, ...argv: readonly string[]): Promise<Outcome> {
  return run({ showsResults: true, columns: () => columns }, argv);
}

async function run(own: Partial<Terminal>, argv: readonly string[]): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const terminal: Terminal = {
    result: (text) => {
      stdout += text;
    },
    notice: (line) => {
      stderr += `${line}\n`;
    },
    raw: (text) => {
      stderr += text;
    },
    interactive: false,
    columns: () => 80,
    ...own,
  };
  const status = await runProgram(argv, terminal);
  return { status, stdout, stderr };
}
