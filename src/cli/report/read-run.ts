/** Reads a run from its files, for the report. */

import type { z } from 'zod';
import { ConfigError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { eachObject } from '../../io/json-lines.node.js';
import { readJson } from '../../io/parse-json.js';
import { readYaml } from '../config/yaml.js';
import { runFiles } from '../run/run-layout.js';
import {
  type EvalRecord,
  type LayersRecord,
  metricLine,
  outcomeFile,
  type SampleRecord,
  type ShownConfig,
  type ShownEnvironment,
  type ShownRows,
  sampleLine,
  shownConfig,
  shownEnvironment,
  shownRows,
  type TrainRecord,
} from '../run/run-records.js';

/** The records of a run. */
export interface RunRecord {
  /** Name of the run: the last part of its folder's path. */
  readonly name: string;
  readonly folder: string;
  readonly config: ShownConfig;
  readonly train: readonly TrainRecord[];
  readonly evals: readonly EvalRecord[];
  /** Records of the modules; only the last one has singular values. */
  readonly layers: readonly LayersRecord[];
  readonly samples: readonly SampleRecord[];
  /** How the run ended; `undefined` while it continues. */
  readonly outcome: string | undefined;
  /** The machine on which it began, and its rows; `undefined` in runs of earlier versions. */
  readonly environment: ShownEnvironment | undefined;
  readonly rows: ShownRows | undefined;
}

/** Maximum number of lines read from a file: a curve shows 600 points, and memory is finite. */
const mostLines = 5_000_000;

/**
 * Reads a run, which may still be in progress.
 *
 * @throws ConfigError if the folder is not a run; FormatError naming file and line of a damaged record. An incomplete
 * last line, as a killed run leaves it, is skipped.
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const file = path.join(folder, runFiles.config);
  if (!(await exists(file)))
    throw new ConfigError(`report: expected the folder of a run, found no ${runFiles.config} in ${folder}; check the path`);
  const { values } = await readYaml('report', file);
  const samples: SampleRecord[] = [];
  await readRecords(path.join(folder, runFiles.samples), sampleLine, (line) => void samples.push(line));
  return {
    name: path.basename(path.resolve(folder)),
    folder,
    config: checked(shownConfig, values, file, 'correct that key'),
    ...(await readMetrics(path.join(folder, runFiles.metrics))),
    samples,
    outcome: (await readWhole(path.join(folder, runFiles.outcome), outcomeFile, 'remove it, and resume the run'))?.end,
    environment: await readWhole(path.join(folder, runFiles.environment), shownEnvironment, 'remove it'),
    rows: (await readWhole(path.join(folder, runFiles.fingerprints), shownRows, 'restore it from a copy, or remove it'))?.rows,
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
      // Only the last spectra are drawn, and spectra make up most of the file.
      const before = layers.at(-1);
      if (before !== undefined)
        layers[layers.length - 1] = { ...before, layers: before.layers.map((one) => ({ ...one, singularValues: [] })) };
      layers.push(line);
    }
  });
  return { train, evals, layers };
}

/** Reads a file of records one by one. */
async function readRecords<Schema extends z.ZodType>(file: string, schema: Schema, take: (line: z.output<Schema>) => void): Promise<void> {
  for await (const { number, value } of eachObject('report', file)) {
    if (number > mostLines) throw new FormatError(`report: ${file} has more than ${mostLines} lines, which no report can show; shorten it`);
    take(checked(schema, value, `${file}:${number}`, 'remove that line'));
  }
}

/** Validates a value. @throws FormatError naming the place and the invalid member. */
function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, place: string, remedy: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [{ path: keys, message }] = result.error.issues;
  let found: unknown = value;
  for (const key of keys) found = found === null || typeof found !== 'object' ? undefined : (found as Record<PropertyKey, unknown>)[key];
  const shown = found === undefined ? 'nothing' : describeValue(found);
  // zod's own words for the value would repeat it.
  const wanted = message.replace(/^Invalid (?:input|option)(?:: )?/, '').replace(/, received .*$/s, '');
  throw new FormatError(
    `report: ${place}: expected a record of a run, got ${shown} for '${keys.map(String).join('.')}'${wanted === '' ? '' : ` (${wanted})`}; ${remedy}`,
  );
}

/** Reads a file that holds one record; `undefined` if there is none. */
async function readWhole<Schema extends z.ZodType>(file: string, schema: Schema, remedy: string): Promise<z.output<Schema> | undefined> {
  return (await exists(file)) ? checked(schema, await readJson('report', file), file, remedy) : undefined;
}
