/** Describes a completion in words and tables: while it runs, and what came of it. */
import { counted } from '../../core/counted.js';
import type { Completion, CompletionWatcher, Errors, FitStep, SplitCounts, TriedModel } from '../../problems/index.js';
import { short, table } from '../format.js';
import { bar, liveLine, percent } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { completionFiles } from './completion-folder.js';
import type { Entries } from './entries.js';
import { type RatingMeasures, rankingText } from './rating-measures.js';

/** Formats a root mean square error, with enough digits to compare it with others. */
const rmseText = (rmse: number | undefined): string =>
  rmse === undefined ? '' : (rmse !== 0 && rmse < 1e-3) || rmse >= 1e6 ? rmse.toExponential(3) : rmse.toFixed(rmse < 100 ? 4 : 1);

/** Describes the entries that were read. */
export function entriesText(file: string, { matrix, repeated, least, greatest }: Entries, implicit = false): string {
  const { rows, columns, columnIndices } = matrix;
  const share = (100 * columnIndices.length) / (rows * columns);
  const joined = implicit ? 'added to' : 'averaged with';
  const more =
    repeated === 0
      ? ''
      : `; ${repeated} more ${repeated === 1 ? 'repeats a place and was' : 'repeat a place and were'} ${joined} the entry there`;
  return `${file}: ${counted(rows, 'row')}, ${counted(columns, 'column')}, ${counted(columnIndices.length, 'entry', 'entries')} (${short(share)} %), from ${short(least)} to ${short(greatest)}${more}`;
}

/** Describes the split of the entries. */
function splitText({ train, validation, test }: SplitCounts): string {
  const some = (count: number): string => (count === 0 ? 'none' : String(count));
  const unwatched =
    validation === 0 ? '; without validation entries nothing shows whether the rank predicts better than offsets alone' : '';
  return `${counted(train, 'entry', 'entries')} to fit, ${some(validation)} for validation, ${some(test)} to test${unwatched}`;
}

/** Describes a model that was tried. */
function triedText({ rank, validationRmse }: TriedModel): string {
  const validation = validationRmse === undefined ? '' : `: validation RMSE ${rmseText(validationRmse)}`;
  return `${rank === 0 ? 'offsets alone' : `rank ${rank}`}${validation}`;
}

/** Names the model that was written. */
function modelText({ x, offsets, regularization }: Completion): string {
  const rank = x.S.shape[0];
  if (rank > 0) return `rank ${rank}, λ ${short(regularization ?? 0)}`;
  const biases = offsets.rows.some((offset) => offset !== 0) || offsets.columns.some((offset) => offset !== 0);
  return biases ? 'rank 0: biases alone' : 'rank 0: offsets alone';
}

/** Formats the tables, the files written, and how to read them. */
export function completionText(folder: string, completion: Completion, { clippedRmse, ranking }: RatingMeasures): string {
  const { choice, errors, baselines } = completion;
  const parts: string[] = [];
  if (choice !== undefined) {
    const rows = choice.tried.map((model) => [
      model.rank === 0 ? '0: offsets alone' : String(model.rank),
      String(model.steps.length),
      rmseText(model.validationRmse),
      model === choice.best ? 'chosen' : '',
    ]);
    parts.push(`RMSE on the validation entries:\n${table([['rank', 'iterations', 'validation', ''], ...rows])}`);
  }
  const row = (name: string, { train, test }: Errors): string[] => [name, rmseText(train), ...(test === undefined ? [] : [rmseText(test)])];
  const header = ['RMSE', 'fitted', ...(errors.test === undefined ? [] : ['test'])];
  const models = [row('mean', baselines.mean), row('mean and biases', baselines.biases)];
  const [least, greatest] = completion.range;
  const clipped =
    clippedRmse === undefined || clippedRmse === errors.test
      ? []
      : [[`clipped to ${short(least)} … ${short(greatest)}`, '', rmseText(clippedRmse)]];
  parts.push(table([header, ...models, row(modelText(completion), errors), ...clipped]));
  if (ranking !== undefined) parts.push(rankingText(ranking));
  const remarks = remarksOn(completion);
  if (remarks.length > 0) parts.push(remarks.join('\n'));
  parts.push(`${folder}: ${filesText(completion)}`, pythonText(folder));
  return parts.join('\n\n');
}

/** Returns remarks on points that a reader of the table might miss. */
function remarksOn({ choice, x, errors, baselines, counts, unseen, interrupted }: Completion): readonly string[] {
  const remarks: string[] = [];
  if (interrupted) remarks.push('interrupted: this is the best result until then');
  const unknowns = x.S.shape[0] * (x.U.shape[0] + x.V.shape[0] - x.S.shape[0]);
  const fitted = counts.train + counts.validation;
  if (choice === undefined && unknowns > fitted) {
    remarks.push(
      `rank ${x.S.shape[0]} has ${counted(unknowns, 'unknown')} for ${counted(fitted, 'entry', 'entries')}: many matrices fit equally well; lower --rank, or let the rank be chosen`,
    );
  }
  if (x.S.shape[0] === 0) {
    remarks.push('rank 0: biases alone predict best; the data support no more, so left.npy and right.npy have no columns');
  } else if (errors.test !== undefined && errors.test >= Math.min(baselines.mean.test ?? 0, baselines.biases.test ?? 0)) {
    remarks.push(
      'the low rank predicts the test entries no better than the mean or biases alone, although it predicted the validation entries better',
    );
  }
  if (unseen.rows + unseen.columns > 0) {
    remarks.push(
      `${counted(unseen.rows, 'row')} and ${counted(unseen.columns, 'column')} have no fitted entry, so their own part of a prediction is zero`,
    );
  }
  return remarks;
}

function filesText({ x }: Completion): string {
  const { left, right } = completionFiles;
  return `${left} ${x.U.shape.join('×')}, ${right} ${x.V.shape.join('×')}, offsets and labels of rows and columns, ${completionFiles.summary}`;
}

/** Returns Python code that predicts. */
function pythonText(folder: string): string {
  return [
    `import json, numpy as np; folder = ${JSON.stringify(folder)}`,
    "left, right, b, c = (np.load(f'{folder}/{name}.npy') for name in ('left', 'right', 'row-offsets', 'column-offsets'))",
    "rows, columns = ({label: k for k, label in enumerate(json.load(open(f'{folder}/{name}-labels.json')))} for name in ('row', 'column'))",
    'predict = lambda row, column: b[rows[row]] + c[columns[column]] + left[rows[row]] @ right[columns[column]]',
  ].join('\n');
}

/** A watcher that can be ended. */
export interface CompletionProgressView extends CompletionWatcher {
  /** Ends the display with a clean line. */
  end(): void;
}

/** Shows a completion while it runs: a line in place on a terminal; elsewhere a line each time the rank falls. */
export function showCompletion(terminal: Terminal): CompletionProgressView {
  const live = liveLine(terminal);
  let final = false;
  let previous: FitStep | undefined;
  const stepText = (step: FitStep): string => {
    const validation = step.validationRmse === undefined ? '' : `  validation ${rmseText(step.validationRmse)}`;
    return `${final ? 'final fit' : 'fit'}  rank ${step.rank}  iteration ${step.iteration}  RMSE ${rmseText(step.trainRmse)}${validation}`;
  };
  const endRank = (): void => {
    if (previous !== undefined && !terminal.interactive) terminal.notice(stepText(previous));
    previous = undefined;
  };
  return {
    onSplit: (counts) => live.say(splitText(counts)),
    onFit(next) {
      endRank();
      final = next.final;
      if (final) live.say(`final fit, on all but the test entries: rank ${next.rank}`);
    },
    onStep(step) {
      if (previous?.rank !== step.rank) endRank();
      previous = step;
      // The number of sweeps is not known in advance.
      const part = step.iteration / (step.iteration + 5);
      live.draw(`${percent(part)} ${bar(part)} ${stepText(step)}`);
    },
    onTried(candidate) {
      endRank();
      live.say(triedText(candidate));
    },
    end() {
      endRank();
      live.end();
    },
  };
}
