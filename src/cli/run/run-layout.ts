/** The layout of the folder of a run. */
import { namesIfReadable } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';

/** The files of a run. */
export const runFiles = {
  config: 'config.yaml',
  metrics: 'metrics.jsonl',
  outcome: 'outcome.json',
  samples: 'samples.jsonl',
  environment: 'environment.json',
  fingerprints: 'fingerprints.json',
} as const;

/** The folders of a run. */
export const runFolders = { checkpoints: 'checkpoints', best: 'best', initial: 'init-adapter' } as const;

/** Returns the folder of the best adapter. */
export function bestFolder(run: string): string {
  return path.join(run, runFolders.best);
}

/** Returns the folder of the checkpoint of a step. */
export function checkpointFolder(run: string, step: number): string {
  return path.join(run, runFolders.checkpoints, `step-${step}`);
}

/** Returns the step of a checkpoint folder; `undefined` for other names. */
export function stepOfFolder(folder: string): number | undefined {
  const match = /^step-(\d{1,15})$/.exec(path.basename(folder));
  return match === null ? undefined : Number(match[1]);
}

/** Suffix of damaged folders that were set aside. */
export const damagedEnd = '.damaged';

/** Returns the folder to which a damaged checkpoint is set aside. It no longer counts as a checkpoint. */
export function damagedFolder(run: string, step: number): string {
  return checkpointFolder(run, step) + damagedEnd;
}

/** Lists the checkpoint folders of a run, earliest first; empty if there is no run. */
export async function checkpointFolders(run: string): Promise<readonly string[]> {
  const entries = await namesIfReadable(path.join(run, runFolders.checkpoints));
  return entries
    .flatMap((name) => stepOfFolder(name) ?? [])
    .sort((a, b) => a - b)
    .map((step) => checkpointFolder(run, step));
}

/** Lists the checkpoints of a run that were set aside, with their steps. */
export async function damagedFolders(run: string): Promise<readonly { readonly folder: string; readonly step: number }[]> {
  const entries = await namesIfReadable(path.join(run, runFolders.checkpoints));
  const steps = entries.flatMap((name) => (name.endsWith(damagedEnd) ? (stepOfFolder(name.slice(0, -damagedEnd.length)) ?? []) : []));
  return steps.map((step) => ({ folder: damagedFolder(run, step), step }));
}
