import { path } from '../../io/files/path.js';
import type { Completion, CompletionSettings } from '../../problems/index.js';
import type { Entries } from './read-entries.js';

/** Summarizes a completion as data, for `completion.json` and `--json`. */
export function summaryOf(file: string, entries: Entries, settings: CompletionSettings, completion: Completion) {
  const { matrix, repeated, least, greatest, reading } = entries;
  const { x, offsets, regularization, noise, errors, baselines, counts, choice, history, unseen, interrupted } = completion;
  return {
    // A completion may be passed on, so the local path of its data stays private.
    data: {
      file: path.basename(file),
      reading,
      rows: matrix.rows,
      columns: matrix.columns,
      entries: matrix.columnIndices.length,
      repeated,
      least,
      greatest,
    },
    settings,
    counts,
    rank: x.S.shape[0],
    regularization: regularization ?? null,
    noise,
    singularValues: Array.from(x.S.data),
    offsets: { center: settings.center, mean: offsets.mean },
    rmse: errors,
    baselines,
    unseen,
    interrupted,
    ...(choice === undefined ? {} : { tried: choice.tried }),
    history,
  };
}
