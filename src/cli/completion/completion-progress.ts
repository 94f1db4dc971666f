import type { CompletionWatcher, FitStep } from '../../problems/index.js';
import { bar, liveLine, percent } from '../live-line.js';
import type { Terminal } from '../terminal.js';
import { rmseText, splitText, triedText } from './completion-text.js';

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
