/** Runs a command line inside the test's process, and keeps what it writes. */
import { runProgram } from '../../src/cli/program.js';
import type { Terminal } from '../../src/cli/terminal.js';

/** What came of a command line. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `bures …argv`. */
export async function runCli(...argv: readonly string[]): Promise<Outcome> {
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
  };
  const status = await runProgram(argv, terminal);
  return { status, stdout, stderr };
}
