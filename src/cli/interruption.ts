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

/** Says that a command was ended by a signal, and has removed what it had begun to write. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  /** The signal. */
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super('interrupted; nothing was written');
    this.signal = signal;
  }
}

/** The exit status of a program that a signal ended, as a shell reports it. */
export function statusOfSignal(signal: NodeJS.Signals): 130 | 143 {
  return signal === 'SIGINT' ? 130 : 143;
}

/** What follows these signals until it ends. */
export interface Interruption {
  /** Aborted by the first of them. */
  readonly signal: AbortSignal;
  /** The first of them; `undefined` before it has come. */
  received(): NodeJS.Signals | undefined;
  /** Lets signals have their turn. @throws InterruptedError if one has come. */
  check(): Promise<void>;
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
  let received: NodeJS.Signals | undefined;
  const end = (): void => {
    for (const name of signals) process.removeListener(name, interrupt);
  };
  const interrupt = (name: NodeJS.Signals): void => {
    if (first === undefined) {
      first = performance.now();
      received = name;
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
  const check = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (received !== undefined) throw new InterruptedError(received);
  };
  return { signal: controller.signal, received: () => received, check, end };
}

/**
 * Does work that would leave half-written files behind if a signal cut it off: SIGINT and SIGTERM make the next `check` throw, and the work cleans up as after any error.
 * Computations that have written nothing yet need none of it: the default reaction ends them at once, whatever they are at.
 */
export async function whileWriting<Result>(terminal: Terminal, work: (check: () => Promise<void>) => Promise<Result>): Promise<Result> {
  const interruption = catchInterrupt(terminal, 'interrupted: removing what is half-written (again to end at once)');
  try {
    return await work(interruption.check);
  } finally {
    interruption.end();
  }
}
