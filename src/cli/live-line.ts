/** A terminal line that is rewritten in place, above which permanent lines can be written. */
import type { Terminal } from './terminal.js';

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
export function lineWidth(terminal: Terminal): number {
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
