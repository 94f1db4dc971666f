/** Files of one JSON object per line, written by a program that may end at any moment. */

import { open } from 'node:fs/promises';
import { FormatError } from '../core/errors.js';
import { appendWhole } from './files/append-whole.node.js';
import { exists } from './files/entries.node.js';
import { writeAtomic } from './files/write-atomic.node.js';
import { isJsonObject, type JsonObject } from './parse-json.js';
import { readLines } from './text/read-lines.js';

/**
 * Appends an object as a line, in one write. NaN and infinities become strings, which JSON can keep.
 *
 * @param missing - creates or refuses a missing file.
 * @throws BackendError if the file system refuses; the file is then as it was.
 */
export async function appendLine(file: string, value: object, missing: 'create' | 'refuse' = 'create'): Promise<void> {
  const line = `${JSON.stringify(value, (_key, part: unknown) => (isUnwritable(part) ? String(part) : part))}\n`;
  await appendWhole(file, line, missing);
}

function isUnwritable(part: unknown): boolean {
  return typeof part === 'number' && !Number.isFinite(part);
}

/** Longest line in bytes; a longer one is no record of a run. */
const mostLineBytes = 2 ** 28;

/** An object of a file, and the number of its line. */
export interface NumberedLine {
  readonly number: number;
  readonly value: JsonObject;
}

/**
 * Reads a file object by object, however large it is. An unterminated last line, as a killed program leaves behind, is
 * skipped.
 *
 * @returns the objects; none if there is no such file.
 * @throws FormatError naming a line that holds no object or is longer than any record.
 */
export async function* eachObject(caller: string, file: string): AsyncGenerator<NumberedLine, void, undefined> {
  if (!(await exists(file))) return;
  for await (const { text, number } of readLines(caller, file, mostLineBytes, 'skip')) {
    yield { number, value: parseLine(caller, file, number, text) };
  }
}

/**
 * Reads all objects of a file.
 *
 * @returns the objects; none if there is no such file.
 * @throws as {@link eachObject}.
 */
export async function readObjects(caller: string, file: string): Promise<readonly JsonObject[]> {
  const lines: JsonObject[] = [];
  for await (const { value } of eachObject(caller, file)) lines.push(value);
  return lines;
}

function parseLine(caller: string, file: string, number: number, line: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new FormatError(`${caller}: ${file}:${number}: expected a JSON object, got: ${(cause as Error).message}; remove that line`, {
      cause,
    });
  }
  if (isJsonObject(value)) return value;
  throw new FormatError(`${caller}: ${file}:${number}: expected a JSON object, got ${line.slice(0, 60)}; remove that line`);
}

/** Keeps the lines that satisfy a condition. Rewrites the file if any line does not, or the last one is torn. */
export async function keepLines(caller: string, file: string, keep: (line: JsonObject, number: number) => boolean): Promise<void> {
  const lines = await readObjects(caller, file);
  const kept = lines.filter((line, i) => keep(line, i + 1));
  if (kept.length === lines.length && (await endsWithNewline(file))) return;
  await writeAtomic(file, kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

async function endsWithNewline(file: string): Promise<boolean> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return true;
  try {
    const { size } = await handle.stat();
    if (size === 0) return true;
    const { buffer } = await handle.read(new Uint8Array(1), 0, 1, size - 1);
    return buffer[0] === 0x0a;
  } finally {
    await handle.close();
  }
}
