/** The keys of a fine-tuning configuration; each is also a flag, in kebab case. */
import { z } from 'zod';
import { BACKEND_NAMES } from '../../linalg/tensor/index.js';
import { QUANTIZATIONS } from '../../models/index.js';
import { chatTemplateKey, columnKeys, dataSchema } from './data-keys.js';
import { count, folder, metaOf, modelName, named, text } from './keys.js';

/** Maximum number of batches held at a time. */
const MOST_BATCHES = 4096;
/** Maximum rank while the sizes of the modules are unknown: factors of that rank are allocated first. */
const MOST_RANK = 2 ** 16;
/** Maximum number of passes over the rows, so that their steps can be counted. */
const MOST_EPOCHS = 1e6;

const rank = count(1).max(MOST_RANK);
const fraction = z.number().min(0).lt(1);
const names = z.array(z.string().regex(/^\S+$/, 'must be a name without spaces'));

/** The key of the backend. */
export const backendKey = z
  .enum(['auto', ...BACKEND_NAMES])
  .default('auto')
  .describe('backend of TensorFlow.js')
  .meta({ placeholder: 'NAME' });

/** The key of the place of the weights. */
export const weightsKey = z
  .enum(['f32', 'keep'])
  .optional()
  .describe(
    'where frozen weights are kept: as float32 on the backend, or (wasm only) in the format of the file beside it, with less memory and some more time (default: f32 if it fits; keep for quantized weights)',
  );

/** The key of the format that weights are quantized to. */
export const quantizeKey = z
  .enum(QUANTIZATIONS)
  .optional()
  .describe('format that the frozen weights of linear layers are quantized to, as in QLoRA (default: as the checkpoint is)');

/**
 * The role of a key in the result, as the metadata of its schema has it:
 *
 * - `decides`: another value gives other trained numbers. It is compared when a run is resumed. Default.
 * - `chooses`: another value gives another choice of the best, or another end. It is compared as well if there are
 *   validation rows.
 * - `contents`: it names contents, which are compared instead: a path, a column.
 * - `length`: the length of the training. It may change; if the schedule depends on it, resuming says so.
 * - `rounds`: only the rounding depends on it. It may change, with a warning.
 * - `observes`: when and where the run is evaluated, saved and shown.
 */
type KeyRole = 'decides' | 'chooses' | 'contents' | 'length' | 'rounds' | 'observes';

/** The keys with values, defaults and meanings. */
export const finetuneSchema = z.strictObject({
  model: modelName
    .describe('directory of the base model, in Hugging Face format, or its name on the hub: OWNER/NAME or OWNER/NAME@REVISION')
    .meta({ group: 'Model and data:', role: 'contents' }),
  data: dataSchema
    .describe(
      'file of rows (JSON lines, a JSON list, CSV, TSV or Parquet, each also with .gz); directory with train.jsonl and, if they exist, valid.jsonl and test.jsonl (or of these other formats); or a data set on the hub, OWNER/NAME or OWNER/NAME:PART; several data sets: the flag once for each, or a list of them in the file, each a text or { data, weight, promptColumn, completionColumn, messagesColumn, textColumn }',
    )
    .meta({ placeholder: 'DATA', role: 'contents', repeats: true }),
  dataWeights: z
    .array(z.number().positive())
    .min(1)
    .optional()
    .describe(
      'how often a pass gives the rows of each data set: 2 gives them twice, 0.5 gives half of them, drawn anew in every pass (default: 1 each)',
    )
    .meta({ placeholder: 'NUMBERS' }),
  ...columnKeys,
  chatTemplate: chatTemplateKey,
  validSplit: fraction
    .default(0.05)
    .describe('fraction of the training rows held out for validation if the data have no validation rows; 0 holds none out'),
  out: folder
    .optional()
    .describe('folder of the run, which must be empty or not exist (default: runs/METHOD-DATE)')
    .meta({ role: 'observes' }),

  method: named.default('balora').describe('LoRA method, such as lora or balora').meta({ group: 'Method:' }),
  methodOptions: z.record(z.string(), z.unknown()).default({}).describe('options of the method, such as gauge and moments of balora'),
  start: named.optional().describe('start of the factors, such as pissa or lora-ga (default: that of the method)'),
  initAdapter: folder
    .optional()
    .describe(
      'folder of an adapter, or of a run (its best adapter), whose ΔW training starts from, with its rank and modules unless others are given',
    )
    .meta({ role: 'contents' }),
  startOptions: z.record(z.string(), z.unknown()).optional().describe('options of the start, such as batches and gamma of lora-ga'),
  direction: named.optional().describe('direction rule, such as adamw or sgd (default: that of the method)'),
  directionOptions: z.record(z.string(), z.unknown()).optional().describe('options of the direction, such as warmup of reflora'),
  useRslora: z.boolean().optional().describe('whether the scale is α/√r (default: set by the method)'),
  useDora: z.boolean().optional().describe('whether rows of the weight have trained magnitudes (default: set by the method)'),
  rank: rank.default(16).describe('rank r of the adapters'),
  alpha: z
    .number()
    .positive()
    .optional()
    .describe('α: the adapters are multiplied by α/r (default: set by the method: 32, or 128 r for balora with a start at zero)'),
  targetModules: z
    .union([text, names])
    .default('all-linear')
    .describe('modules to adapt: a list of names (q_proj,v_proj), a pattern, or all-linear')
    .meta({ placeholder: 'NAMES' }),
  excludeModules: z.union([text, names]).optional().describe('modules to leave out: names or a pattern').meta({ placeholder: 'NAMES' }),
  layersToTransform: z
    .union([count(0), z.array(count(0))])
    .optional()
    .describe('numbers of the layers to adapt, counted from 0, for a list of targetModules (default: all layers)')
    .meta({ placeholder: 'NUMBERS' }),
  layersPattern: text
    .optional()
    .describe('name of the list of layers in the names of modules, such as layers or h, for layersToTransform (default: any)')
    .meta({ placeholder: 'NAME' }),
  rankPattern: z.record(z.string(), rank).default({}).describe('ranks of particular modules, by name or pattern'),
  alphaPattern: z.record(z.string(), z.number().positive()).default({}).describe('α of particular modules, by name or pattern'),
  dropout: fraction.default(0).describe('fraction of the inputs that the adapters do not see in training'),
  bias: z.enum(['none', 'all', 'lora_only']).default('none').describe('biases that are trained as well'),
  modulesToSave: names.default([]).describe('modules that are trained themselves, by the ends of their names'),

  learningRate: z.number().positive().default(2e-4).describe('largest learning rate of the schedule').meta({ group: 'Optimizer:' }),
  schedule: z.enum(['constant', 'linear', 'cosine']).default('cosine').describe('how the learning rate falls after the warm-up'),
  warmup: z
    .number()
    .min(0)
    .refine((value) => value < 1 || Number.isSafeInteger(value), 'must be a whole number of steps, or a fraction of the steps below 1')
    .default(0)
    .describe('steps over which the learning rate rises from zero, or a fraction of all steps, such as 0.03'),
  finalRate: z.number().min(0).max(1).default(0).describe('learning rate at the end, as a fraction of the largest'),
  weightDecay: z.number().min(0).optional().describe('decoupled weight decay (default: 0.01 for AdamW)'),
  beta1: fraction.optional().describe('decay of the first moment, or of momentum (default: 0.9 for AdamW)'),
  beta2: fraction.optional().describe('decay of the second moment (default: 0.999 for AdamW)'),
  epsilon: z.number().positive().optional().describe('ε, added to the root of the second moment (default: 1e-8 for AdamW)'),
  clip: z
    .number()
    .positive()
    .nullable()
    .default(1)
    .describe('largest norm of a gradient; longer gradients are shortened, and null turns clipping off'),

  steps: count(1).optional().describe('number of steps to train; not together with epochs').meta({ role: 'length', group: 'Training:' }),
  epochs: z
    .number()
    .positive()
    .max(MOST_EPOCHS)
    .optional()
    .describe('passes over the training rows (default: 1 if steps is not given either)')
    .meta({ role: 'length' }),
  batchSize: count(1).default(8).describe('rows in a batch'),
  accumulate: count(1).max(MOST_BATCHES).default(1).describe('batches whose gradients make one step'),
  order: z
    .enum(['length', 'shuffled', 'file'])
    .default('length')
    .describe(
      'order of the rows: rows of similar lengths together in random order (if lengths tell tasks apart, the loss swings from step to step), all rows at random, or as in the file',
    ),
  packing: z
    .boolean()
    .default(false)
    .describe('whether rows, which do not see each other, are packed into full sequences instead of padded'),
  maxLength: count(2).optional().describe('tokens after which a row is cut (default: the limit of the model)'),
  trainOn: z
    .enum(['answers', 'last-answer', 'everything'])
    .optional()
    .describe(
      "what the model is trained on: all answers (completions, the assistant's turns), of a conversation the last answer only, or everything, prompts too (default: answers; everything where maskPrompt is false)",
    ),
  maskPrompt: z.boolean().default(true).describe('whether the model is trained on completions only, not on prompts'),
  appendEnd: z.boolean().default(true).describe('whether rows end with the end token, so that the model learns to stop'),
  today: z.iso
    .date()
    .optional()
    .describe('date that chat templates take for today (default: the day on which the run begins)')
    .meta({ placeholder: 'YYYY-MM-DD', role: 'contents' }),
  seed: count(0).default(0).describe('seed of all random numbers'),

  evalEvery: count(1)
    .optional()
    .describe('steps between evaluations on the validation rows (default: 100, or a fifth of the steps if that is less)')
    .meta({ role: 'chooses', group: 'Evaluation and saving:' }),
  evalRows: count(1).optional().describe('validation rows used at each evaluation (default: all)').meta({ role: 'chooses' }),
  patience: count(1)
    .optional()
    .describe('evaluations without a better loss after which training stops early (default: never)')
    .meta({ role: 'chooses' }),
  minImprovement: z.number().min(0).default(0).describe('by how much a loss must fall to count as better').meta({ role: 'chooses' }),
  saveEvery: count(1)
    .optional()
    .describe('steps between checkpoints (default: 100, or a fifth of the steps if that is less)')
    .meta({ role: 'observes' }),
  keepCheckpoints: count(1)
    .default(2)
    .describe('number of latest checkpoints that are kept; the best adapter is kept as well')
    .meta({ role: 'observes' }),
  samplePrompts: z.array(text).default([]).describe('prompts that are completed at every evaluation').meta({ role: 'observes' }),
  sampleTokens: count(1).default(64).describe('largest number of tokens of a sample').meta({ role: 'observes' }),
  logEvery: count(1).default(10).describe('steps between lines of progress if the output is not a terminal').meta({ role: 'observes' }),

  // environment.json records the backend in use; warnings come from there.
  backend: backendKey.meta({ group: 'Machine:', role: 'observes' }),
  weights: weightsKey.meta({ role: 'rounds' }),
  quantize: quantizeKey,
  recompute: z
    .boolean()
    .optional()
    .describe(
      'whether activations are computed twice instead of kept (default: where they would take more than three fifths of the memory that is left)',
    )
    .meta({ role: 'rounds' }),
  tensorboard: z.boolean().default(true).describe('whether event files for TensorBoard are written').meta({ role: 'observes' }),
});

/** A configuration with its defaults filled in. */
export type FinetuneConfig = z.infer<typeof finetuneSchema>;

/** Returns the keys of a role with their values; null for keys without a value. */
export function keysOf(config: FinetuneConfig, role: KeyRole): Readonly<Record<string, unknown>> {
  const own = Object.entries(finetuneSchema.shape).filter(([, schema]) => (metaOf(schema).role ?? 'decides') === role);
  return Object.fromEntries(own.map(([name]) => [name, config[name as keyof FinetuneConfig] ?? null]));
}
