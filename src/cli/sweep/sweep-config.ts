/** The keys of a sweep, and the layout of its folder. */
import { z } from 'zod';
import { count, folder } from '../config/keys.js';

/** Maximum number of runs at a time; each is a process. */
const MOST_PARALLEL = 1024;

const scalarList = z.array(z.unknown()).min(1);
const range = z
  .strictObject({ min: z.number(), max: z.number(), log: z.boolean().default(false), integer: z.boolean().default(false) })
  .refine(({ min, max }) => min <= max, 'must have min ≤ max')
  .refine(({ min, max, integer }) => !integer || Math.ceil(min) <= Math.floor(max), 'must contain a whole number if integer is true')
  .refine(({ min, log }) => !log || min > 0, 'must have min > 0 if log is true')
  .refine(({ min, max, log }) => Number.isFinite(log ? max / min : max - min), 'must span a range that float64 can hold');

/** Rejects `seed`, which each run takes from `seeds`. */
const withoutSeed = (keys: Readonly<Record<string, unknown>>, context: z.core.$RefinementCtx): void => {
  if ('seed' in keys)
    context.addIssue({ code: 'custom', path: ['seed'], message: 'must be given as a list, seeds: [0, 1, 2], beside base' });
};

/** The keys of a sweep; each is also a flag. */
export const sweepSchema = z.strictObject({
  base: z.record(z.string(), z.unknown()).superRefine(withoutSeed).describe('keys of finetune that all runs share'),
  grid: z
    .record(z.string(), scalarList)
    .superRefine(withoutSeed)
    .default({})
    .describe('keys of finetune (with dots for nested keys), each with the values to try; all combinations are run'),
  random: z
    .record(z.string(), z.union([scalarList, range]))
    .superRefine(withoutSeed)
    .default({})
    .describe(
      'keys of finetune, each with a list of values or {min, max} to draw from; log: true draws on a logarithmic scale, integer: true draws whole numbers',
    ),
  trials: count(1).default(1).describe('number of draws from random, each of which is combined with the whole grid'),
  drawSeed: count(0).default(0).describe('seed of the draws from random'),
  seeds: z.array(count(0)).min(1).default([0]).describe('seeds of the runs; each combination is run with every seed'),
  parallel: count(1).max(MOST_PARALLEL).default(1).describe('number of runs at a time'),
  out: folder.describe('folder of the sweep'),
  plan: z.boolean().default(false).describe('list the runs without running them'),
});

/** A sweep with its defaults filled in. */
export type SweepConfig = z.infer<typeof sweepSchema>;

/** The layout of the folder of a sweep. */

/** The sweep's own configuration, resolved. */
export const sweepFile = 'sweep.yaml';

/** The folders of a sweep: its runs, and the configuration files they began with. */
export const sweepFolders = { runs: 'runs', configs: 'configs' } as const;
