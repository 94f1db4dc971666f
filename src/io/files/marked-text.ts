/** Texts that a program writes beside its results and people may edit: a mark tells whether somebody has. */
import { sha256 } from '../sha256.js';
import { type Files, readAll } from './files.js';
import { nodeFiles } from './node-files.js';

/** The last line: a comment of Markdown, which no page shows, with a hash of what stands before it. */
const mark = /\n<!-- written by bures ([0-9a-f]{16}) -->\n$/;

const digest = (text: string): string => sha256(new TextEncoder().encode(text)).slice(0, 16);

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
export async function isOfAnotherHand(file: string, files: Files = nodeFiles): Promise<boolean> {
  try {
    return (await files.describe(file)) !== undefined && !isMarked(await readMarkdown(files, file));
  } catch {
    // What cannot be read is not ours to replace.
    return true;
  }
}

/** Reads a text if there is one that is as it was written. */
export async function readMarked(file: string, files: Files = nodeFiles): Promise<string | undefined> {
  const text = await readMarkdown(files, file).catch(() => '');
  return isMarked(text) ? text : undefined;
}

async function readMarkdown(files: Files, file: string): Promise<string> {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readAll(files, file));
}
