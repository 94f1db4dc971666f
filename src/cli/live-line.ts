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
const usualWidth = 20;

/** Empties the line that the cursor is on; off a terminal there is none to empty. */
export function clearLine(terminal: Terminal): void {
  if (terminal.interactive) terminal.raw('\r\x1b[2K');
}

/** Rewrites one line of a terminal. */
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

/** Characters that a line in place has room for: one that wraps could not be rewritten, and one that fills the terminal wraps on some; Ctrl-C adds ^C to it. */
export function lineWidth(terminal: Terminal): number {
  return Math.max(0, terminal.columns() - 1 - '^C'.length);
}

/** How much is done, as a number: `part` from 0 to 1. */
export function percent(part: number): string {
  return `${String(Math.floor(100 * Math.min(1, part))).padStart(3)} %`;
}

/** How much is done, as a bar. */
export function bar(part: number, width: number = usualWidth): string {
  const filled = Math.floor(8 * width * Math.min(1, part));
  return `${'█'.repeat(filled >> 3)}${eighths[filled & 7]}`.padEnd(width, '·');
}
