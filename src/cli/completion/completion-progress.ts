/** Shows a completion while it runs: a line in place on a terminal, a line a rank elsewhere. */
import { short } from '../format.js';
import { bar, liveLine, percent } from '../live-line.js';
import type { Terminal } from '../terminal.js';
import { candidateText, rmseText, splitText } from './completion-text.js';
import type { FitStep } from './fit-path.js';
import type { CompletionWatcher } from './run-completion.js';

/** A watcher that can be ended. */
export interface CompletionProgressView extends CompletionWatcher {
  /** Ends with a clean line. */
  end(): void;
}

/** Shows progress on a terminal. */
export function showCompletion(terminal: Terminal): CompletionProgressView {
  const live = liveLine(terminal);
  let fit = { rank: 1, regularization: 0, final: false };
  let previous: FitStep | undefined;
  const stepText = (step: FitStep): string => {
    const validation = step.validationRmse === undefined ? '' : `  validation ${rmseText(step.validationRmse)}`;
    return `${fit.final ? 'final fit' : `λ ${short(fit.regularization)}`}  rank ${step.rank}  iteration ${step.iteration}  RMSE ${rmseText(step.trainRmse)}${validation}`;
  };
  const endRank = (): void => {
    if (previous !== undefined && !terminal.interactive) terminal.notice(stepText(previous));
    previous = undefined;
  };
  return {
    onSplit: (counts) => live.say(splitText(counts)),
    onFit(next) {
      endRank();
      fit = next;
      if (fit.final) live.say(`final fit, on all but the test entries: rank ${fit.rank}, λ ${short(fit.regularization)}`);
    },
    onStep(step) {
      if (previous?.rank !== step.rank) endRank();
      previous = step;
      const part = (step.rank - 1 + step.iterationAtRank / (step.iterationAtRank + 5)) / fit.rank;
      live.draw(`${percent(part)} ${bar(part)} ${stepText(step)}`);
    },
    onTried(candidate, refit) {
      endRank();
      live.say(candidateText(candidate, refit));
    },
    end() {
      endRank();
      live.end();
    },
  };
}
