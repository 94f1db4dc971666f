/** Live progress: one line rewritten in place on a terminal, plain lines elsewhere. */
import { duration, gibibytes, short } from './format.js';
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

/** The characters of the bar, by eighths. */
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const barWidth = 20;

/**
 * Progress on a terminal.
 *
 * @param every - steps between plain lines.
 */
export function showProgress(terminal: Terminal, every: number): Progress {
  let drawn = false;
  const clear = (): void => {
    if (drawn) terminal.raw('\r\x1b[2K');
    drawn = false;
  };
  return {
    update(state) {
      if (!terminal.interactive) {
        if (state.step % every === 0 || state.step === state.steps) terminal.notice(progressText(state));
        return;
      }
      const percent = `${String(Math.floor((100 * state.step) / state.steps)).padStart(3)} %`;
      // Cut to the terminal: a line that wraps could not be rewritten.
      const line = [...`${percent} ${bar(state.step / state.steps)} ${progressText(state)}`].slice(0, terminal.columns() - 1).join('');
      terminal.raw(`\r\x1b[2K${line}`);
      drawn = true;
    },
    say(line) {
      clear();
      terminal.notice(line);
    },
    end: clear,
  };
}

function progressText({ step, steps, loss, learningRate, tokensPerSecond, memory, secondsLeft }: ProgressState): string {
  const left = step === steps ? '' : `  ${duration(secondsLeft)} left`;
  return `step ${step}/${steps}  loss ${loss.toFixed(4)}  rate ${short(learningRate)}  ${short(tokensPerSecond)} tok/s  ${gibibytes(memory)}${left}`;
}

function bar(part: number): string {
  const filled = Math.floor(8 * barWidth * Math.min(1, part));
  return `${'█'.repeat(filled >> 3)}${eighths[filled & 7]}`.padEnd(barWidth, '·');
}
