/**
 * Lets a command stop in good order on Ctrl-C, and on SIGTERM, which the scheduler of a cluster sends before it kills.
 *
 * Started from the sources, such a command must run in node with tsx's loader: the `tsx` command kills a program that
 * does not answer a signal within 60 ms, as in the middle of a step.
 */
import { clearLine } from './progress.js';
import type { Terminal } from './terminal.js';

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Milliseconds in which further signals count as the same Ctrl-C: the terminal sends it to every process of a group,
 * and npm passes its own on.
 */
export const sameKeystrokeMs = 1000;

/** A signal ended the command in good order. By default it has removed its half-written files. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  /** The signal that ended the command. */
  readonly signal: NodeJS.Signals;

  constructor(
    signal: NodeJS.Signals,
    { message = 'interrupted; nothing was written', cause }: ErrorOptions & { readonly message?: string } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.signal = signal;
  }
}

/** Returns the exit status of a program that a signal ended, as a shell reports it. */
export function statusOfSignal(signal: NodeJS.Signals): 130 | 143 {
  return signal === 'SIGINT' ? 130 : 143;
}

/** A watch on these signals, until it ends. */
export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Returns the first signal, or `undefined` if none has come. */
  received(): NodeJS.Signals | undefined;
  /** Lets pending signals arrive. @throws InterruptedError if one has come. */
  check(): Promise<void>;
  /** Ends the watch: signals have their default effect again. */
  end(): void;
}

/**
 * Aborts a signal on the first Ctrl-C or SIGTERM. A second one, {@link sameKeystrokeMs} or more later, has its default
 * effect: the program ends at once.
 *
 * @param terminal - receives the notice, on a clean line.
 * @param notice - message after the first signal.
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
      // A step that blocks the processor may have kept the timer from firing.
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
 * Runs work that must not leave half-written files behind: SIGINT and SIGTERM make the next `check` throw, and the work
 * cleans up as after any error. A computation that has written nothing yet does not need this: by default a signal ends
 * it at once.
 */
export async function whileWriting<Result>(terminal: Terminal, work: (check: () => Promise<void>) => Promise<Result>): Promise<Result> {
  const interruption = catchInterrupt(terminal, 'interrupted: removing half-written files (interrupt again to end at once)');
  try {
    return await work(interruption.check);
  } finally {
    interruption.end();
  }
}
