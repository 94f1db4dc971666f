import { ConfigError } from '../../core/errors.js';
import { path } from '../../io/files/path.js';
import { stageFolder } from '../../io/files/staging.js';
import {
  type Centering,
  type CompleteRatingsOptions,
  type CompletionSettings,
  centerings,
  completeRatings,
  completeRatingsDefaults,
} from '../../problems/index.js';
import { defineCommand } from '../command.js';
import { checkFolder, writeCompletion } from '../completion/completion-folder.js';
import { showCompletion } from '../completion/completion-progress.js';
import { completionText, entriesText } from '../completion/completion-text.js';
import { type Entries, readEntries } from '../completion/read-entries.js';
import { summaryOf } from '../completion/summary.js';
import type { FlagValues } from '../flags.js';
import { catchInterrupt } from '../interruption.js';
import { UsageError } from '../usage-error.js';

const defaults = completeRatingsDefaults;

const flags = {
  rank: {
    kind: 'number',
    placeholder: 'N',
    integer: true,
    min: 1,
    description: `the largest rank; the one that predicts best is kept (default ${defaults.rank})`,
  },
  'keep-rank': { kind: 'switch', description: 'end at --rank even if a lower one predicts better' },
  out: { kind: 'text', placeholder: 'DIR', description: 'folder for the result (default completion-NAME, after the file)' },
  overwrite: { kind: 'switch', description: 'replace an earlier completion in that folder' },
  center: {
    kind: 'text',
    placeholder: 'WHAT',
    choices: centerings,
    description: 'what to fit before the low rank: the mean with a bias for each row and column (default), the mean, nothing',
  },
  regularization: {
    kind: 'number',
    placeholder: 'λ',
    min: 0,
    description:
      'λ of a ridge λ(‖L‖² + ‖R‖²) on the factors, in units of what the offsets leave; left out, it is learned for each component',
  },
  'test-fraction': {
    kind: 'number',
    placeholder: 'P',
    min: 0,
    description: `entries to report on, used for nothing else (default ${defaults.testFraction})`,
  },
  'validation-fraction': {
    kind: 'number',
    placeholder: 'P',
    min: 0,
    description: `of the others, entries to choose rank and end by; 0: nothing is chosen (default ${defaults.validationFraction})`,
  },
  // The split of the validation entries uses the next seed.
  seed: {
    kind: 'number',
    placeholder: 'N',
    integer: true,
    min: 0,
    max: Number.MAX_SAFE_INTEGER - 1,
    description: `of the splits and the start (default ${defaults.seed})`,
  },
  'max-iterations': {
    kind: 'number',
    placeholder: 'N',
    integer: true,
    min: 1,
    description: `sweeps over rows and columns, at most (default ${defaults.maxIterations})`,
  },
  tolerance: {
    kind: 'number',
    placeholder: 'P',
    min: 0,
    description: `change of the RMSE over 3 iterations below which a fit has come to its end (default ${defaults.tolerance})`,
  },
  columns: {
    kind: 'text',
    placeholder: 'R,C,V',
    description: 'the columns of row, column and value, by number from 1 or by name (default 1,2,3)',
  },
  delimiter: {
    kind: 'text',
    placeholder: 'TEXT',
    description: "between fields: ',', tab, space, '::' … (default: what the first lines show)",
  },
  header: {
    kind: 'text',
    placeholder: 'WORD',
    choices: ['auto', 'yes', 'no'],
    description: 'whether the first line names the columns; auto: if its value is no number',
  },
  encoding: {
    kind: 'text',
    placeholder: 'LABEL',
    description: 'of the file: latin1, windows-1252, utf-16le, shift_jis … (default: utf-8, or what a byte-order mark says)',
  },
  decimal: {
    kind: 'text',
    placeholder: 'WORD',
    choices: ['point', 'comma'],
    description: 'what stands between whole and decimal digits (default: what the first lines show)',
  },
} as const;

/** The command `bures complete`, which fits a matrix of low rank to some of its entries. */
export const complete = defineCommand({
  summary: 'Completes a matrix of which some entries are known, such as ratings, with a matrix of low rank.',
  details: [
    'FILE is a table of row, column and value, a line each (CSV, tabs, spaces, MovieLens), with labels of any kind, or a Matrix Market file.',
    '',
    '  bures complete ratings.csv --rank 10',
    '  bures complete log.tsv --columns user,item,score --center mean --out run',
    '',
    'How much to shrink each component is learned from the entries, and components that the entries do not show are given up. The rank, down to 0,',
    'and the iteration are those that predict the validation entries best; then all but the test entries are fitted with them, and the RMSE on the',
    'test entries is reported beside that of the mean and of biases alone. Rank 0 means that biases alone predict best.',
    'Entry (i, j) is row-offsets[i] + column-offsets[j] + left[i]·right[j], of the .npy files in DIR; test.csv has each test entry with its prediction.',
    'Entries at one place are replaced by their mean. Use --center none for a matrix that is of low rank as it stands.',
    '',
    'Ctrl-C finishes the iteration and writes the best that there is.',
  ].join('\n'),
  positionals: [{ name: 'FILE', description: 'the known entries' }],
  flags,
  async run({ positionals: [file], flags: given, terminal }) {
    const folder = given.out ?? `completion-${path.basename(file).replace(/\.[^.]*$/, '')}`;
    checkFractions(given);
    await checkFolder(folder, given.overwrite);
    const entries = await readEntries(file, given);
    const settings = settingsOf(given, entries);
    // The folder is staged first, so that an unwritable one fails now and not after hours of work.
    const staged = await stageFolder('complete', folder);
    for (const line of entries.understood) terminal.notice(line);
    terminal.notice(entriesText(file, entries));
    const view = showCompletion(terminal);
    const interruption = catchInterrupt(terminal, 'interrupted: finishing the iteration and writing what there is (again to end at once)');
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

type Given = FlagValues<typeof flags>;

function checkFractions(given: Given): void {
  for (const name of ['test-fraction', 'validation-fraction'] as const) {
    const fraction = given[name];
    if (fraction !== undefined && fraction >= 1) {
      throw new UsageError(`bures complete: --${name} must be below 1, got ${fraction}; entries have to be left to fit`);
    }
  }
}

/** Derives the settings. @throws ConfigError if the rank is too large, or the matrix is a single row or column. */
function settingsOf(given: Given, { matrix: { rows, columns } }: Entries): CompletionSettings {
  const largest = Math.min(rows, columns);
  if (largest === 1) {
    throw new ConfigError(
      `complete: a ${rows}×${columns} matrix has nothing to predict a missing entry from; it needs at least two rows and two columns: check --columns`,
    );
  }
  if (given.rank !== undefined && given.rank > largest) {
    throw new ConfigError(`complete: rank ${given.rank} exceeds that of a ${rows}×${columns} matrix; pass --rank ${largest} or less`);
  }
  const options = {
    rank: given.rank,
    keepRank: given['keep-rank'],
    center: given.center as Centering | undefined,
    regularization: given.regularization,
    testFraction: given['test-fraction'],
    validationFraction: given['validation-fraction'],
    seed: given.seed,
    maxIterations: given['max-iterations'],
    tolerance: given.tolerance,
  };
  return {
    ...defaults,
    rank: Math.min(defaults.rank, largest),
    ...(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as CompleteRatingsOptions),
  };
}
