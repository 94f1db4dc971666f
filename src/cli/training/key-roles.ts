/** Which keys of a configuration decide what training comes to: those that may not change unnoticed while a run is interrupted. */
import { type FinetuneConfig, finetuneSchema } from '../config/finetune-config.js';

/**
 * The part that a key plays in the result:
 *
 * - `decides`: another value gives other trained numbers; it is compared when a run is resumed.
 * - `chooses`: another value gives another choice of the best, or another end; where there are validation rows to go by it is compared as well.
 * - `contents`: a place, whose contents are compared instead.
 * - `length`: how far training goes. It may change; where the schedule depends on it, resuming says so.
 * - `rounds`: the same numbers but for their rounding; it may change, with a warning.
 * - `observes`: when the run is looked at, saved and shown, and where.
 */
type KeyRole = 'decides' | 'chooses' | 'contents' | 'length' | 'rounds' | 'observes';

/** The part of every key. A key that is added to the schema does not compile before it has its place here. */
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

  // Which one was taken is in environment.json, and warned of from there.
  backend: 'observes',
  recompute: 'rounds',
  tensorboard: 'observes',
};

/** The keys that play a part, with their values; null where a key has none. */
export function keysOf(config: FinetuneConfig, role: KeyRole): Readonly<Record<string, unknown>> {
  const names = (Object.keys(finetuneSchema.shape) as (keyof FinetuneConfig)[]).filter((name) => keyRoles[name] === role);
  return Object.fromEntries(names.map((name) => [name, config[name] ?? null]));
}
