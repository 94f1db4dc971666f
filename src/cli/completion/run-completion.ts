/** The two completions of the command: of ratings, and of implicit feedback. */
import { hostAlgebra } from '../../index.js';
import {
  type CompletionSettings,
  completeRatings,
  completeRatingsDefaults,
  completionModel,
  type EntryTimes,
  sampledFixedRank,
} from '../../problems/index.js';
import type { Terminal } from '../terminal.js';
import type { CompleteFlags } from './complete-flags.js';
import { type FittedParts, offsetPredictions, summaryOf } from './completion-folder.js';
import { completionText, showCompletion } from './completion-text.js';
import type { Entries } from './entries.js';
import { type ImplicitSettings, implicitSummary, implicitText, runImplicit } from './implicit-completion.js';
import { ratingMeasures } from './rating-measures.js';

const defaults = completeRatingsDefaults;

/** A completion to be computed. */
export interface CompletionRun {
  readonly file: string;
  readonly folder: string;
  readonly entries: Entries;
  readonly given: CompleteFlags;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** What came of it. */
export interface CompletionOutcome extends FittedParts {
  readonly summary: object;
  readonly text: string;
  readonly interrupted: boolean;
}

/** Completes ratings. */
export async function completeScores({ file, folder, entries, given, terminal, signal }: CompletionRun): Promise<CompletionOutcome> {
  const view = showCompletion(terminal);
  try {
    const settings = settingsOf(given, entries);
    const completion = await completeRatings(entries.matrix, { ...settings, ...timesOf(given, entries), watcher: view, signal });
    view.end();
    const model = completionModel(completion);
    const measures = await ratingMeasures(completion, model, given);
    const summary = summaryOf(file, entries, { ...settings, split: given.split }, completion, model, measures);
    const { x, offsets, test: matrix, interrupted } = completion;
    const test = matrix && { matrix, predictions: offsetPredictions(matrix, offsets, sampledFixedRank(matrix, x)) };
    return { model, test, summary, text: completionText(folder, completion, measures), interrupted };
  } finally {
    view.end();
  }
}

/** Completes implicit feedback. */
export async function completeFeedback({ file, folder, entries, given, terminal, signal }: CompletionRun): Promise<CompletionOutcome> {
  const { rank = Math.min(defaults.rank, entries.matrix.rows, entries.matrix.columns), alpha, regularization } = given;
  const { testFraction, validationFraction, top, seed, maxIterations } = given;
  const settings: ImplicitSettings = {
    ...{ rank, alpha, testFraction, validationFraction, top, seed },
    ...(regularization === undefined ? {} : { regularization }),
    ...(maxIterations === undefined ? {} : { maxSweeps: maxIterations }),
  };
  const completion = await runImplicit(entries, { ...settings, ...timesOf(given, entries) }, terminal, signal);
  const summary = implicitSummary(file, entries, { ...settings, split: given.split }, completion);
  const { model, test: matrix, interrupted } = completion;
  const la = hostAlgebra();
  const test = matrix && { matrix, predictions: la.toArray(la.sampledMatmul(matrix, model.left, la.transpose(model.right))) };
  return { model, test, summary, text: implicitText(folder, completion), interrupted };
}

/** Returns the option of a split by time. */
function timesOf({ split }: CompleteFlags, { times }: Entries): { readonly byTime?: EntryTimes } {
  return split === 'random' || times === undefined ? {} : { byTime: { times, of: split === 'time' ? 'table' : 'rows' } };
}

/** Derives the settings of a completion of ratings. */
function settingsOf(given: CompleteFlags, { matrix: { rows, columns } }: Entries): CompletionSettings {
  const { rank = Math.min(defaults.rank, rows, columns), regularization, keepRank, center, testFraction, validationFraction } = given;
  const { seed, maxIterations = defaults.maxIterations, tolerance } = given;
  const ridge = regularization === undefined ? {} : { regularization };
  return { rank, keepRank, center, testFraction, validationFraction, seed, maxIterations, tolerance, ...ridge };
}
