/** Live progress: one line rewritten in place on a terminal, plain lines elsewhere. */
import { clock, duration, gibibytes, short } from './format.js';
import { bar, lineWidth, liveLine, percent } from './live-line.js';
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

/** Characters of the bar. */
const barWidth = { most: 20, least: 4 } as const;

/**
 * Progress on a terminal.
 *
 * @param every - steps between plain lines.
 */
export function showProgress(terminal: Terminal, every: number): Progress {
  const live = liveLine(terminal);
  return {
    update(state) {
      if (terminal.interactive) live.draw(progressLine(state, lineWidth(terminal)));
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

/** As much as a width has room for: what matters least is left out first, and the bar takes what remains. */
function progressLine(state: ProgressState, width: number): string {
  const { step, steps, loss, learningRate, tokensPerSecond, memory, secondsLeft } = state;
  const done = percent(step / steps);
  const parts = [
    { text: `${step}/${steps}`, weight: 3 },
    { text: `loss ${loss.toFixed(4)}`, weight: 5 },
    { text: `rate ${short(learningRate).replace(/\.?0+e/, 'e')}`, weight: 1 },
    { text: `${short(tokensPerSecond)} tok/s`, weight: 2 },
    { text: gibibytes(memory), weight: 0 },
    { text: step === steps ? '' : `${clock(secondsLeft)} left`, weight: 4 },
  ].filter(({ text }) => text !== '');
  for (let least = 0; least < 6; least++) {
    const texts = parts.filter(({ weight }) => weight >= least).map(({ text }) => text);
    const room = width - [`${done} `, ...texts].join('  ').length;
    if (room >= barWidth.least) return [`${done} ${bar(step / steps, Math.min(room, barWidth.most))}`, ...texts].join('  ');
  }
  return `${done}  loss ${loss.toFixed(4)}`.slice(0, width);
}
