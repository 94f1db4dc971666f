/** Live progress: one line rewritten in place on a terminal, plain lines elsewhere. */
import { duration, gibibytes, short } from './format.js';
import { liveLine, percentBar } from './live-line.js';
import type { Terminal } from './terminal.js';

/** Where training is. */
export interface ProgressState {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly learningRate: number;
  /** Tokens trained on a second, lately. */
  readonly tokensPerSecond: number;
  /** Bytes. */
  readonly memory: number;
  /** Expected. */
  readonly secondsLeft: number;
}

/** Shows progress. */
export interface Progress {
  /** After each step. */
  update(state: ProgressState): void;
  /** A line that stays. */
  say(line: string): void;
  /** Ends with a clean line. */
  end(): void;
}

/**
 * Progress on a terminal.
 *
 * @param every - steps between plain lines.
 */
export function showProgress(terminal: Terminal, every: number): Progress {
  const live = liveLine(terminal);
  return {
    update(state) {
      if (terminal.interactive) live.draw(`${percentBar(state.step / state.steps)} ${progressText(state)}`);
      else if (state.step % every === 0 || state.step === state.steps) terminal.notice(progressText(state));
    },
    say: live.say,
    end: live.end,
  };
}

function progressText({ step, steps, loss, learningRate, tokensPerSecond, memory, secondsLeft }: ProgressState): string {
  const left = step === steps ? '' : `  ${duration(secondsLeft)} left`;
  return `step ${step}/${steps}  loss ${loss.toFixed(4)}  rate ${short(learningRate)}  ${short(tokensPerSecond)} tok/s  ${gibibytes(memory)}${left}`;
}
