/** Texts that a program writes beside its results and people may edit: a mark tells whether somebody has. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** The last line: a comment of Markdown, which no page shows, with a hash of what stands before it. */
const mark = /\n<!-- written by bures ([0-9a-f]{16}) -->\n$/;

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Returns a text with its mark. */
export function markText(text: string): string {
  return `${text}\n<!-- written by bures ${digest(text)} -->\n`;
}

/** Returns true if a text has its mark, and is as it was written. */
function isMarked(text: string): boolean {
  const found = mark.exec(text);
  return found !== null && digest(text.slice(0, found.index)) === found[1];
}

/** Returns true if there is such a file and it is of another hand: written by another program, or edited. */
export async function isOfAnotherHand(file: string): Promise<boolean> {
  try {
    return !isMarked(await readFile(file, 'utf8'));
  } catch (cause) {
    // What cannot be read is not ours to replace.
    return (cause as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** Reads a text if there is one that is as it was written. */
export async function readMarked(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return isMarked(text) ? text : undefined;
}
