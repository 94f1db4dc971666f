/**
 * The roles of the keys of a configuration: the keys that decide the result must not change unnoticed while a run is
 * interrupted.
 */
import { type FinetuneConfig, finetuneSchema } from '../config/finetune-config.js';

/**
 * The role of a key in the result:
 *
 * - `decides`: another value gives other trained numbers. It is compared when a run is resumed.
 * - `chooses`: another value gives another choice of the best, or another end. It is compared as well if there are
 *   validation rows.
 * - `contents`: a path, whose contents are compared instead.
 * - `length`: the length of the training. It may change; if the schedule depends on it, resuming says so.
 * - `rounds`: only the rounding depends on it. It may change, with a warning.
 * - `observes`: when and where the run is evaluated, saved and shown.
 */
type KeyRole = 'decides' | 'chooses' | 'contents' | 'length' | 'rounds' | 'observes';

/** The role of every key. A key added to the schema does not compile until it has a role here. */
const keyRoles: Readonly<Record<keyof FinetuneConfig, KeyRole>> = {
  model: 'contents',
  data: 'contents',
  validSplit: 'decides',
  out: 'observes',

  method: 'decides',
  methodOptions: 'decides',
  startOptions: 'decides',
  directionOptions: 'decides',
  start: 'decides',
  direction: 'decides',
  useRslora: 'decides',
  useDora: 'decides',
  rank: 'decides',
  alpha: 'decides',
  targetModules: 'decides',
  excludeModules: 'decides',
  rankPattern: 'decides',
  alphaPattern: 'decides',
  dropout: 'decides',
  bias: 'decides',
  modulesToSave: 'decides',

  learningRate: 'decides',
  schedule: 'decides',
  warmup: 'decides',
  finalRate: 'decides',
  weightDecay: 'decides',
  beta1: 'decides',
  beta2: 'decides',
  epsilon: 'decides',
  clip: 'decides',

  steps: 'length',
  epochs: 'length',
  batchSize: 'decides',
  accumulate: 'decides',
  order: 'decides',
  packing: 'decides',
  maxLength: 'decides',
  maskPrompt: 'decides',
  seed: 'decides',

  evalEvery: 'chooses',
  evalRows: 'chooses',
  patience: 'chooses',
  minImprovement: 'chooses',
  saveEvery: 'observes',
  keepCheckpoints: 'observes',
  samplePrompts: 'observes',
  sampleTokens: 'observes',
  logEvery: 'observes',

  // environment.json records the backend in use; warnings come from there.
  backend: 'observes',
  recompute: 'rounds',
  tensorboard: 'observes',
};

/** Returns the keys of a role with their values; null for keys without a value. */
export function keysOf(config: FinetuneConfig, role: KeyRole): Readonly<Record<string, unknown>> {
  const names = (Object.keys(finetuneSchema.shape) as (keyof FinetuneConfig)[]).filter((name) => keyRoles[name] === role);
  return Object.fromEntries(names.map((name) => [name, config[name] ?? null]));
}
