/** Checks that all processes of a run have the same inputs and the same adapter, and gives them the same state. */
import { createHash } from 'node:crypto';
import type { Tensor } from '@tensorflow/tfjs-core';
import { BackendError, ConfigError } from '../../core/errors.js';
import { forEachLeaf } from '../../core/tree.js';
import type { LoraAdapter, SavedArray, TrainingState } from '../../lora/index.js';
import { inputDifferences } from '../run/fingerprints.js';
import { placesOf, takeFingerprints } from '../training/check-inputs.js';
import type { Session } from '../training/session.js';
import { type Crew, tell } from './crew.js';

/**
 * Requires the rows and the base model of the first process in all of them.
 *
 * @throws ConfigError in all processes, naming the first that has others and what differs.
 */
export async function checkSameInputs(command: string, session: Session, crew: Crew): Promise<void> {
  if (crew.communicator === undefined) return;
  const own = await crew.all(() => takeFingerprints(command, session));
  const first = await crew.told(async () => own);
  await crew.all(async () => {
    const differences = inputDifferences(first, own, placesOf(session));
    if (differences.length === 0) return;
    throw new ConfigError(
      `${command}: expected the inputs of process 0, got others: ${differences.join('; ')}; copy the files of its machine to this one`,
    );
  });
}

/**
 * Requires the same adapter, bit for bit, in all processes.
 *
 * @throws BackendError in all of them, naming those that have another one than the first.
 */
export async function checkSameAdapter(command: string, adapter: LoraAdapter, step: number, { communicator }: Crew): Promise<void> {
  if (communicator === undefined) return;
  const digests = (await communicator.gather(await digestOf(adapter))).map((bytes) => Buffer.from(bytes).toString('hex'));
  const others = communicator.names.filter((_, rank) => digests[rank] !== digests[0]);
  if (others.length === 0) return;
  throw new BackendError(
    `${command}: after step ${step} the adapter of ${others.join(' and ')} differs from that of process 0, since they round differently; ` +
      'use machines with the same processor, Node.js and BLAS library (bures doctor shows them), or set OPENBLAS_CORETYPE to the same kernels on all',
  );
}

/** Returns the SHA-256 of all trained numbers. */
async function digestOf({ model, point }: LoraAdapter): Promise<Uint8Array> {
  const leaves: Tensor[] = [];
  forEachLeaf<Tensor>(model.algebra, point, (leaf) => leaves.push(leaf));
  const hash = createHash('sha256');
  for (const leaf of leaves) {
    const { buffer, byteOffset, byteLength } = await leaf.data();
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest();
}

/** Gives all processes the state of the first one; only its machine has the folder of the run. */
export async function sameState(state: TrainingState | undefined, crew: Crew): Promise<TrainingState | undefined> {
  const { communicator } = crew;
  if (communicator === undefined) return state;
  const described = await crew.told(async () => {
    if (state === undefined) return null;
    const { arrays, ...rest } = state;
    return { ...rest, shapes: Object.entries(arrays).map(([name, { shape }]) => [name, shape] as const) };
  });
  if (described === null) return undefined;
  const { shapes, ...rest } = described;
  const arrays: Record<string, SavedArray> = {};
  for (const [name, shape] of shapes) {
    const own = state?.arrays[name].data;
    const bytes = await tell(communicator, own && new Uint8Array(own.buffer, own.byteOffset, own.byteLength));
    arrays[name] = { shape, data: own ?? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) };
  }
  return { ...rest, arrays };
}
