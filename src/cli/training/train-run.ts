/** Training of a run until it ends for one of four reasons, and what is kept of it when it fails. */
import { BackendError, NumericalError } from '../../core/errors.js';
import { path } from '../../io/files/path.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { showProgress } from '../progress.js';
import { latestCheckpoint, removeOldCheckpoints } from '../run/checkpoint.js';
import { noRecorder, openRecorder } from '../run/recorder.js';
import { runFiles } from '../run/run-layout.js';
import { type RunEnd, RunLoop, type RunOutcome, type TrainRunOptions } from './run-loop.js';
import type { Session } from './session.js';

/**
 * Trains a run.
 *
 * @throws NumericalError, naming the last checkpoint, if a loss or gradient is not finite; BackendError if a checkpoint
 * cannot be written, or if the folder, which is checked before each write, was removed. Earlier checkpoints stay.
 */
export async function trainRun(session: Session, options: TrainRunOptions): Promise<RunOutcome> {
  const { command, run, from, terminal, lock, crew } = options;
  const progress = showProgress(terminal, session.config.logEvery);
  let loop: RunLoop | undefined;
  try {
    const recorder =
      (await crew.lead(async () => {
        await removeOldCheckpoints(run, session.config.keepCheckpoints);
        return openRecorder(run, from?.state.step, session.config.tensorboard, () => lock.check());
      })) ?? noRecorder;
    loop = new RunLoop(session, options, recorder, progress);
    const outcome = await loop.train();
    if (outcome.end !== 'interrupted' && crew.leads) {
      await lock.check();
      await writeOutcome(run, outcome);
    }
    return outcome;
  } catch (thrown) {
    const error = memoryError(command, thrown) ?? thrown;
    if (!crew.leads || !(error instanceof NumericalError || error instanceof BackendError)) throw thrown;
    // Removal of the run takes precedence over any other error.
    await lock.check();
    const kept = await latestCheckpoint(run);
    const saved = kept === undefined ? 'no checkpoint has been written yet' : `the last good checkpoint is ${kept}`;
    if (error instanceof BackendError)
      throw new BackendError(`${error.message}; ${saved}; continue with: bures resume ${run}`, { cause: thrown });
    await writeOutcome(run, { end: 'diverged', reason: error.message });
    throw new NumericalError(`${error.message}; ${saved}`, { cause: thrown });
  } finally {
    progress.end();
    loop?.dispose();
  }
}

/** Records that a run ended by itself, so that a sweep does not begin it again. */
async function writeOutcome(run: string, outcome: RunOutcome | { readonly end: RunEnd; readonly reason: string }): Promise<void> {
  await writeAtomic(path.join(run, runFiles.outcome), `${JSON.stringify(outcome, null, 2)}\n`);
}

/**
 * Returns the error for an array for which JavaScript has no memory. The heap of WebAssembly reports its own.
 *
 * @param command - the command that trains.
 * @returns `undefined` if something else was thrown.
 */
export function memoryError(command: string, thrown: unknown): BackendError | undefined {
  if (!(thrown instanceof RangeError && /allocation failed|Invalid (typed )?array( buffer)? length/.test(thrown.message))) return undefined;
  const { rss } = process.memoryUsage();
  return new BackendError(
    `${command}: expected memory for an array, got none (${thrown.message}; the process has ${rss} bytes); train with shorter rows, a smaller batch or a lower rank`,
    { cause: thrown },
  );
}
