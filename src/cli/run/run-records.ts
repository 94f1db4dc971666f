/**
 * Schemas of the records of a run, as far as the report reads them; what is written has more. Any other line or file is
 * rejected by name.
 */
import { z } from 'zod';

/**
 * A number. JSON lacks NaN and infinity, which are written as strings; a number too large for JSON's reader is
 * infinite.
 */
const number = z.union([
  z.number(),
  z.literal(Number.POSITIVE_INFINITY),
  z.literal(Number.NEGATIVE_INFINITY),
  z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number),
]);
const step = z.int().min(0);

const trainLine = z.object({
  kind: z.literal('train'),
  step,
  loss: number,
  learningRate: number,
  gradientNorm: number,
  /** Tokens of the step that count; absent in records of early versions. */
  tokens: z.int().min(0).optional(),
  /** Training time since the run began, resumed parts included, in seconds. */
  seconds: number,
});

const evalLine = z.object({ kind: z.literal('eval'), step, loss: number, seconds: number });

const layersLine = z.object({
  kind: z.literal('layers'),
  step,
  layers: z.array(
    z.object({
      module: z.string(),
      balanceGap: number,
      conditionNumber: number,
      balancedConditionNumber: number,
      singularValues: z.array(number),
    }),
  ),
});

/** A line of metrics.jsonl. */
export const metricLine = z.discriminatedUnion('kind', [trainLine, evalLine, layersLine]);

/** A line of samples.jsonl. */
export const sampleLine = z.object({ step, prompt: z.string(), completion: z.string() });

/** Contents of outcome.json. */
export const outcomeFile = z.object({ end: z.enum(['finished', 'early', 'interrupted', 'diverged']) });

/** Contents of environment.json. */
export const shownEnvironment = z.looseObject({
  versions: z.looseObject({ bures: z.string(), node: z.string() }),
  platform: z.string(),
  processes: z.int().min(1).optional(),
  backend: z.looseObject({ name: z.string(), device: z.string(), matmul: z.string() }).optional(),
});

/** The numbers of rows in fingerprints.json. */
export const shownRows = z.looseObject({
  rows: z.looseObject({
    training: z.looseObject({ count: z.int().min(0) }),
    validation: z.looseObject({ count: z.int().min(0) }),
    used: z.looseObject({ training: z.int().min(0), validation: z.int().min(0) }).optional(),
  }),
});

/** The keys of config.yaml that the report treats specially; it shows the others as they are written. */
export const shownConfig = z.looseObject({
  method: z.string().optional(),
  rank: z.number().optional(),
  alpha: z.number().nullish(),
  learningRate: z.union([z.number(), z.string()]).optional(),
});

/** The machine of a run, as far as the report shows it. */
export type ShownEnvironment = z.output<typeof shownEnvironment>;
/** The numbers of rows of a run. */
export type ShownRows = z.output<typeof shownRows>['rows'];
/** A training step. */
export type TrainRecord = z.output<typeof trainLine>;
/** An evaluation. */
export type EvalRecord = z.output<typeof evalLine>;
/** The state of the modules at an evaluation. */
export type LayersRecord = z.output<typeof layersLine>;
/** A continuation of a prompt. */
export type SampleRecord = z.output<typeof sampleLine>;
/** The configuration of a run, as far as the report shows it. */
export type ShownConfig = z.output<typeof shownConfig>;
