import { z } from 'zod';
import { ConfigError } from '../../core/errors.js';
import { path } from '../../io/files/path.js';
import { stageFolder } from '../../io/files/staging.js';
import { type CompletionSettings, centerings, completeRatings, completeRatingsDefaults } from '../../problems/index.js';
import { defineCommand } from '../command.js';
import { checkFolder, summaryOf, writeCompletion } from '../completion/completion-folder.js';
import { completionText, entriesText, showCompletion } from '../completion/completion-text.js';
import { type Entries, readEntries } from '../completion/read-entries.js';
import { count, folder, text } from '../config/keys.js';
import { catchInterrupt } from '../interruption.js';
import { checkOutsideRuns } from '../run/outside-runs.js';

const defaults = completeRatingsDefaults;

const fraction = z.number().min(0).lt(1);
const schema = z.strictObject({
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
    .describe('λ of a ridge λ(‖L‖² + ‖R‖²) on the factors, in units of what the offsets leave (default: learned for each component)')
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
  maxIterations: count(1).default(defaults.maxIterations).describe('largest number of sweeps over rows and columns'),
  tolerance: z.number().min(0).default(defaults.tolerance).describe('a fit ends when its RMSE changes by less than this over 3 iterations'),
  columns: text
    .optional()
    .describe('columns that hold row, column and value, by number from 1 or by name (default: 1,2,3)')
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

/** The command `bures complete`, which fits a matrix of low rank to some of its entries. */
export const complete = defineCommand({
  summary: 'Completes a matrix of which only some entries are known, such as ratings, by a matrix of low rank.',
  details: [
    'FILE is a Matrix Market file, or a table with a row, a column and a value on each line (CSV, tabs, spaces, MovieLens) and labels of any kind.',
    '',
    '  bures complete ratings.csv --rank 10',
    '  bures complete log.tsv --columns user,item,score --center mean --out run',
    '',
    'The command learns from the entries how much to shrink each component, and drops components that the entries do not support. ' +
      'It chooses the rank, down to 0, and the iteration that predict the validation entries best, fits all but the test entries with them, ' +
      'and reports the RMSE on the test entries beside that of the mean and of biases alone. Rank 0 means that biases alone predict best.',
    'The prediction of entry (i, j) is row-offsets[i] + column-offsets[j] + left[i]·right[j], from the .npy files in DIR; test.csv lists each test entry with its prediction.',
    'Several entries at one place are replaced by their mean. Use --center none if the matrix itself has low rank.',
    '',
    'Ctrl-C stops the iteration and writes the best result so far.',
  ].join('\n'),
  positionals: [{ name: 'FILE', description: 'the known entries' }],
  schema,
  async run({ positionals: [file], values: given, terminal }) {
    const folder = given.out ?? `completion-${path.basename(file).replace(/\.[^.]*$/, '')}`;
    await checkFolder(folder, given.overwrite);
    await checkOutsideRuns('complete', folder);
    const entries = await readEntries(file, given);
    const settings = settingsOf(given, entries);
    // The folder is staged first, so that an unwritable one fails now and not after hours of work.
    const staged = await stageFolder('complete', folder);
    for (const line of entries.understood) terminal.notice(line);
    terminal.notice(entriesText(file, entries));
    const view = showCompletion(terminal);
    const interruption = catchInterrupt(
      terminal,
      'interrupted: stopping the iteration and writing the best result so far (interrupt again to end at once)',
    );
    try {
      const completion = await completeRatings(entries.matrix, { ...settings, watcher: view, signal: interruption.signal });
      view.end();
      const summary = summaryOf(file, entries, settings, completion);
      await writeCompletion(staged, entries, completion, summary);
      return {
        data: { out: folder, ...summary },
        text: completionText(folder, completion),
        ...(completion.interrupted
          ? { failure: `interrupted; ${folder} holds the best result until then`, endedBy: interruption.received() }
          : {}),
      };
    } finally {
      view.end();
      interruption.end();
      await staged.discard();
    }
  },
});

/** Derives the settings. @throws ConfigError if the rank is too large, or the matrix is a single row or column. */
function settingsOf(given: z.infer<typeof schema>, { matrix: { rows, columns } }: Entries): CompletionSettings {
  const largest = Math.min(rows, columns);
  if (largest === 1) {
    throw new ConfigError(
      `complete: expected at least two rows and two columns, got a ${rows}×${columns} matrix, in which nothing can predict a missing entry; check --columns`,
    );
  }
  if (given.rank !== undefined && given.rank > largest) {
    throw new ConfigError(
      `complete: expected a rank of at most ${largest} for a ${rows}×${columns} matrix, got ${given.rank}; pass --rank ${largest} or less`,
    );
  }
  const { rank = Math.min(defaults.rank, largest), regularization, keepRank, center, testFraction, validationFraction } = given;
  const { seed, maxIterations, tolerance } = given;
  const ridge = regularization === undefined ? {} : { regularization };
  return { rank, keepRank, center, testFraction, validationFraction, seed, maxIterations, tolerance, ...ridge };
}
