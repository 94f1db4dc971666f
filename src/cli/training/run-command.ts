/**
 * The common part of `finetune` and `resume`: a run from its configuration to its outcome, including the reaction to
 * Ctrl-C and SIGTERM.
 */

import { counted } from '../../core/counted.js';
import { makeFolder } from '../../io/files/make-folder.node.js';
import { path } from '../../io/files/path.node.js';
import type { LoraAdapter } from '../../lora/index.js';
import type { CommandResult } from '../command.js';
import type { FinetuneConfig } from '../config/finetune-config.js';
import { readEnvironment } from '../environment.js';
import { duration } from '../format.js';
import { catchInterrupt, type Interruption } from '../interruption.js';
import type { Crew } from '../processes/crew.js';
import { checkSameInputs, sameState } from '../processes/same-everywhere.js';
import { removeHalfWritten } from '../run/best-folder.js';
import type { Checkpoint } from '../run/checkpoint.js';
import { lockRun, type RunLock } from '../run/run-lock.js';
import type { Terminal } from '../terminal.js';
import { type RunOutcome, truncationText } from './run-loop.js';
import { openSession, type Session } from './session.js';
import { trainRun } from './train-run.js';

/** Options of {@link runTraining}. */
export interface RunCommandOptions {
  /** Name of the command, for errors. */
  readonly command: 'finetune' | 'resume';
  readonly config: FinetuneConfig;
  readonly run: string;
  /** Folder of the adapter that the run starts from; `undefined` for the start of its method. */
  readonly initial: string | undefined;
  readonly terminal: Terminal;
  /** The processes that train. */
  readonly crew: Crew;
  /**
   * Called first, in the process that leads, once no other process can have the run.
   * @returns the checkpoint to continue from; `undefined` to begin at the start.
   */
  begin(): Promise<Checkpoint | undefined>;
  /**
   * Called when everything is loaded and nothing is written yet, in the process that leads.
   * @returns the place to continue from, and the number of times changed inputs have been accepted.
   */
  prepare(session: Session, from: Checkpoint | undefined): Promise<Beginning>;
}

/** The place where a run begins or continues. */
export interface Beginning {
  /** Checkpoint to continue from. Default: the start. */
  readonly from?: Checkpoint;
  readonly changes: number;
  /** What changed then, for the model card. */
  readonly changed: readonly string[];
}

/** Runs a training, and describes how it ended. */
export async function runTraining(options: RunCommandOptions): Promise<CommandResult> {
  const { command, config, run, initial, terminal, crew } = options;
  const session = await crew.all(() => openSession(command, config, initial, terminal));
  const interruption = catchInterrupt(terminal, 'interrupted: finishing the step and saving (interrupt again to end at once)');
  try {
    await checkSameInputs(command, session, crew);
    const removeIfEmpty = await crew.lead(() => makeFolder(command, run));
    try {
      const lock = (await crew.lead(() => lockRun(run))) ?? noLock;
      try {
        return await trainLocked(session, options, lock, interruption);
      } finally {
        await lock.release();
      }
    } finally {
      await removeIfEmpty?.();
    }
  } finally {
    interruption.end();
    session.dispose();
  }
}

async function trainLocked(
  session: Session,
  options: RunCommandOptions,
  lock: RunLock,
  interruption: Interruption,
): Promise<CommandResult> {
  const { command, run, terminal, crew, begin, prepare } = options;
  const prepared = await crew.lead(async () => {
    const found = await begin();
    await removeHalfWritten(run);
    return prepare(session, found);
  });
  const beginning = await sameBeginning(prepared, crew);
  for (const notice of session.data.notices) terminal.notice(notice);
  terminal.notice(description(session, run));
  const { signal, received } = interruption;
  return { ...resultOf(await trainRun(session, { command, run, terminal, crew, signal, lock, ...beginning })), endedBy: received() };
}

/** Gives all processes the beginning of the first one. */
async function sameBeginning(own: Beginning | undefined, crew: Crew): Promise<Beginning> {
  const { progress, ...told } = await crew.told(async () => ({
    changes: own?.changes ?? 0,
    changed: own?.changed ?? [],
    progress: own?.from?.progress,
  }));
  const state = await sameState(own?.from?.state, crew);
  return state === undefined || progress === undefined ? told : { ...told, from: { state, progress } };
}

/** What processes have in place of the lock that the first one holds. */
const noLock: RunLock = { check: async () => undefined, write: (_folder, write) => write(), release: async () => undefined };

/** Formats the environment of the run for its file. */
export function environmentText({ model }: Session, processes: number): string {
  return `${JSON.stringify({ started: new Date().toISOString(), ...readEnvironment(model.algebra, processes) }, null, 2)}\n`;
}

function description({ method, adapter, data, steps, model }: Session, run: string): string {
  const { targets, weights } = adapter.layout;
  const { rank, alpha } = adapter.config;
  const trained = targets.reduce(
    (sum, { module: { inFeatures: n, outFeatures: m }, rank }) => sum + (weights.length > 0 ? m * n : rank * (m + n)),
    0,
  );
  return (
    `${method.name}, rank ${rank}${scaling(adapter, alpha)}, on ${counted(targets.length, 'module')} (${counted(trained, 'number')}), ${counted(data.train.length, 'row')} to train on, ${data.valid.length} to validate, ` +
    `${counted(steps, 'step')} on ${model.algebra.report.taken}; run: ${run}`
  );
}

/** Describes α, and the factor s of ΔW = s·AB that it makes; nothing where weights are trained themselves. */
function scaling({ layout }: LoraAdapter, alpha: number): string {
  if (layout.weights.length > 0) return '';
  const scales = [...new Set(layout.targets.map(({ scale }) => Number(scale.toPrecision(4))))];
  return `, α ${alpha} (${scales.length === 1 ? `ΔW = ${scales[0]}·AB` : `factors of AB from ${Math.min(...scales)} to ${Math.max(...scales)}`})`;
}

function resultOf(outcome: RunOutcome): CommandResult {
  const { run, end, step, steps, loss, best, seconds, truncation } = outcome;
  const lossText = loss === undefined ? '' : `, loss ${loss.toFixed(4)}`;
  const lines = [`${run}: ${step} of ${counted(steps, 'step')} in ${duration(seconds)}${lossText}`];
  if (best !== undefined) lines.push(`best validation loss ${best.loss.toFixed(4)} at step ${best.step}: ${path.join(run, 'best')}`);
  if (truncation !== undefined) lines.push(truncationText(truncation));
  if (end === 'early') lines.push('stopped early, because the validation loss no longer improved');
  const failure = end === 'interrupted' ? `interrupted at step ${step}; continue with: bures resume ${run}` : undefined;
  return { data: outcome, text: lines.join('\n'), ...(failure === undefined ? {} : { failure }) };
}
