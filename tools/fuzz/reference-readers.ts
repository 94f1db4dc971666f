/**
 * The programs that the formats come from, where there is a Python that has them: what the library accepts, they must
 * accept.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ReferenceKind } from './fuzz-class.js';

const modules: Readonly<Record<ReferenceKind, string>> = { safetensors: 'safetensors', npy: 'numpy' };

/** Where the values stand that the library read from a file: float64, first the number of axes and their lengths. */
export function valuesBeside(file: string): string {
  return `${file}.values`;
}

/** Reads files by other programs. */
export class ReferenceReaders {
  /** The formats that can be read. */
  readonly kinds: ReadonlySet<ReferenceKind>;
  /** Says which readers there are, and why others are not. */
  readonly notice: string;
  readonly #python: string;
  #process: ChildProcessWithoutNullStreams | undefined;
  #lines: Interface | undefined;
  /** The question before, which is answered first. */
  #last: Promise<unknown> = Promise.resolve();

  /** Looks for a Python: the one that BURES_PEER_PYTHON names, or `python3`. */
  constructor() {
    this.#python = process.env.BURES_PEER_PYTHON || 'python3';
    const found = (Object.keys(modules) as ReferenceKind[]).map((kind) => [kind, importError(this.#python, kind)] as const);
    this.kinds = new Set(found.flatMap(([kind, problem]) => (problem === undefined ? [kind] : [])));
    this.notice = found
      .map(
        ([kind, problem]) =>
          `accepted ${kind} files are ${problem === undefined ? 'read again by' : 'not compared with'} ${modules[kind]} of ${this.#python}${problem === undefined ? '' : ` (${problem}); set BURES_PEER_PYTHON`}`,
      )
      .join('\n');
  }

  /**
   * Why the format's own reader refuses a file, or in what it reads something else than the library; null if it accepts
   * it. Files are read one after another.
   */
  refusal(kind: ReferenceKind, file: string): Promise<string | null> {
    const answer = this.#last.then(() => this.#ask(kind, file));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #ask(kind: ReferenceKind, file: string): Promise<string | null> {
    this.#process ??= this.#start();
    const answer = new Promise<string | null>((resolve) => {
      this.#lines?.once('line', (line) => resolve(JSON.parse(line) as string | null));
      this.#process?.once('close', (code) => resolve(`the reader ended with status ${code}`));
    });
    this.#process.stdin.write(`${kind}\t${file}\n`);
    const refusal = await answer;
    this.#process?.removeAllListeners('close');
    if (this.#process?.exitCode !== null) this.#process = undefined;
    return refusal;
  }

  /** Ends the Python. */
  close(): void {
    this.#process?.stdin.end();
  }

  #start(): ChildProcessWithoutNullStreams {
    const child = spawn(this.#python, [fileURLToPath(new URL('reference-readers.py', import.meta.url))]);
    this.#lines = createInterface({ input: child.stdout });
    return child;
  }
}

function importError(python: string, kind: ReferenceKind): string | undefined {
  try {
    execFileSync(python, ['-c', kind === 'safetensors' ? 'import safetensors, numpy' : 'import numpy'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    return code === 'ENOENT' ? 'there is no such program' : (stderr?.trim().split('\n').at(-1) ?? String(error));
  }
}
