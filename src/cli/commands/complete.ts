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

const defaults = completeRatingsDefaults;

const fraction = z.number().min(0).lt(1);
const schema = z.strictObject({
  rank: count(1).optional().describe(`the largest rank, ${defaults.rank} where not given; the one that predicts best is kept`),
  keepRank: z.boolean().default(false).describe('end at --rank even if a lower one predicts better'),
  out: folder.optional().describe('folder for the result; completion-NAME, after the file, where not given'),
  overwrite: z.boolean().default(false).describe('replace an earlier completion in that folder'),
  center: z
    .enum(centerings)
    .default(defaults.center)
    .describe('what to fit before the low rank: the mean with a bias for each row and column, the mean, nothing'),
  regularization: z
    .number()
    .min(0)
    .optional()
    .describe('λ of a ridge λ(‖L‖² + ‖R‖²) on the factors, in units of what the offsets leave; left out, it is learned for each component')
    .meta({ placeholder: 'λ' }),
  testFraction: fraction.default(defaults.testFraction).describe('part of the entries to report on, used for nothing else'),
  validationFraction: fraction
    .default(defaults.validationFraction)
    .describe('part of the others to choose rank and end by; 0: nothing is chosen'),
  // The split of the validation entries uses the next seed.
  seed: count(0)
    .max(Number.MAX_SAFE_INTEGER - 1)
    .default(defaults.seed)
    .describe('of the splits and the start'),
  maxIterations: count(1).default(defaults.maxIterations).describe('sweeps over rows and columns, at most'),
  tolerance: z
    .number()
    .min(0)
    .default(defaults.tolerance)
    .describe('change of the RMSE over 3 iterations below which a fit has come to its end'),
  columns: text
    .optional()
    .describe('the columns of row, column and value, by number from 1 or by name; 1,2,3 where not given')
    .meta({ placeholder: 'R,C,V', group: 'The file:' }),
  delimiter: text.optional().describe("between fields: ',', tab, space, '::' …; what the first lines show where not given"),
  header: z
    .enum(['auto', 'yes', 'no'])
    .default('auto')
    .describe('whether the first line names the columns; auto: if its value is no number'),
  encoding: text
    .optional()
    .describe('latin1, windows-1252, utf-16le, shift_jis …; utf-8, or what a byte-order mark says, where not given')
    .meta({ placeholder: 'LABEL' }),
  decimal: z
    .enum(['point', 'comma'])
    .optional()
    .describe('what stands between whole and decimal digits; what the first lines show where not given'),
});

/** The command `bures complete`, which fits a matrix of low rank to some of its entries. */
export const complete = defineCommand({
  summary: 'Completes a matrix of which some entries are known, such as ratings, with a matrix of low rank.',
  details: [
    'FILE is a table of row, column and value, a line each (CSV, tabs, spaces, MovieLens), with labels of any kind, or a Matrix Market file.',
    '',
    '  bures complete ratings.csv --rank 10',
    '  bures complete log.tsv --columns user,item,score --center mean --out run',
    '',
    'How much to shrink each component is learned from the entries, and components that the entries do not show are given up. ' +
      'The rank, down to 0, and the iteration are those that predict the validation entries best; then all but the test entries are fitted with them, ' +
      'and the RMSE on the test entries is reported beside that of the mean and of biases alone. Rank 0 means that biases alone predict best.',
    'Entry (i, j) is row-offsets[i] + column-offsets[j] + left[i]·right[j], of the .npy files in DIR; test.csv has each test entry with its prediction.',
    'Entries at one place are replaced by their mean. Use --center none for a matrix that is of low rank as it stands.',
    '',
    'Ctrl-C ends the iteration where it stands and writes the best result so far.',
  ].join('\n'),
  positionals: [{ name: 'FILE', description: 'the known entries' }],
  schema,
  async run({ positionals: [file], values: given, terminal }) {
    const folder = given.out ?? `completion-${path.basename(file).replace(/\.[^.]*$/, '')}`;
    await checkFolder(folder, given.overwrite);
    const entries = await readEntries(file, given);
    const settings = settingsOf(given, entries);
    // The folder is staged first, so that an unwritable one fails now and not after hours of work.
    const staged = await stageFolder('complete', folder);
    for (const line of entries.understood) terminal.notice(line);
    terminal.notice(entriesText(file, entries));
    const view = showCompletion(terminal);
    const interruption = catchInterrupt(
      terminal,
      'interrupted: ending the iteration and writing the best result so far (again to end at once)',
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
          ? { failure: `interrupted; ${folder} holds the best that there was until then`, endedBy: interruption.received() }
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
      `complete: a ${rows}×${columns} matrix has nothing to predict a missing entry from; it needs at least two rows and two columns: check --columns`,
    );
  }
  if (given.rank !== undefined && given.rank > largest) {
    throw new ConfigError(`complete: rank ${given.rank} exceeds that of a ${rows}×${columns} matrix; pass --rank ${largest} or less`);
  }
  const { rank = Math.min(defaults.rank, largest), regularization, keepRank, center, testFraction, validationFraction } = given;
  const { seed, maxIterations, tolerance } = given;
  const ridge = regularization === undefined ? {} : { regularization };
  return { rank, keepRank, center, testFraction, validationFraction, seed, maxIterations, tolerance, ...ridge };
}
