/** Completion of implicit feedback by the command: its settings, progress, summary and words. */
import { ConfigError } from '../../core/errors.js';
import { hostAlgebra } from '../../index.js';
import {
  type CompleteImplicitOptions,
  completeImplicit,
  completeImplicitDefaults,
  type ImplicitCompletion,
  type ImplicitStep,
} from '../../problems/index.js';
import { short, table } from '../format.js';
import { bar, liveLine, percent } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { dataOf, rowFitData } from './completion-folder.js';
import type { Entries } from './entries.js';
import { listMeasures, mostRankedRows, rankingText } from './rating-measures.js';

/** What the command was given for implicit feedback. */
export type ImplicitSettings = Pick<
  CompleteImplicitOptions,
  'rank' | 'alpha' | 'regularization' | 'testFraction' | 'validationFraction' | 'top' | 'seed' | 'maxSweeps' | 'byTime'
>;

/** @throws ConfigError if the rank is too large, or the table is a single row or column. */
export function checkTable({ matrix: { rows, columns } }: Entries, rank: number | undefined): void {
  const largest = Math.min(rows, columns);
  if (largest === 1) {
    throw new ConfigError(
      `complete: expected at least two rows and two columns, got a ${rows}×${columns} matrix, in which nothing can predict a missing entry; check --columns`,
    );
  }
  if (rank !== undefined && rank > largest) {
    throw new ConfigError(
      `complete: expected a rank of at most ${largest} for a ${rows}×${columns} matrix, got ${rank}; pass --rank ${largest} or less`,
    );
  }
}

/** Runs the completion, with its progress on the terminal. */
export async function runImplicit(
  { matrix }: Entries,
  settings: ImplicitSettings,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ImplicitCompletion> {
  const live = liveLine(terminal);
  const most = settings.maxSweeps ?? completeImplicitDefaults.maxSweeps;
  let last: ImplicitStep | undefined;
  const stepText = ({ final, regularization, sweep, cost }: ImplicitStep): string =>
    `${final ? 'final fit' : 'fit'}  λ ${short(regularization)}  sweep ${sweep}  cost ${short(cost)}`;
  const endFit = (): void => {
    if (last !== undefined && !terminal.interactive) terminal.notice(stepText(last));
  };
  try {
    const completion = await completeImplicit(matrix, {
      ...settings,
      maxRows: mostRankedRows,
      signal,
      onSweep(step) {
        if (last !== undefined && (last.regularization !== step.regularization || last.final !== step.final)) endFit();
        last = step;
        live.draw(`${percent(step.sweep / most)} ${bar(step.sweep / most)} ${stepText(step)}`);
      },
    });
    endFit();
    return completion;
  } finally {
    live.end();
  }
}

/** Summarizes a completion of implicit feedback as data, for `completion.json` and `--json`. */
export function implicitSummary(
  file: string,
  entries: Entries,
  settings: ImplicitSettings & { readonly split: string },
  completion: ImplicitCompletion,
) {
  const { model, regularization, tried, sweeps, counts, ranking, popularity, interrupted } = completion;
  const { byTime: _byTime, ...given } = settings;
  return {
    feedback: 'implicit',
    data: dataOf(file, entries),
    settings: { ...completeImplicitDefaults, ...given },
    counts,
    rank: model.left.shape[1],
    regularization,
    offsets: { center: 'none', mean: 0 },
    rowFit: rowFitData(model.rowFit),
    ...(ranking && popularity ? { ranking: listMeasures(ranking, popularity) } : {}),
    tried,
    interrupted,
    history: sweeps,
  };
}

/** Formats what came of a completion of implicit feedback. */
export function implicitText(
  folder: string,
  { model, regularization, tried, ranking, popularity, interrupted }: ImplicitCompletion,
): string {
  const parts: string[] = [];
  if (interrupted) parts.push('interrupted: this is the best result until then');
  if (tried.length > 0) {
    const rows = tried.map((one) => [
      short(one.regularization),
      one.ndcg === undefined ? 'none to rank' : one.ndcg.toFixed(4),
      one.regularization === regularization ? 'chosen' : '',
    ]);
    parts.push(`Ridges, by the ranking of the validation entries:\n${table([['λ', 'NDCG', ''], ...rows])}`);
  }
  if (ranking && popularity) parts.push(rankingText(listMeasures(ranking, popularity)));
  else parts.push('no row has test entries, so no ranking is measured');
  if (hostAlgebra().maxAbs(model.left) === 0)
    parts.push('all factors are zero: the ridge is too large for these entries; lower --regularization');
  const [left, right] = [model.left, model.right].map(({ shape }) => shape.join('×'));
  parts.push(
    `${folder}: left.npy ${left}, right.npy ${right}, labels of rows and columns, completion.json`,
    `the preference of row i for column j is left[i]·right[j]; bures recommend ${folder} --user ROW ranks the columns for a row`,
  );
  return parts.join('\n\n');
}
