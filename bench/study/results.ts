/** The committed results: a line a run, appended, and found again by everything that determines a run. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { RunOutcome, RunResult, RunSetting } from './run.js';

const file = path.resolve(import.meta.dirname, 'results.jsonl');

/** Identifies a run by its setting. */
export function keyOf({ data, model, method, beta1, rank, scale, rate, steps, batch, seed }: RunSetting): string {
  return JSON.stringify([data, model, method, beta1, rank, scale, rate, steps, batch, seed]);
}

/** Results by {@link keyOf}. */
export type Results = ReadonlyMap<string, RunResult>;

/** Reads the results. @throws Error naming the line that is not one. */
export function readResults(): Results {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, 'utf8').split('\n');
  return new Map(
    lines.flatMap((line, index) => {
      if (line === '') return [];
      try {
        const result = JSON.parse(line) as RunResult;
        return [[keyOf(result), result] as const];
      } catch (cause) {
        throw new Error(`${file}:${index + 1}: expected a result as JSON; remove the line, and the run is repeated`, { cause });
      }
    }),
  );
}

/** Appends a result, whole or not at all but for a crash of the machine. */
export function appendResult(setting: RunSetting, outcome: RunOutcome): RunResult {
  const result = { ...setting, ...outcome };
  // A machine that crashed may have left half a line.
  const begun = existsSync(file) ? readFileSync(file, 'utf8') : '';
  appendFileSync(file, `${begun === '' || begun.endsWith('\n') ? '' : '\n'}${JSON.stringify(result)}\n`);
  return result;
}
