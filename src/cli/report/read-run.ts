/** A run as its files tell it, for the report. */
import path from 'node:path';
import type { z } from 'zod';
import { ConfigError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { readJson } from '../../core/parse-json.js';
import { exists } from '../adapter/adapter-folder.js';
import { readYaml } from '../config/yaml-source.js';
import { eachLine } from '../run/json-lines.js';
import { runFiles } from '../run/run-layout.js';
import {
  type EvalRecord,
  type LayersRecord,
  metricLine,
  outcomeFile,
  type SampleRecord,
  type ShownConfig,
  sampleLine,
  shownConfig,
  type TrainRecord,
} from './run-records.js';

/** What a run left behind. */
export interface RunRecord {
  /** The last part of its folder's name. */
  readonly name: string;
  readonly folder: string;
  readonly config: ShownConfig;
  readonly train: readonly TrainRecord[];
  readonly evals: readonly EvalRecord[];
  /** All but the last without singular values. */
  readonly layers: readonly LayersRecord[];
  readonly samples: readonly SampleRecord[];
  /** How it ended; `undefined` while it goes on. */
  readonly outcome: string | undefined;
}

/** Lines of a file that are read, at most: 600 points of a curve are drawn, and memory has an end. */
const mostLines = 5_000_000;

/**
 * Reads a run, also one that is still going on.
 *
 * @throws ConfigError if the folder is no run; FormatError naming file and line for a record that is damaged. A last line that was cut off, as a killed run leaves it,
 * is passed over.
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const file = path.join(folder, runFiles.config);
  if (!(await exists(file))) throw new ConfigError(`report: ${folder} is no run, it has no ${runFiles.config}; check the path`);
  const { values } = await readYaml('report', file);
  const samples: SampleRecord[] = [];
  await readRecords(path.join(folder, runFiles.samples), sampleLine, (line) => void samples.push(line));
  return {
    name: path.basename(path.resolve(folder)),
    folder,
    config: checked(shownConfig, values, file, 'correct that key'),
    ...(await readMetrics(path.join(folder, runFiles.metrics))),
    samples,
    outcome: await readOutcome(path.join(folder, runFiles.outcome)),
  };
}

async function readMetrics(file: string): Promise<Pick<RunRecord, 'train' | 'evals' | 'layers'>> {
  const train: TrainRecord[] = [];
  const evals: EvalRecord[] = [];
  const layers: LayersRecord[] = [];
  await readRecords(file, metricLine, (line) => {
    if (line.kind === 'train') train.push(line);
    else if (line.kind === 'eval') evals.push(line);
    else {
      // Only the last spectra are drawn, and they are most of the file.
      const before = layers.at(-1);
      if (before !== undefined)
        layers[layers.length - 1] = { ...before, layers: before.layers.map((one) => ({ ...one, singularValues: [] })) };
      layers.push(line);
    }
  });
  return { train, evals, layers };
}

/** Reads a file of records one after another. */
async function readRecords<Schema extends z.ZodType>(file: string, schema: Schema, take: (line: z.output<Schema>) => void): Promise<void> {
  for await (const { number, value } of eachLine('report', file)) {
    if (number > mostLines) throw new FormatError(`report: ${file} has more than ${mostLines} lines, which no report can show; shorten it`);
    take(checked(schema, value, `${file}:${number}`, 'remove that line'));
  }
}

/** @throws FormatError naming the place and the member that is not as it must be. */
function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, place: string, remedy: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [{ path: keys, message }] = result.error.issues;
  let found: unknown = value;
  for (const key of keys) found = found === null || typeof found !== 'object' ? undefined : (found as Record<PropertyKey, unknown>)[key];
  const shown = found === undefined ? 'nothing' : describeValue(found);
  // zod's own words for what came would repeat it.
  const wanted = message.replace(/^Invalid (?:input|option)(?:: )?/, '').replace(/, received .*$/s, '');
  throw new FormatError(
    `report: ${place}: expected a record of a run, got ${shown} for '${keys.map(String).join('.')}'${wanted === '' ? '' : ` (${wanted})`}; ${remedy}`,
  );
}

async function readOutcome(file: string): Promise<string | undefined> {
  if (!(await exists(file))) return undefined;
  return checked(outcomeFile, await readJson('report', file), file, 'remove it, and resume the run').end;
}
