/** A worker seen from outside: it is given batches, watched, and ended if an input takes too much time or memory. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Batch, Order, Report, WorkerSettings } from './messages.js';

/** What an input may take. */
export interface Limits {
  /** Seconds of processor time. */
  readonly seconds: number;
  /** Bytes of memory of the whole process. */
  readonly bytes: number;
}

/** How a batch ended. */
export type BatchEnd =
  | { readonly kind: 'done'; readonly next: number; readonly retire: boolean }
  /** The process is gone. `seed` is the input it had; without one it died before the first. */
  | { readonly kind: 'hang' | 'crash'; readonly seed: number | undefined; readonly reason: string };

/** Milliseconds between looks at a process. */
const watchEvery = 100;
/** An input that waits without computing may take this many times the limit, and so may loading what a class needs. */
const patience = 12;

/** Ticks of /proc a second, which Linux has fixed for programs; and bytes of a page. */
const [ticks, page] = [100, 4096];

/** One process. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #limits: Limits;
  #said = '';
  #onReport: (report: Report) => void = () => undefined;
  #onExit: (reason: string) => void = () => undefined;
  #gone = false;
  readonly #begun = performance.now() / 1000;
  /** What it had used when it was looked at last. */
  #last: Spent = { wall: performance.now() / 1000, processor: 0, bytes: 0 };

  constructor(settings: WorkerSettings, limits: Limits) {
    this.#limits = limits;
    this.#child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [JSON.stringify(settings)], {
      execArgv: ['--import', 'tsx', `--max-old-space-size=${Math.floor((0.7 * limits.bytes) / 2 ** 20)}`],
      env: { ...process.env, OPENBLAS_NUM_THREADS: '1' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-8000);
    });
    this.#child.on('message', (report: Report) => this.#onReport(report));
    // 'close' comes after the last of what it said.
    this.#child.on('close', (code, signal) => {
      this.#gone = true;
      this.#onExit(`${signal ?? `exit status ${code}`}: ${lastWords(this.#said)}`);
    });
  }

  /** Asks it to end its batch after the input it is at. */
  stop(): void {
    if (this.#child.connected) this.#order({ kind: 'stop' });
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Seconds of processor time that it has used; of the wall clock where the system does not tell. */
  get seconds(): number {
    if (!this.#gone) this.#last = this.#spent();
    return this.#last.processor > 0 ? this.#last.processor : this.#last.wall - this.#begun;
  }

  /** Has a batch tried. @param onVerdict - for each input that came to an end. */
  run(batch: Batch, onVerdict: (report: Extract<Report, { kind: 'verdict' }>) => void): Promise<BatchEnd> {
    return new Promise((resolve) => {
      let seed: number | undefined;
      let began = this.#spent();
      let killedFor: Pick<Extract<BatchEnd, { reason: string }>, 'kind' | 'reason'> | undefined;
      const watch = setInterval(() => {
        killedFor ??= this.#excess(began, seed === undefined);
        if (killedFor !== undefined) this.kill();
      }, watchEvery);
      const end = (result: BatchEnd): void => {
        clearInterval(watch);
        this.#onExit = () => undefined;
        resolve(result);
      };
      this.#onExit = (reason) => end({ ...(killedFor ?? { kind: 'crash', reason }), seed });
      this.#onReport = (report) => {
        if (report.kind === 'done') return end(report);
        if (report.kind === 'verdict') onVerdict(report);
        seed = report.kind === 'begin' ? report.seed : report.kind === 'verdict' ? undefined : seed;
        began = this.#spent();
      };
      if (this.#gone) return end({ kind: 'crash', seed, reason: lastWords(this.#said) });
      this.#order({ kind: 'batch', batch });
    });
  }

  #order(order: Order): void {
    // A process that has just died is noticed by its exit.
    this.#child.send(order, () => undefined);
  }

  /**
   * Why it has to end, if it has to. Time is the processor's where the system tells, so that a busy machine makes no
   * input slow.
   */
  #excess(began: Spent, loading: boolean): { readonly kind: 'hang' | 'crash'; readonly reason: string } | undefined {
    const { seconds, bytes } = this.#limits;
    const now = this.#spent();
    if (now.processor > 0) this.#last = now;
    const [processor, wall] = [now.processor - began.processor, now.wall - began.wall];
    if (processor > (loading ? patience : 1) * seconds) return { kind: 'hang', reason: `${seconds} s of processor time` };
    if (wall > patience * seconds * (loading ? 5 : 1)) return { kind: 'hang', reason: `${patience * seconds} s` };
    if (now.bytes > bytes) return { kind: 'crash', reason: `${Math.round(now.bytes / 2 ** 20)} MiB of memory` };
    return undefined;
  }

  #spent(): Spent {
    const wall = performance.now() / 1000;
    try {
      // The name of the program, in parentheses, may hold spaces.
      const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return { wall, processor: (Number(fields[11]) + Number(fields[12])) / ticks, bytes: Number(fields[21]) * page };
    } catch {
      // No Linux, or the process has just ended: the wall clock counts, and V8's own limit of memory.
      return { wall, processor: 0, bytes: 0 };
    }
  }
}

/** What a process has used so far: seconds, and bytes at present. */
interface Spent {
  readonly wall: number;
  readonly processor: number;
  readonly bytes: number;
}

/** The line of a fatal error, or else the last one. */
function lastWords(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /FATAL|Error|Aborted|panic/i.test(line)) ?? lines.at(-1) ?? 'without a word').slice(0, 300);
}
