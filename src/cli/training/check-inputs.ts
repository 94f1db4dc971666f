/** Checks that a resumed run continues with the inputs it began with, by their fingerprints. */

import type { Tensor } from '@tensorflow/tfjs-core';
import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import { forEachLeaf } from '../../core/tree.js';
import { hashFile } from '../../io/files/checksums.node.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { openSafetensors } from '../../io/index.js';
import { keysOf } from '../config/finetune-config.js';
import type { Checkpoint } from '../run/checkpoint.js';
import {
  changedInputs,
  type Fingerprints,
  fingerprintsText,
  inputDifferences,
  keyDifferences,
  type Places,
  readFingerprints,
  rowsFingerprint,
} from '../run/fingerprints.js';
import { runFiles } from '../run/run-layout.js';
import type { Session } from './session.js';
import { warmupSteps } from './training-plan.js';

/** Options of {@link checkInputs}. */
export interface CheckInputsOptions {
  readonly run: string;
  readonly from: Checkpoint | undefined;
  /** If true, changes are accepted. */
  readonly accept: boolean;
  /** Receives the changes that were accepted or do not matter. */
  notice(line: string): void;
}

/** The changes of its inputs that a run has accepted. */
export interface AcceptedChanges {
  /** How often changed inputs were accepted. */
  readonly changes: number;
  /** What changed, and until which step it was otherwise. */
  readonly changed: readonly string[];
}

/**
 * Compares the fingerprints of a run with its present inputs, and records the present ones if they may differ.
 *
 * @returns the changes that have been accepted, these included.
 * @throws ConfigError naming all differences that are not accepted, or that the checkpoint does not fit; FormatError if
 * the fingerprints are damaged and nothing is accepted; BackendError if the file system refuses.
 */
export async function checkInputs(session: Session, { run, from, accept, notice }: CheckInputsOptions): Promise<AcceptedChanges> {
  const now = await takeFingerprints('resume', session);
  const record = async (accepted: AcceptedChanges): Promise<AcceptedChanges> => {
    const { changes, changed } = accepted;
    const content = { ...now, changes, ...(changed.length === 0 ? {} : { changed }) };
    await writeAtomic(path.join(run, runFiles.fingerprints), fingerprintsText(content));
    return accepted;
  };
  const until = (what: readonly string[]): readonly string[] => what.map((one) => `${one} until step ${from?.state.step ?? 0}`);
  let before: Fingerprints | undefined;
  try {
    before = await readFingerprints(run);
  } catch (error) {
    if (!accept) throw error;
    const accepted = await record({ changes: (from?.progress.changes ?? 0) + 1, changed: until(['inputs that are not known']) });
    notice('accepted: the earlier inputs of the run are not known, because their record is damaged');
    return accepted;
  }
  if (before === undefined) {
    notice(
      'this run has no record of its inputs, as it was begun by an earlier version; changes until now cannot be noticed, but later ones will be',
    );
    return record({ changes: 0, changed: [] });
  }
  const differences = inputDifferences(before, now, placesOf(session));
  if (differences.length > 0) {
    if (!accept) throw new ConfigError(refusal(run, differences));
    if (from !== undefined) checkFits(session, from, differences);
  }
  const harmless = [...stepsDifference(session, before.steps), ...keyDifferences(before.rounding, now.rounding).map(roundingWarning)];
  const accepted = {
    changes: before.changes + (differences.length > 0 ? 1 : 0),
    changed: [...(before.changed ?? []), ...until(changedInputs(before, now))],
  };
  if (differences.length + harmless.length > 0) await record(accepted);
  for (const line of [...differences.map((difference) => `accepted: ${difference}`), ...harmless]) notice(line);
  return accepted;
}

function refusal(run: string, differences: readonly string[]): string {
  const remedy = `restore what it was, or accept what it is now, and choose the best adapter anew, with: bures resume ${run} --accept-changes`;
  if (differences.length === 1) return `resume: ${run} was begun with other inputs: ${differences[0]}; ${remedy}`;
  return `resume: ${run} was begun with other inputs:${differences.map((line) => `\n  ${line}`).join('')}\n${remedy}`;
}

/** Checks the arrays. @throws ConfigError if a checkpoint has other arrays than are trained now: no flag helps then. */
function checkFits({ adapter, model }: Session, { state }: Checkpoint, differences: readonly string[]): void {
  const expected = new Map<string, string>();
  const expect = (tree: unknown, root: string): void =>
    forEachLeaf<Tensor>(model.algebra, tree, (leaf, name) => expected.set(name, leaf.shape.join('×')), root);
  expect(adapter.point, 'point');
  // The part that the start took out of the base belongs to the state: a start that takes nothing, or that of another
  // method, cannot continue with it.
  if (adapter.taken !== undefined) expect(adapter.taken, 'taken');
  const found = new Map(
    Object.entries(state.arrays)
      .filter(([name]) => !name.startsWith('memory.'))
      .map(([name, { shape }]) => [name, shape.join('×')]),
  );
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    if (expected.get(name) === found.get(name)) continue;
    throw new ConfigError(
      `resume: the checkpoint of step ${state.step} does not fit this change: ${differences.join('; ')}; ` +
        `its array ${name} is ${found.get(name) ?? 'absent'}, but would have to be ${expected.get(name) ?? 'absent'}. Restore what it was, or begin another run`,
    );
  }
}

function stepsDifference({ config, steps }: Session, before: number): readonly string[] {
  if (steps === before) return [];
  const consequence =
    config.schedule === 'constant'
      ? config.warmup > 0 && config.warmup < 1
        ? `; the warm-up is now ${counted(warmupSteps(config.warmup, steps), 'step')}, not ${warmupSteps(config.warmup, before)}`
        : ''
      : `; from here on the learning rate follows the ${config.schedule} schedule over ${counted(steps, 'step')}, not over ${before}`;
  return [`steps were ${before} and are now ${steps}${consequence}`];
}

function roundingWarning(difference: string): string {
  return `warning: the result may differ in rounding, because ${difference}`;
}

/** The files of a base model besides its weights; missing ones are skipped. */
const modelFiles = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
] as const;

/**
 * Takes the fingerprints of an open run. This costs one more reading of the base model ({@link hashFile}).
 *
 * @throws FormatError if a file of the base model can no longer be read.
 */
export async function takeFingerprints(caller: string, { config, base, data, steps }: Session): Promise<Fingerprints> {
  const { training, validation } = data.files;
  return {
    changes: 0,
    steps,
    keys: { ...keysOf(config, 'decides'), ...(data.valid.length > 0 ? keysOf(config, 'chooses') : {}) },
    rounding: keysOf(config, 'rounds'),
    rows: {
      training: rowsFingerprint(training.rows),
      validation: rowsFingerprint(validation?.rows ?? []),
      used: { training: data.train.length, validation: data.valid.length },
    },
    model: await hashModel(caller, base.folder),
  };
}

/** Returns the locations of the compared things. */
export function placesOf({ base, data: { files } }: Session): Places {
  return { model: base.folder, training: files.training.file, validation: files.validation?.file };
}

async function hashModel(caller: string, folder: string): Promise<Readonly<Record<string, string>>> {
  const store = await openSafetensors(folder, { caller });
  await store.close();
  const weights = new Set([...store.entries.values()].map(({ file }) => path.basename(file)));
  const hashes: Record<string, string> = {};
  for (const name of [...modelFiles, ...[...weights].sort()]) {
    const file = path.join(folder, name);
    if (await exists(file)) hashes[name] = await hashFile(caller, file);
  }
  return hashes;
}
