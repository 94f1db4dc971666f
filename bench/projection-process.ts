/** The contestants of `bench:projection`: processes that answer one command at a time. */
import path from 'node:path';
import { LineProcess } from './line-process.js';
import type { ProjectionAnswer, ProjectionTask } from './projection-cases.js';

/** What a contestant says of itself; `reason` where it cannot take part. */
export interface ContestantReport {
  readonly description?: string;
  readonly reason?: string;
}

/** One side of the comparison. */
export class ProjectionProcess {
  readonly name: string;
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.name = process.name;
    this.#process = process;
  }

  /** Ours on a backend: bench/projection-worker.ts in a Node of its own. */
  static ours(name: string, backend: string, table: string, environment: Readonly<Record<string, string>> = {}): ProjectionProcess {
    const script = path.join(import.meta.dirname, 'projection-worker.ts');
    const parameters = ['--expose-gc', '--import', 'tsx', script, backend, table];
    return new ProjectionProcess(new LineProcess(name, process.execPath, parameters, environment));
  }

  /** PyTorch, on all threads or a given number, where BURES_PEER_PYTHON names a Python. */
  static peer(name: string, threads: number, table: string): ProjectionProcess | undefined {
    const peer = LineProcess.python(name, path.join(import.meta.dirname, 'peers/projection.py'), [String(threads), table]);
    return peer && new ProjectionProcess(peer);
  }

  about(): Promise<ContestantReport> {
    return this.#process.ask({ do: 'about' }) as Promise<ContestantReport>;
  }

  /** Makes the numbers of a task. */
  async prepare(task: ProjectionTask): Promise<void> {
    await this.#process.ask({ do: 'prepare', task });
  }

  /** One projection of all members. */
  run(): Promise<ProjectionAnswer> {
    return this.#process.ask({ do: 'run' }) as Promise<ProjectionAnswer>;
  }

  /** Writes the first member's A' and B' of the last run, raw float32. */
  async results(files: readonly [string, string]): Promise<void> {
    await this.#process.ask({ do: 'results', files });
  }

  stop(): void {
    this.#process.stop();
  }
}
