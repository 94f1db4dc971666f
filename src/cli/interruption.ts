/** The reaction to Ctrl-C of a command that can stop in good order. */

/** What follows Ctrl-C until it ends. */
export interface Interruption {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Restores the default reaction. */
  end(): void;
}

/**
 * Lets the first Ctrl-C abort a signal. A second finds the default reaction again: the program ends at once.
 *
 * @param announce - says that it was noticed.
 */
export function catchInterrupt(announce: () => void): Interruption {
  const controller = new AbortController();
  const end = (): void => void process.removeListener('SIGINT', interrupt);
  const interrupt = (): void => {
    end();
    announce();
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  return { signal: controller.signal, end };
}
