/** The flags of `bures complete`. */
import { z } from 'zod';
import { centerings, completeImplicitDefaults, completeRatingsDefaults } from '../../problems/index.js';
import { count, folder, text } from '../config/keys.js';

const defaults = completeRatingsDefaults;

const fraction = z.number().min(0).lt(1);
/** The flags of `bures complete`, as keys. */
export const completeFlags = z.strictObject({
  rank: count(1).optional().describe(`largest rank to try (default: ${defaults.rank}); the rank that predicts best is kept`),
  keepRank: z.boolean().default(false).describe('keep the rank --rank even if a lower rank predicts better'),
  out: folder.optional().describe('folder for the result (default: completion-NAME, after the file)'),
  overwrite: z.boolean().default(false).describe('replace an earlier completion in that folder'),
  center: z
    .enum(centerings)
    .default(defaults.center)
    .describe('what to fit before the low rank: the mean and a bias for each row and column, the mean alone, or nothing'),
  regularization: z
    .number()
    .min(0)
    .optional()
    .describe(
      'λ of a ridge λ(‖L‖² + ‖R‖²) on the factors, in units of what the offsets leave (default: learned for each component; of implicit feedback chosen by the validation entries)',
    )
    .meta({ placeholder: 'λ' }),
  testFraction: fraction
    .default(defaults.testFraction)
    .describe('fraction of the entries that is used to report the error, and for nothing else'),
  validationFraction: fraction
    .default(defaults.validationFraction)
    .describe('fraction of the others by which the rank and the end are chosen; with 0 nothing is chosen'),
  // The split of the validation entries uses the next seed.
  seed: count(0)
    .max(Number.MAX_SAFE_INTEGER - 1)
    .default(defaults.seed)
    .describe('seed of the splits and the start'),
  maxIterations: count(1)
    .optional()
    .describe(
      `largest number of sweeps over rows and columns (default: ${defaults.maxIterations}; ${completeImplicitDefaults.maxSweeps} of implicit feedback)`,
    ),
  tolerance: z.number().min(0).default(defaults.tolerance).describe('a fit ends when its RMSE changes by less than this over 3 iterations'),
  feedback: z
    .enum(['explicit', 'implicit'])
    .default('explicit')
    .describe('explicit: values are ratings, and say what is disliked too; implicit: they say how often or how strongly, each above 0')
    .meta({ group: 'Implicit feedback:' }),
  alpha: z
    .number()
    .gt(0)
    .default(completeImplicitDefaults.alpha)
    .describe('α of the confidence 1 + α·value of an entry; that of a missing entry is 1')
    .meta({ placeholder: 'α' }),
  split: z
    .enum(['random', 'time', 'row-time'])
    .default('random')
    .describe('what is set aside: random entries, the latest of all, or the latest of each row')
    .meta({ group: 'What is set aside and measured:' }),
  time: text
    .optional()
    .describe('column of the times, by number from 1 or by name (default: the one that is named so or holds timestamps)')
    .meta({ placeholder: 'C' }),
  top: count(1).default(completeImplicitDefaults.top).describe('length of the lists by which rankings are measured'),
  relevant: z.number().optional().describe('least rating of a test entry that belongs into a list (default: the mean)'),
  predict: text
    .optional()
    .describe('file of pairs to predict, row and column a line; writes predictions.csv into the folder')
    .meta({ placeholder: 'PAIRS', group: 'Predictions:' }),
  columns: text
    .optional()
    .describe(
      'columns that hold row, column and value, by number from 1 or by name (default: 1,2,3); of implicit feedback the value may be left out',
    )
    .meta({ placeholder: 'R,C,V', group: 'The file:' }),
  delimiter: text.optional().describe("delimiter between fields: ',', tab, space, '::' … (default: detected from the first lines)"),
  header: z
    .enum(['auto', 'yes', 'no'])
    .default('auto')
    .describe('whether the first line names the columns; with auto it does if its value is not a number'),
  encoding: text
    .optional()
    .describe('encoding of the file: latin1, windows-1252, utf-16le, shift_jis … (default: what a byte-order mark says, or else utf-8)')
    .meta({ placeholder: 'LABEL' }),
  decimal: z.enum(['point', 'comma']).optional().describe('decimal mark of the values (default: detected from the first lines)'),
});

/** Values of the flags. */
export type CompleteFlags = z.infer<typeof completeFlags>;
