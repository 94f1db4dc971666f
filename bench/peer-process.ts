/**
 * The peers, NumPy and PyTorch, in a process that lives as long as the benchmark and sleeps whenever it is not asked.
 */
import path from 'node:path';
import { LineProcess } from './line-process.js';

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
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** Starts the interpreter that BURES_PEER_PYTHON names, if it names one. */
  static start(): PeerProcess | undefined {
    const peer = LineProcess.python('the peer process', path.join(import.meta.dirname, 'peers/peers.py'));
    return peer && new PeerProcess(peer);
  }

  /** The libraries that are there. */
  about(): Promise<Record<string, PeerLibrary>> {
    return this.#process.ask({ do: 'about' }) as Promise<Record<string, PeerLibrary>>;
  }

  /** Loads a case's inputs. @returns the libraries that can compute it. */
  async prepare(name: string, kind: string, inputs: readonly PeerInput[]): Promise<readonly string[]> {
    return ((await this.#process.ask({ do: 'prepare', case: name, kind, inputs })) as { libraries: string[] }).libraries;
  }

  /** Seconds for one call, the mean of `repeat`. */
  async run(name: string, library: string, repeat: number): Promise<number> {
    return ((await this.#process.ask({ do: 'run', case: name, library, repeat })) as { seconds: number }).seconds;
  }

  /** Writes the results of one call to files. */
  async results(name: string, library: string, files: readonly string[]): Promise<void> {
    await this.#process.ask({ do: 'results', case: name, library, files });
  }

  stop(): void {
    this.#process.stop();
  }
}
