/** The peers, NumPy and PyTorch, in a process that lives as long as the benchmark and sleeps whenever it is not asked. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Makes idle threads of OpenMP, MKL and OpenBLAS sleep at once, in both processes: a spinning pool would slow down the other side. */
export const SLEEPING_THREADS: Readonly<Record<string, string>> = {
  OMP_WAIT_POLICY: 'passive',
  KMP_BLOCKTIME: '0',
  OPENBLAS_THREAD_TIMEOUT: '4',
};

/** A library of the peer process. */
export interface PeerLibrary {
  readonly version: string;
  readonly threads: number | null;
}

/** An input of a case: raw numbers in a file. */
export interface PeerInput {
  readonly file: string;
  readonly shape: readonly number[];
  /** float64 where not given. */
  readonly dtype?: 'float32' | 'float64';
}

/** Talks to bench/peers/peers.py, one command at a time. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** Settles, with an error, only if the interpreter cannot be started. */
  readonly #failure: Promise<never>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('the peer process has no standard output');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#failure = new Promise((_resolve, reject) => {
      child.once('error', (cause) => reject(new Error('BURES_PEER_PYTHON does not name a Python that runs', { cause })));
    });
  }

  /** Starts the interpreter that BURES_PEER_PYTHON names, if it names one. */
  static start(): PeerProcess | undefined {
    const python = process.env.BURES_PEER_PYTHON;
    if (python === undefined || python === '') return undefined;
    const script = path.join(import.meta.dirname, 'peers/peers.py');
    const child = spawn(python, [script], { env: { ...process.env, ...SLEEPING_THREADS }, stdio: ['pipe', 'pipe', 'inherit'] });
    return new PeerProcess(child);
  }

  /** The libraries that are there. */
  about(): Promise<Record<string, PeerLibrary>> {
    return this.#ask({ do: 'about' }) as Promise<Record<string, PeerLibrary>>;
  }

  /** Loads a case's inputs. @returns the libraries that can compute it. */
  async prepare(name: string, kind: string, inputs: readonly PeerInput[]): Promise<readonly string[]> {
    return ((await this.#ask({ do: 'prepare', case: name, kind, inputs })) as { libraries: string[] }).libraries;
  }

  /** Seconds for one call, the mean of `repeat`. */
  async run(name: string, library: string, repeat: number): Promise<number> {
    return ((await this.#ask({ do: 'run', case: name, library, repeat })) as { seconds: number }).seconds;
  }

  /** Writes the results of one call to files. */
  async results(name: string, library: string, files: readonly string[]): Promise<void> {
    await this.#ask({ do: 'results', case: name, library, files });
  }

  stop(): void {
    this.#child.stdin?.end();
  }

  async #ask(command: object): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await Promise.race([this.#lines.next(), this.#failure]);
    if (done === true) throw new Error('the peer process ended; run its script by hand to see why');
    const answer = JSON.parse(value as string) as { error?: string };
    if (answer.error !== undefined) throw new Error(`the peer process reports: ${answer.error}`);
    return answer;
  }
}
