/**
 * A contestant of `bench:projection`: a process of its own, asleep whenever it is not asked, that reads and answers one JSON line at a
 * time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { SLEEPING_THREADS } from './peer-process.js';
import type { ProjectionAnswer, ProjectionTask } from './projection-cases.js';

/** What a contestant says of itself; `reason` where it cannot take part. */
export interface ContestantReport {
  readonly description?: string;
  readonly reason?: string;
}

/** One side of the comparison. */
export class ProjectionProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #failure: Promise<never>;

  private constructor(name: string, command: string, parameters: readonly string[], environment: Readonly<Record<string, string>>) {
    this.name = name;
    const child = spawn(command, parameters, {
      env: { ...process.env, ...SLEEPING_THREADS, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error(`${name}: the process has no standard output`);
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#failure = new Promise((_resolve, reject) => {
      child.once('error', (cause) => reject(new Error(`${name}: ${command} does not run`, { cause })));
    });
  }

  /** Ours on a backend: bench/projection-worker.ts in a Node of its own. */
  static ours(name: string, backend: string, table: string, environment: Readonly<Record<string, string>> = {}): ProjectionProcess {
    const script = path.join(import.meta.dirname, 'projection-worker.ts');
    return new ProjectionProcess(name, process.execPath, ['--expose-gc', '--import', 'tsx', script, backend, table], environment);
  }

  /** PyTorch, on all threads or a given number, where BURES_PEER_PYTHON names a Python. */
  static peer(name: string, threads: number, table: string): ProjectionProcess | undefined {
    const python = process.env.BURES_PEER_PYTHON;
    if (python === undefined || python === '') return undefined;
    return new ProjectionProcess(name, python, [path.join(import.meta.dirname, 'peers/projection.py'), String(threads), table], {});
  }

  about(): Promise<ContestantReport> {
    return this.#ask({ do: 'about' }) as Promise<ContestantReport>;
  }

  /** Makes the numbers of a task. */
  async prepare(task: ProjectionTask): Promise<void> {
    await this.#ask({ do: 'prepare', task });
  }

  /** One projection of all members. */
  run(): Promise<ProjectionAnswer> {
    return this.#ask({ do: 'run' }) as Promise<ProjectionAnswer>;
  }

  /** Writes the first member's A' and B' of the last run, raw float32. */
  async results(files: readonly [string, string]): Promise<void> {
    await this.#ask({ do: 'results', files });
  }

  stop(): void {
    this.#child.stdin?.end();
  }

  async #ask(command: object): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await Promise.race([this.#lines.next(), this.#failure]);
    if (done === true) throw new Error(`${this.name}: the process ended`);
    const answer = JSON.parse(value as string) as { error?: string };
    if (answer.error !== undefined) throw new Error(`${this.name}: ${answer.error}`);
    return answer;
  }
}
