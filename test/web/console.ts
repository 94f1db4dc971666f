/** Where the programs of a page run, and what they write, kept for the test that runs them. */

/** True in a page and in a worker of one, false in Node.js. */
export const inBrowser = !('process' in globalThis);

const written: Record<string, unknown[][]> = {};

/** Returns what takes the place of the page's own console in a program of this name. */
export function consoleOf(program: string): Pick<Console, 'log'> {
  const lines: unknown[][] = [];
  // Programs that await at their top levels take turns.
  written[program] = lines;
  return { log: (...values) => void lines.push(values) };
}

/** Returns the lines of all programs as JSON, arrays of numbers as lists. */
export function allWritten(): string {
  return JSON.stringify(written, (_, value: unknown) => (ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value));
}
