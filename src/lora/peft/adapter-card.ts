/** What is known of an adapter's training, for its model card. */
import { ConfigError } from '../../core/errors.js';
import {
  checkScalar,
  choice,
  count,
  declareOptions,
  describeValue,
  flag,
  number,
  type OptionsDeclaration,
  option,
} from '../../core/options.js';
import { QUANTIZATIONS, type Quantization } from '../../linalg/tensor/quantized/quantize.js';

/** What the model card of an adapter says of its training. What is left out is not mentioned. */
export interface AdapterCard {
  /** Name of the adapter, the title of the card. Default: what the adapter is, and of which base. */
  readonly title?: string;
  /** Name of the method, such as `'balora'`. Default: it is not mentioned. */
  readonly method?: string;
  /** Names of the data sets, on the hub or of files; of a path the last part is written. Default: not mentioned. */
  readonly data?: readonly string[];
  /** How often a pass over the data gives the rows of each set, in their order. Default: not mentioned. */
  readonly dataWeights?: readonly number[];
  /**
   * What of a row was trained on, as `trainOn` of `readDataset` says it. Default: `'answers'`, which is not mentioned.
   */
  readonly trainOn?: string;
  /** If false, rows had no end token, so that the model need not have learned to stop. Default: true, not mentioned. */
  readonly appendEnd?: boolean;
  /**
   * Format to which the weights of the base were quantized when they were loaded, `'nf4'` or `'int8'`. The card then
   * loads the base so. Default: they were not.
   */
  readonly quantized?: Quantization;
  /** Name of the adapter that the training started from; of a path the last part is written. Default: not mentioned. */
  readonly startedFrom?: string;
  /** Settings and inputs that changed in the course of the training, and how. Default: none did. */
  readonly changes?: readonly string[];
  /** Number of rows trained on. Default: not mentioned. */
  readonly trainingRows?: number;
  /** Number of rows validated on. Default: not mentioned. */
  readonly validationRows?: number;
  /** Number of steps so far. Default: not mentioned. */
  readonly steps?: number;
  /** Number of rows in a step. Default: not mentioned. */
  readonly batchSize?: number;
  /** The highest learning rate. Default: not mentioned. */
  readonly learningRate?: number;
  /** Name of the schedule of the learning rate. Default: not mentioned. */
  readonly schedule?: string;
  /** Training loss of the last step. Default: not mentioned. */
  readonly trainingLoss?: number;
  /** Validation loss of this adapter. Default: not mentioned. */
  readonly validationLoss?: number;
}

const text = option<string, { readonly optional: true }>({ optional: true }, (caller, name, value) => {
  if (typeof value !== 'string') throw new ConfigError(`${caller}: ${name} must be a text, got ${describeValue(value)}; leave it out`);
});

/** Declares a list, of which messages say what it is of, and the remedy. */
const list = <One>(isOne: (value: unknown) => boolean, what: string, remedy: string) =>
  option<readonly One[], { readonly optional: true }>({ optional: true }, (caller, name, value) => {
    if (Array.isArray(value) && value.every(isOne)) return;
    throw new ConfigError(`${caller}: ${name} must be a list of ${what}, got ${describeValue(value)}; ${remedy}`);
  });

const isText = (value: unknown): boolean => typeof value === 'string';

/** Declares the keys of {@link AdapterCard}. */
export const adapterCard: OptionsDeclaration<AdapterCard, never> = declareOptions<AdapterCard>()({
  title: text,
  method: text,
  data: list<string>(isText, 'names', "pass, say, ['train.jsonl']"),
  dataWeights: list<number>((value) => typeof value === 'number', 'numbers', 'pass one for each data set'),
  trainOn: text,
  appendEnd: flag({ default: true }),
  quantized: choice(QUANTIZATIONS, { optional: true }),
  startedFrom: text,
  changes: list<string>(isText, 'texts', "pass, say, ['seed was 1 until step 30']"),
  trainingRows: count({ optional: true }),
  validationRows: count({ optional: true }),
  steps: count({ optional: true }),
  batchSize: count({ optional: true }),
  learningRate: number({ optional: true }),
  schedule: text,
  // A loss may be infinite.
  trainingLoss: option({ optional: true }, checkScalar),
  validationLoss: option({ optional: true }, checkScalar),
});
