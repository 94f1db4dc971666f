/**
 * The reaction of a command that can stop in good order to Ctrl-C and to SIGTERM, which a scheduler of a cluster sends before it kills.
 *
 * From the sources such a command is run by node with tsx's loader: tsx's own command would kill a program that is at a step, and so does not answer a signal within 60 ms.
 */
import { clearLine } from './live-line.js';
import type { Terminal } from './terminal.js';

const signals = ['SIGINT', 'SIGTERM'] as const;

/** Milliseconds in which more signals are the same Ctrl-C: the terminal sends it to every process of a group, and npm hands its own on. */
export const sameKeystrokeMs = 1000;

/** What follows these signals until it ends. */
export interface Interruption {
  /** Aborted by the first of them. */
  readonly signal: AbortSignal;
  /** Restores the default reaction. */
  end(): void;
}

/**
 * Lets the first Ctrl-C, or SIGTERM, abort a signal. A second one, {@link sameKeystrokeMs} or more later, has the default reaction again: the program ends at once.
 *
 * @param terminal - where it is said that it was noticed, on a clean line.
 * @param notice - what is said.
 */
export function catchInterrupt(terminal: Terminal, notice: string): Interruption {
  const controller = new AbortController();
  let first: number | undefined;
  const end = (): void => {
    for (const name of signals) process.removeListener(name, interrupt);
  };
  const interrupt = (name: NodeJS.Signals): void => {
    if (first === undefined) {
      first = performance.now();
      setTimeout(end, sameKeystrokeMs).unref();
      clearLine(terminal);
      terminal.notice(notice);
      controller.abort();
    } else if (performance.now() - first >= sameKeystrokeMs) {
      // The timer has had no turn since, for a step that does not let go of the processor.
      end();
      process.kill(process.pid, name);
    }
  };
  for (const name of signals) process.on(name, interrupt);
  return { signal: controller.signal, end };
}
