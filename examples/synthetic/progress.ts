/** A progress line: rewritten in place on a terminal, one plain line for each new task elsewhere. */

/** Where progress is shown. */
export interface Progress {
  /**
   * @param task - what is being done.
   * @param detail - how far within it: shown on a terminal only.
   * @param fraction - of the whole, from 0 to 1.
   */
  show(task: string, detail: string, fraction: number): void;
  /** Ends with a clean line. */
  clear(): void;
}

/** Progress on a stream, normally standard error. */
export function progressTo(stream: NodeJS.WriteStream): Progress {
  let lastTask = '';
  return {
    show(task, detail, fraction) {
      const percent = `${String(Math.floor(100 * fraction)).padStart(3)} %`;
      // Cut to the terminal: a wrapped line could not be rewritten.
      if (stream.isTTY) stream.write(`\r\x1b[2K${`${percent}  ${task}: ${detail}`.slice(0, (stream.columns || 80) - 1)}`);
      else if (task !== lastTask) stream.write(`${percent}  ${task}\n`);
      lastTask = task;
    },
    clear() {
      if (stream.isTTY) stream.write('\r\x1b[2K');
    },
  };
}
