/** The keys of a fine-tuning configuration; each is also a flag, in kebab case. */
import { z } from 'zod';
import { BACKEND_NAMES } from '../../linalg/tensor/index.js';
import { count, folder, metaOf, named, text } from './keys.js';

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

/**
 * The role of a key in the result, as the metadata of its schema has it:
 *
 * - `decides`: another value gives other trained numbers. It is compared when a run is resumed. Default.
 * - `chooses`: another value gives another choice of the best, or another end. It is compared as well if there are
 *   validation rows.
 * - `contents`: a path, whose contents are compared instead.
 * - `length`: the length of the training. It may change; if the schedule depends on it, resuming says so.
 * - `rounds`: only the rounding depends on it. It may change, with a warning.
 * - `observes`: when and where the run is evaluated, saved and shown.
 */
type KeyRole = 'decides' | 'chooses' | 'contents' | 'length' | 'rounds' | 'observes';

/** The keys with values, defaults and meanings. */
export const finetuneSchema = z.strictObject({
  model: folder.describe('directory of the base model, in Hugging Face format').meta({ group: 'Model and data:', role: 'contents' }),
  data: folder
    .describe('directory with train.jsonl and, where there are, valid.jsonl and test.jsonl; or one JSONL file')
    .meta({ role: 'contents' }),
  validSplit: fraction.default(0.05).describe('part of the training rows held out where there is no valid.jsonl; 0 for none'),
  out: folder
    .optional()
    .describe('folder of the run, which must be empty or not exist; runs/METHOD-DATE where not given')
    .meta({ role: 'observes' }),

  method: named.default('balora').describe('LoRA method, such as lora or balora').meta({ group: 'Method:' }),
  methodOptions: z.record(z.string(), z.unknown()).default({}).describe('options of the method, such as gauge and moments of balora'),
  start: named.optional().describe('start of the factors, such as pissa or lora-ga; that of the method where not given'),
  startOptions: z.record(z.string(), z.unknown()).optional().describe('options of the start, such as batches and gamma of lora-ga'),
  direction: named.optional().describe('direction rule, such as adamw or sgd; that of the method where not given'),
  directionOptions: z.record(z.string(), z.unknown()).optional().describe('options of the direction, such as warmup of reflora'),
  useRslora: z.boolean().optional().describe('whether the scale is α/√r; as the method has it where not given'),
  useDora: z.boolean().optional().describe('whether rows of the weight have trained magnitudes; as the method has it where not given'),
  rank: rank.default(16).describe('rank r of the adapters'),
  alpha: z
    .number()
    .positive()
    .optional()
    .describe('α: the adapters are multiplied by α/r; where not given as the method has it: 32, 128 r for balora with a start at zero'),
  targetModules: z
    .union([text, names])
    .default('all-linear')
    .describe('modules to adapt: a list of names (q_proj,v_proj), a pattern, or all-linear')
    .meta({ placeholder: 'NAMES' }),
  excludeModules: z.union([text, names]).optional().describe('modules left out again: names or a pattern').meta({ placeholder: 'NAMES' }),
  rankPattern: z.record(z.string(), rank).default({}).describe('other ranks, by name or pattern of module'),
  alphaPattern: z.record(z.string(), z.number().positive()).default({}).describe('other α, by name or pattern of module'),
  dropout: fraction.default(0).describe('part of the inputs that the adapters do not see in training'),
  bias: z.enum(['none', 'all', 'lora_only']).default('none').describe('biases trained besides'),
  modulesToSave: names.default([]).describe('modules trained as they are, by the ends of their names'),

  learningRate: z.number().positive().default(2e-4).describe('largest learning rate of the schedule').meta({ group: 'Optimizer:' }),
  schedule: z.enum(['constant', 'linear', 'cosine']).default('cosine').describe('how the learning rate falls after the warm-up'),
  warmup: count(0).default(0).describe('steps over which the learning rate rises from zero'),
  finalRate: z.number().min(0).max(1).default(0).describe('learning rate at the end, as a part of the largest'),
  weightDecay: z.number().min(0).optional().describe('decoupled weight decay; 0.01 for AdamW where not given'),
  beta1: fraction.optional().describe('decay of the first moment, or of momentum; 0.9 for AdamW where not given'),
  beta2: fraction.optional().describe('decay of the second moment; 0.999 for AdamW where not given'),
  epsilon: z.number().positive().optional().describe('ε beside the root of the second moment; 1e-8 for AdamW where not given'),
  clip: z.number().positive().nullable().default(1).describe('largest norm of a gradient, longer ones are shortened; null for no clipping'),

  steps: count(1).optional().describe('steps to train; not together with epochs').meta({ role: 'length', group: 'Training:' }),
  epochs: z
    .number()
    .positive()
    .max(MOST_EPOCHS)
    .optional()
    .describe('passes over the training rows: 1 where neither this nor steps is given')
    .meta({ role: 'length' }),
  batchSize: count(1).default(8).describe('rows of a batch'),
  accumulate: count(1).max(MOST_BATCHES).default(1).describe('batches whose gradients make one step'),
  order: z
    .enum(['length', 'shuffled', 'file'])
    .default('length')
    .describe(
      'rows of like lengths together in random order (the loss swings from step to step where lengths tell tasks apart), all at random, or as they come',
    ),
  packing: z.boolean().default(false).describe('rows packed into full sequences, which do not see each other, instead of padded'),
  maxLength: count(2).optional().describe('tokens after which a row is cut; the limit of the model where not given'),
  maskPrompt: z.boolean().default(true).describe('whether only completions are trained, not prompts'),
  seed: count(0).default(0).describe('seed of everything that is drawn'),

  evalEvery: count(1)
    .default(100)
    .describe('steps between evaluations on the validation rows')
    .meta({ role: 'chooses', group: 'Evaluation and saving:' }),
  evalRows: count(1).optional().describe('validation rows used at each; all where not given').meta({ role: 'chooses' }),
  patience: count(1)
    .optional()
    .describe('evaluations without a better loss after which training stops early; never where not given')
    .meta({ role: 'chooses' }),
  minImprovement: z.number().min(0).default(0).describe('by how much a loss must be better to count').meta({ role: 'chooses' }),
  saveEvery: count(1).default(100).describe('steps between checkpoints').meta({ role: 'observes' }),
  keepCheckpoints: count(1).default(2).describe('latest checkpoints kept, the best besides').meta({ role: 'observes' }),
  samplePrompts: z.array(text).default([]).describe('prompts completed at every evaluation').meta({ role: 'observes' }),
  sampleTokens: count(1).default(64).describe('tokens of a sample at most').meta({ role: 'observes' }),
  logEvery: count(1).default(10).describe('steps between lines of progress where there is no terminal').meta({ role: 'observes' }),

  // environment.json records the backend in use; warnings come from there.
  backend: backendKey.meta({ group: 'Machine:', role: 'observes' }),
  recompute: z
    .boolean()
    .optional()
    .describe('whether activations are computed twice instead of kept; by the size of the model where not given')
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
