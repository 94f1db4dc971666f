/** A run as its files tell it, for the report. */
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { isJsonObject, type JsonObject, readJson } from '../../core/parse-json.js';
import { exists } from '../adapter/adapter-folder.js';
import { readYaml } from '../config/yaml-source.js';
import { readLines } from '../run/json-lines.js';
import type { EvalLine, LayersLine, SampleLine, TrainLine } from '../run/recorder.js';
import { runFiles } from '../run/run-layout.js';

/** What a run left behind. */
export interface RunRecord {
  /** The last part of its folder's name. */
  readonly name: string;
  readonly folder: string;
  readonly config: JsonObject;
  readonly train: readonly TrainLine[];
  readonly evals: readonly EvalLine[];
  readonly layers: readonly LayersLine[];
  readonly samples: readonly SampleLine[];
  /** How it ended; `undefined` while it goes on. */
  readonly outcome: string | undefined;
}

/**
 * Reads a run, also one that is still going on.
 *
 * @throws ConfigError if the folder is no run; FormatError naming file and line for a file that is malformed.
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const file = path.join(folder, runFiles.config);
  if (!(await exists(file))) throw new ConfigError(`report: ${folder} is no run, it has no ${runFiles.config}; check the path`);
  const { values: config } = await readYaml('report', file);
  const metrics = (await readLines('report', path.join(folder, runFiles.metrics))).map(numbersRestored);
  const ofKind = <Line>(kind: string): readonly Line[] => metrics.filter((line) => line.kind === kind) as unknown as readonly Line[];
  return {
    name: path.basename(path.resolve(folder)),
    folder,
    config,
    train: ofKind<TrainLine>('train'),
    evals: ofKind<EvalLine>('eval'),
    layers: ofKind<LayersLine>('layers'),
    samples: (await readLines('report', path.join(folder, runFiles.samples))) as unknown as readonly SampleLine[],
    outcome: await readOutcome(path.join(folder, runFiles.outcome)),
  };
}

async function readOutcome(file: string): Promise<string | undefined> {
  if (!(await exists(file))) return undefined;
  const outcome = await readJson('report', file);
  return isJsonObject(outcome) && typeof outcome.end === 'string' ? outcome.end : undefined;
}

const written: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** What JSON cannot keep was written as strings. */
function numbersRestored(line: JsonObject): JsonObject {
  const restore = (value: unknown): unknown => {
    if (typeof value === 'string') return Object.hasOwn(written, value) ? written[value] : value;
    if (Array.isArray(value)) return value.map(restore);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, restore(part)]));
    return value;
  };
  return restore(line) as JsonObject;
}
