/** What `finetune` and `resume` share: a run from its configuration to its outcome, with the reaction to Ctrl-C. */
import path from 'node:path';
import { makeFolder } from '../../core/make-folder.js';
import type { CommandResult } from '../command.js';
import type { FinetuneConfig } from '../config/finetune-config.js';
import { readEnvironment } from '../environment.js';
import { duration } from '../format.js';
import { clearLine } from '../live-line.js';
import type { Checkpoint } from '../run/checkpoint.js';
import { removeHalfWritten } from '../run/leftovers.js';
import { lockRun } from '../run/run-lock.js';
import type { Terminal } from '../terminal.js';
import { openSession, type Session } from './session.js';
import { type RunOutcome, trainRun } from './train-run.js';

/** What a run begins with. */
export interface RunCommandOptions {
  readonly config: FinetuneConfig;
  readonly run: string;
  readonly from?: Checkpoint;
  readonly terminal: Terminal;
  /** Called when all is loaded and nothing is written yet. */
  prepare(session: Session): Promise<void>;
}

/** Runs, and says how it ended. */
export async function runTraining({ config, run, from, terminal, prepare }: RunCommandOptions): Promise<CommandResult> {
  const interruption = new AbortController();
  const interrupt = (): void => {
    // A second Ctrl-C finds the default reaction again: the program ends at once.
    process.removeListener('SIGINT', interrupt);
    clearLine(terminal);
    terminal.notice('interrupted: finishing the step and saving (again to end at once)');
    interruption.abort();
  };
  const session = await openSession(config);
  process.on('SIGINT', interrupt);
  let unlock: (() => Promise<void>) | undefined;
  let removeIfEmpty: (() => Promise<void>) | undefined;
  try {
    removeIfEmpty = await makeFolder('run', run);
    unlock = await lockRun(run);
    await removeHalfWritten(run);
    await prepare(session);
    for (const notice of session.data.notices) terminal.notice(notice);
    terminal.notice(description(session, run));
    const outcome = await trainRun(session, { run, terminal, signal: interruption.signal, ...(from === undefined ? {} : { from }) });
    return resultOf(outcome);
  } finally {
    await unlock?.();
    await removeIfEmpty?.();
    process.removeListener('SIGINT', interrupt);
    session.dispose();
  }
}

/** What the run computes on, as the text of its file. */
export function environmentText({ model }: Session): string {
  return `${JSON.stringify({ started: new Date().toISOString(), ...readEnvironment(model.algebra) }, null, 2)}\n`;
}

function description({ method, adapter, data, steps, model }: Session, run: string): string {
  const { targets } = adapter.layout;
  const trained = targets.reduce((sum, { module, rank }) => sum + rank * (module.inFeatures + module.outFeatures), 0);
  return (
    `${method.name} on ${targets.length} modules (${trained} numbers), ${data.train.length} rows to train on, ${data.valid.length} to validate, ` +
    `${steps} steps on ${model.algebra.report.taken}; run: ${run}`
  );
}

function resultOf(outcome: RunOutcome): CommandResult {
  const { run, end, step, steps, loss, best, seconds } = outcome;
  const lines = [`${run}: ${step} of ${steps} steps in ${duration(seconds)}, loss ${loss.toFixed(4)}`];
  if (best !== undefined) lines.push(`best validation loss ${best.loss.toFixed(4)} at step ${best.step}: ${path.join(run, 'best')}`);
  if (end === 'early') lines.push('stopped early: the validation loss has not improved any more');
  const failure = end === 'interrupted' ? `interrupted at step ${step}; go on with: bures resume ${run}` : undefined;
  return { data: outcome, text: lines.join('\n'), ...(failure === undefined ? {} : { failure }) };
}
