import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { counted } from '../../core/counted.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { thisMachine } from '../../io/machine.node.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import { configText } from '../config/yaml.js';
import { duration } from '../format.js';
import { runFiles } from '../run/run-layout.js';
import { lockOwner } from '../run/run-lock.js';
import type { Terminal } from '../terminal.js';
import { sweepFolders } from './sweep-config.js';
import type { Trial } from './trials.js';

/** Options of {@link runSweep}. */
export interface RunSweepOptions {
  readonly out: string;
  readonly parallel: number;
  readonly terminal: Terminal;
  /** Ends the sweep when aborted, after the current runs have saved. */
  readonly signal: AbortSignal;
}

/** Outcome of a sweep. */
export interface SweepOutcome {
  /** Number of runs that ended by themselves, in this call or before. */
  readonly finished: number;
  /** Number of those that diverged. */
  readonly diverged: number;
  /** Runs that failed otherwise, with their last message. */
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  readonly interrupted: boolean;
}

/** Entry of the program: `.ts` in the sources, `.js` in the package. */
const program = fileURLToPath(new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));

/** Seconds between checks of a run that another process holds. */
const patience = 0.5;

/**
 * Runs the trials of a sweep that have no outcome yet, each in its own process, a number at a time. A run that another
 * process holds, such as a run of a killed sweep that is still saving, is waited for.
 *
 * @throws BackendError if the file system refuses; the current runs then save and end first.
 */
export async function runSweep(trials: readonly Trial[], options: RunSweepOptions): Promise<SweepOutcome> {
  const { out, parallel, terminal, signal } = options;
  const waiting: Trial[] = [];
  for (const trial of trials) if ((await endOf(out, trial)) === undefined) waiting.push(trial);
  terminal.notice(`${counted(trials.length, 'run')}, ${trials.length - waiting.length} finished before, ${parallel} at a time`);
  const failed: { name: string; message: string }[] = [];
  const stop = new AbortController();
  const stopAll = (): void => stop.abort();
  signal.addEventListener('abort', stopAll);
  // An aborted signal fires no further event.
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

/** Returns how a trial ended; `undefined` before that. */
async function endOf(out: string, { name }: Trial): Promise<string | undefined> {
  const file = path.join(out, sweepFolders.runs, name, runFiles.outcome);
  if (!(await exists(file))) return undefined;
  const outcome = await readJson('sweep', file);
  return isJsonObject(outcome) && typeof outcome.end === 'string' ? outcome.end : undefined;
}

/** Begins or continues a run. @returns the last line of its messages. */
async function runTrial(trial: Trial, { out, parallel, terminal, signal }: RunSweepOptions): Promise<string> {
  const { name, values } = trial;
  const run = path.join(out, sweepFolders.runs, name);
  const config = path.join(out, sweepFolders.configs, `${name}.yaml`);
  const owner = await lockOwner(run);
  if (owner !== undefined) {
    terminal.notice(`${name}: waiting for process ${owner}, which holds this run`);
    while ((await lockOwner(run)) !== undefined && !signal.aborted) await setTimeout(1000 * patience);
  }
  if (signal.aborted || (await endOf(out, trial)) !== undefined) return '';
  await writeAtomic(config, configText('sweep', values), 'sweep');
  const begun = await exists(path.join(run, runFiles.config));
  const words = begun ? ['resume', run] : ['finetune', config, '--out', run];
  // Cores are shared: with as many threads as cores in every process, threads would wait for one another.
  const threads = process.env.OPENBLAS_NUM_THREADS ?? String(Math.max(1, Math.floor(thisMachine().parallelism / parallel)));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, program, ...words], {
      env: { ...process.env, OPENBLAS_NUM_THREADS: threads },
      // Otherwise Ctrl-C would reach a run of this terminal's process group twice, and end it at once.
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
