/** Records the events of a run in metrics.jsonl, samples.jsonl and TensorBoard's event file. */

import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { PairMeasures } from '../../diagnostics/index.js';
import { path } from '../../io/files/path.node.js';
import { appendLine, keepLines } from '../../io/json-lines.node.js';
import type { JsonObject } from '../../io/parse-json.js';
import { openEventFile } from '../../io/tensorboard/event-file.node.js';
import { runFiles } from './run-layout.js';
import type { EvalRecord, SampleRecord, TrainRecord } from './run-records.js';

/** A line of metrics.jsonl, written after each step. */
export interface TrainLine extends TrainRecord {
  /** Number of tokens of the step that counted. */
  readonly tokens: number;
  /** Memory of the process, in bytes. */
  readonly memory: number;
}

/** A line of metrics.jsonl, written after each evaluation. */
export interface EvalLine extends EvalRecord {
  readonly perplexity: number;
  /** True if this is the best evaluation so far. */
  readonly best: boolean;
}

/** A line of metrics.jsonl with the state of every module, written after each evaluation. */
export interface LayersLine {
  readonly kind: 'layers';
  readonly step: number;
  readonly layers: readonly (Pick<
    PairMeasures,
    'balanceGap' | 'conditionNumber' | 'balancedConditionNumber' | 'effectiveRank' | 'singularValues'
  > & {
    readonly module: string;
  })[];
}

/** A line of metrics.jsonl. */
export type MetricLine = TrainLine | EvalLine | LayersLine;

/** Record of the events of a run. */
export interface Recorder {
  /** Appends a line of metrics. */
  metric(line: MetricLine): Promise<void>;
  /** Appends a sample. */
  sample(line: SampleRecord): Promise<void>;
}

/** The record of a process that writes nothing. */
export const noRecorder: Recorder = { metric: async () => undefined, sample: async () => undefined };

/**
 * Opens the files of a run. Records beyond the step it resumes from are removed, because they will be written again.
 *
 * @param step - step of the checkpoint that the run continues from; `undefined` to begin.
 * @param check - called before each write; throws if the run has been lost.
 * @throws FormatError naming file and line of a damaged record; BackendError if the file system refuses.
 */
export async function openRecorder(
  run: string,
  step: number | undefined,
  tensorboard: boolean,
  check: () => Promise<void>,
): Promise<Recorder> {
  const [metrics, samples] = [path.join(run, runFiles.metrics), path.join(run, runFiles.samples)];
  for (const file of [metrics, samples]) await dropFuture(file, step);
  const events = tensorboard ? await openEventFile(run, (step ?? 0) + 1) : undefined;
  const begun = new Set<string>();
  const append = async (file: string, line: object): Promise<void> => {
    await check();
    await appendLine(file, line, begun.has(file) ? 'refuse' : 'create');
    begun.add(file);
  };
  return {
    async metric(line) {
      await append(metrics, line);
      if (line.kind === 'train') {
        const { loss, learningRate, gradientNorm } = line;
        await events?.write(line.step, { 'train/loss': loss, 'train/learning_rate': learningRate, 'train/gradient_norm': gradientNorm });
      } else if (line.kind === 'eval') await events?.write(line.step, { 'valid/loss': line.loss, 'valid/perplexity': line.perplexity });
      else {
        const scalars = line.layers.flatMap(({ module, balanceGap, conditionNumber }) => [
          [`balance_gap/${module}`, balanceGap] as const,
          [`condition_number/${module}`, conditionNumber] as const,
        ]);
        await events?.write(line.step, Object.fromEntries(scalars));
      }
    },
    sample: (line) => append(samples, line),
  };
}

/** Removes the records of a file beyond a step. */
async function dropFuture(file: string, step: number | undefined): Promise<void> {
  try {
    await keepLines('resume', file, (line, number) => step !== undefined && stepOfLine(file, line, number) <= step);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`${cause.message}, or move the file away; the run then begins a new record there`, { cause });
  }
}

function stepOfLine(file: string, { step }: JsonObject, number: number): number {
  if (typeof step === 'number') return step;
  throw new FormatError(`resume: ${file}:${number}: expected a record with its step, got ${describeValue(step)} as step; remove that line`);
}
