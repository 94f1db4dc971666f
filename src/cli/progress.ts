/** Live progress: one line rewritten in place on a terminal, plain lines elsewhere. */
import { clock, duration, gibibytes, short } from './format.js';
import type { Terminal } from './terminal.js';

/** State of the training. */
export interface ProgressState {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly learningRate: number;
  /** Current speed, in tokens per second. */
  readonly tokensPerSecond: number;
  /** Memory of the process, in bytes. */
  readonly memory: number;
  /** Expected time to the end, in seconds. */
  readonly secondsLeft: number;
}

/** Display of the progress. */
export interface Progress {
  /** Shows the state after a step. */
  update(state: ProgressState): void;
  /** Writes a permanent line. */
  say(line: string): void;
  /** Ends the display with a clean line. */
  end(): void;
}

/** Width of the bar, in characters. */
const barWidth = { most: 20, least: 4 } as const;

/**
 * Shows progress on a terminal.
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

/** Fits the state into a width: the least important parts are left out first, and the bar takes the remaining room. */
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

/** A line that is rewritten in place. */
export interface LiveLine {
  /** Replaces the text of the line; does nothing if the terminal cannot rewrite. */
  draw(text: string): void;
  /** Writes a permanent line. */
  say(line: string): void;
  /** Erases the line. */
  end(): void;
}

/** The characters of the bar, in eighths. */
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const usualWidth = 20;

/** Erases the line of the cursor; does nothing without a terminal. */
export function clearLine(terminal: Terminal): void {
  if (terminal.interactive) terminal.raw('\r\x1b[2K');
}

/** Creates a line that is rewritten in place. */
export function liveLine(terminal: Terminal): LiveLine {
  let drawn = false;
  const end = (): void => {
    if (drawn) clearLine(terminal);
    drawn = false;
  };
  return {
    draw(text) {
      if (!terminal.interactive) return;
      clearLine(terminal);
      terminal.raw([...text].slice(0, lineWidth(terminal)).join(''));
      drawn = true;
    },
    say(line) {
      end();
      terminal.notice(line);
    },
    end,
  };
}

/**
 * Returns the width of a line in place. A line that wraps cannot be rewritten, and some terminals wrap a full one;
 * Ctrl-C adds ^C to it.
 */
function lineWidth(terminal: Terminal): number {
  return Math.max(0, terminal.columns() - 1 - '^C'.length);
}

/** Formats the fraction `part`, from 0 to 1, as a percentage. */
export function percent(part: number): string {
  return `${String(Math.floor(100 * Math.min(1, part))).padStart(3)} %`;
}

/** Formats the fraction `part`, from 0 to 1, as a bar. */
export function bar(part: number, width: number = usualWidth): string {
  const filled = Math.floor(8 * width * Math.min(1, part));
  return `${'█'.repeat(filled >> 3)}${eighths[filled & 7]}`.padEnd(width, '·');
}
