/** What a sweep can be told. */
import { z } from 'zod';

const scalarList = z.array(z.unknown()).min(1);
const range = z.strictObject({ min: z.number(), max: z.number(), log: z.boolean().default(false) });

/** The keys of a sweep's file. */
export const sweepSchema = z.strictObject({
  base: z.record(z.string(), z.unknown()).describe('keys of finetune that all runs share'),
  grid: z
    .record(z.string(), scalarList)
    .default({})
    .describe('keys of finetune (dots for what lies within), each with the values to try; all combinations are run'),
  random: z
    .record(z.string(), z.union([scalarList, range]))
    .default({})
    .describe('keys of finetune, each with values or {min, max, log} to draw from'),
  trials: z.int().min(1).default(1).describe('draws from random, each combined with the whole grid'),
  drawSeed: z.int().min(0).default(0).describe('seed of these draws'),
  seeds: z.array(z.int().min(0)).min(1).default([0]).describe('seeds of the runs: each combination is run with each'),
  parallel: z.int().min(1).default(1).describe('runs at a time'),
  out: z.string().min(1).describe('folder of the sweep'),
});

/** A sweep with its defaults filled in. */
export type SweepConfig = z.infer<typeof sweepSchema>;
