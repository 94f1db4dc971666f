/** A line of a terminal that is rewritten in place, beside lines that stay. */
import type { Terminal } from './terminal.js';

/** A line in place. */
export interface LiveLine {
  /** Shows a text in place of the last one; nothing where the terminal cannot rewrite. */
  draw(text: string): void;
  /** A line that stays. */
  say(line: string): void;
  /** Takes the line away. */
  end(): void;
}

/** The characters of the bar, by eighths. */
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const barWidth = 20;

/** Rewrites one line of a terminal. */
export function liveLine(terminal: Terminal): LiveLine {
  let drawn = false;
  const end = (): void => {
    if (drawn) terminal.raw('\r\x1b[2K');
    drawn = false;
  };
  return {
    draw(text) {
      if (!terminal.interactive) return;
      // Cut to the terminal: a line that wraps could not be rewritten.
      terminal.raw(`\r\x1b[2K${[...text].slice(0, terminal.columns() - 1).join('')}`);
      drawn = true;
    },
    say(line) {
      end();
      terminal.notice(line);
    },
    end,
  };
}

/** How much is done, as a number and a bar: `part` from 0 to 1. */
export function percentBar(part: number): string {
  const filled = Math.floor(8 * barWidth * Math.min(1, part));
  const bar = `${'█'.repeat(filled >> 3)}${eighths[filled & 7]}`.padEnd(barWidth, '·');
  return `${String(Math.floor(100 * Math.min(1, part))).padStart(3)} % ${bar}`;
}
