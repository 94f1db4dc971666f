/** What is where in the folder of a run. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';

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
export const runFolders = { checkpoints: 'checkpoints', best: 'best' } as const;

/** The folder of the checkpoint of a step. */
export function checkpointFolder(run: string, step: number): string {
  return path.join(run, runFolders.checkpoints, `step-${step}`);
}

/** The step whose checkpoint a folder is; `undefined` for other names. */
export function stepOfFolder(folder: string): number | undefined {
  const match = /^step-(\d{1,15})$/.exec(path.basename(folder));
  return match === null ? undefined : Number(match[1]);
}

/** Ends the names of damaged folders that were put aside. */
export const damagedEnd = '.damaged';

/** The folder that a damaged checkpoint is put aside to: it is none of the checkpoints any more. */
export function damagedFolder(run: string, step: number): string {
  return checkpointFolder(run, step) + damagedEnd;
}

/** The folders of a run's checkpoints, earliest first; none if there is no run. */
export async function checkpointFolders(run: string): Promise<readonly string[]> {
  const entries = await readdir(path.join(run, runFolders.checkpoints)).catch(() => []);
  return entries
    .flatMap((name) => stepOfFolder(name) ?? [])
    .sort((a, b) => a - b)
    .map((step) => checkpointFolder(run, step));
}

/** The checkpoints of a run that were put aside, and their steps. */
export async function damagedFolders(run: string): Promise<readonly { readonly folder: string; readonly step: number }[]> {
  const entries = await readdir(path.join(run, runFolders.checkpoints)).catch(() => []);
  const steps = entries.flatMap((name) => (name.endsWith(damagedEnd) ? (stepOfFolder(name.slice(0, -damagedEnd.length)) ?? []) : []));
  return steps.map((step) => ({ folder: damagedFolder(run, step), step }));
}
