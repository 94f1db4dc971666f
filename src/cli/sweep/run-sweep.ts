/** Runs a sweep in processes of their own, a number at a time; what is finished is not run again. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { exists } from '../adapter/adapter-folder.js';
import { configText } from '../config/write-config.js';
import { duration } from '../format.js';
import { runFiles } from '../run/run-layout.js';
import { lockOwner } from '../run/run-lock.js';
import type { Terminal } from '../terminal.js';
import { sweepFolders } from './sweep-layout.js';
import type { Trial } from './trials.js';

/** How to run. */
export interface RunSweepOptions {
  readonly out: string;
  readonly parallel: number;
  readonly terminal: Terminal;
  /** Aborting ends after what is running has saved. */
  readonly signal: AbortSignal;
}

/** What a sweep came to. */
export interface SweepOutcome {
  /** Runs that ended by themselves, in this call or before. */
  readonly finished: number;
  /** Of them, those that diverged. */
  readonly diverged: number;
  /** Runs that failed otherwise, with their last message. */
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  readonly interrupted: boolean;
}

/** The entry of the program: `.ts` in the sources, `.js` in the package. */
const program = fileURLToPath(new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));

/** Seconds between looks at a run that another process has. */
const patience = 0.5;

/**
 * Runs all trials that have no outcome yet. A run that another process has, such as one of a sweep that was killed and that saves now, is waited for.
 *
 * @throws BackendError if the file system refuses; the runs that go on then save and end first.
 */
export async function runSweep(trials: readonly Trial[], options: RunSweepOptions): Promise<SweepOutcome> {
  const { out, parallel, terminal, signal } = options;
  const waiting: Trial[] = [];
  for (const trial of trials) if ((await endOf(out, trial)) === undefined) waiting.push(trial);
  terminal.notice(`${trials.length} runs, ${trials.length - waiting.length} finished before, ${parallel} at a time`);
  const failed: { name: string; message: string }[] = [];
  const stop = new AbortController();
  const stopAll = (): void => stop.abort();
  signal.addEventListener('abort', stopAll);
  // A signal that is aborted already fires no event.
  if (signal.aborted) stopAll();
  const begun = performance.now();
  let done = 0;
  const work = async (): Promise<void> => {
    for (let trial = waiting.shift(); trial !== undefined && !stop.signal.aborted; trial = waiting.shift()) {
      const message = await runTrial(trial, { ...options, signal: stop.signal });
      const end = await endOf(out, trial);
      if (stop.signal.aborted) return;
      if (end === undefined) failed.push({ name: trial.name, message });
      done++;
      const left = ((performance.now() - begun) / 1000 / done) * waiting.length;
      terminal.notice(
        `${trial.name}: ${end ?? `failed: ${message}`}; ${waiting.length} to go${waiting.length > 0 ? `, about ${duration(left)}` : ''}`,
      );
    }
  };
  try {
    const workers = Array.from({ length: parallel }, work);
    for (const worker of workers) worker.catch(stopAll);
    for (const result of await Promise.allSettled(workers)) if (result.status === 'rejected') throw result.reason;
  } finally {
    signal.removeEventListener('abort', stopAll);
  }
  const ends = await Promise.all(trials.map((trial) => endOf(out, trial)));
  return {
    finished: ends.filter((end) => end !== undefined).length,
    diverged: ends.filter((end) => end === 'diverged').length,
    failed,
    interrupted: signal.aborted,
  };
}

/** How a trial ended; `undefined` before it has. */
async function endOf(out: string, { name }: Trial): Promise<string | undefined> {
  const file = path.join(out, sweepFolders.runs, name, runFiles.outcome);
  if (!(await exists(file))) return undefined;
  const outcome = await readJson('sweep', file);
  return isJsonObject(outcome) && typeof outcome.end === 'string' ? outcome.end : undefined;
}

/** Begins a run, or goes on with it. @returns the last line of what it said. */
async function runTrial(trial: Trial, { out, parallel, terminal, signal }: RunSweepOptions): Promise<string> {
  const { name, values } = trial;
  const run = path.join(out, sweepFolders.runs, name);
  const config = path.join(out, sweepFolders.configs, `${name}.yaml`);
  const owner = await lockOwner(run);
  if (owner !== undefined) {
    terminal.notice(`${name}: waiting for process ${owner}, which has it`);
    while ((await lockOwner(run)) !== undefined && !signal.aborted) await setTimeout(1000 * patience);
  }
  if (signal.aborted || (await endOf(out, trial)) !== undefined) return '';
  await writeAtomic(config, configText('sweep', values));
  const begun = await exists(path.join(run, runFiles.config));
  const words = begun ? ['resume', run] : ['finetune', config, '--out', run];
  // Cores are shared out: as many threads in every process as there are cores would only wait for one another.
  const threads = process.env.OPENBLAS_NUM_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / parallel)));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, program, ...words], {
      env: { ...process.env, OPENBLAS_NUM_THREADS: threads },
      // Ctrl-C would reach a run of this terminal's process group twice, and so end it at once.
      detached: process.platform !== 'win32',
      // The channel tells a run when its sweep has died.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const interrupt = (): void => void child.kill('SIGINT');
    signal.addEventListener('abort', interrupt);
    if (signal.aborted) interrupt();
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', () => {
      signal.removeEventListener('abort', interrupt);
      resolve(said.trim().split('\n').at(-1) ?? '');
    });
  });
}
