/** A process of its own, asleep whenever it is not asked, that reads and answers one JSON line at a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * Makes idle threads of OpenMP, MKL and OpenBLAS sleep at once, in all processes: a spinning pool would slow down the
 * other side.
 */
export const SLEEPING_THREADS: Readonly<Record<string, string>> = {
  OMP_WAIT_POLICY: 'passive',
  KMP_BLOCKTIME: '0',
  OPENBLAS_THREAD_TIMEOUT: '4',
};

/** One side of a comparison. */
export class LineProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** Settles, with an error, only if the program cannot be started. */
  readonly #failure: Promise<never>;
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;

  /** @param name - for messages. */
  constructor(name: string, command: string, parameters: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.name = name;
    const child = spawn(command, parameters, {
      env: { ...process.env, ...SLEEPING_THREADS, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error(`${name}: the process has no standard output`);
    // A process that has ended is reported by the next answer that is missing.
    child.stdin?.on('error', () => undefined);
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#failure = new Promise((_resolve, reject) => {
      child.once('error', (cause) => reject(new Error(`${name}: ${command} does not run`, { cause })));
    });
    this.ended = new Promise((resolve) => {
      for (const event of ['close', 'error']) child.once(event, () => resolve());
    });
    // Whoever asks next is told.
    this.#failure.catch(() => undefined);
  }

  /** The interpreter that BURES_PEER_PYTHON names, with a script of bench/peers; `undefined` where it names none. */
  static python(name: string, script: string, parameters: readonly string[] = []): LineProcess | undefined {
    const python = process.env.BURES_PEER_PYTHON;
    if (python === undefined || python === '') return undefined;
    return new LineProcess(name, python, [script, ...parameters]);
  }

  /** Sends a command and waits for its answer. */
  async ask(command: object): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await Promise.race([this.#lines.next(), this.#failure]);
    if (done === true) throw new Error(`${this.name}: the process ended; run its script by hand to see why`);
    const answer = JSON.parse(value as string) as { error?: string };
    if (answer.error !== undefined) throw new Error(`${this.name}: ${answer.error}`);
    return answer;
  }

  /** Ends the process. */
  stop(): void {
    this.#child.stdin?.end();
  }
}
