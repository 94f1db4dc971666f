/** Writes what happens in a run: metrics.jsonl, samples.jsonl and TensorBoard's event file. */
import path from 'node:path';
import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { JsonObject } from '../../core/parse-json.js';
import type { PairMeasures } from '../adapter/pair-measures.js';
import { openEventFile } from './event-file.js';
import { appendLine, keepLines } from './json-lines.js';
import { runFiles } from './run-layout.js';

/** A line of metrics.jsonl after each step. */
export interface TrainLine {
  readonly kind: 'train';
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  /** Tokens of the step that counted. */
  readonly tokens: number;
  /** Since the run began, resumed parts added up. */
  readonly seconds: number;
  /** Bytes of memory of the process. */
  readonly memory: number;
}

/** A line of metrics.jsonl after each evaluation. */
export interface EvalLine {
  readonly kind: 'eval';
  readonly step: number;
  readonly loss: number;
  readonly perplexity: number;
  readonly seconds: number;
  /** Whether it is the best so far. */
  readonly best: boolean;
}

/** A line of metrics.jsonl with the state of every module, after each evaluation. */
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

/** A line of samples.jsonl. */
export interface SampleLine {
  readonly step: number;
  readonly prompt: string;
  readonly completion: string;
}

/** A line of metrics.jsonl. */
export type MetricLine = TrainLine | EvalLine | LayersLine;

/** Takes what happens. */
export interface Recorder {
  /** Appends a line of metrics. */
  metric(line: MetricLine): Promise<void>;
  /** Appends a sample. */
  sample(line: SampleLine): Promise<void>;
}

/**
 * Opens the files of a run. What they hold beyond the step that a run is resumed from is removed: it will happen again.
 *
 * @param step - of the checkpoint that the run goes on from; `undefined` to begin.
 * @param check - called before anything is written: throws if the run has been lost.
 * @throws FormatError naming file and line where a record is damaged; BackendError if the file system refuses.
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
  return {
    async metric(line) {
      await check();
      await appendLine(metrics, line);
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
    async sample(line) {
      await check();
      await appendLine(samples, line);
    },
  };
}

/** Removes what a file holds beyond a step. */
async function dropFuture(file: string, step: number | undefined): Promise<void> {
  try {
    await keepLines('resume', file, (line, number) => step !== undefined && stepOfLine(file, line, number) <= step);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`${cause.message}, or move the file away: the run then keeps its record from there on`, { cause });
  }
}

function stepOfLine(file: string, { step }: JsonObject, number: number): number {
  if (typeof step === 'number') return step;
  throw new FormatError(`resume: ${file}:${number}: expected a record with its step, got ${describeValue(step)} as step; remove that line`);
}
