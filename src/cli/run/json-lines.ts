/** Files of one JSON object a line that grow while a program runs, which may end at any moment. */
import { open, readFile } from 'node:fs/promises';
import { FormatError } from '../../core/errors.js';
import { decodeUtf8, isJsonObject, type JsonObject } from '../../core/parse-json.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { appendWhole } from './append-whole.js';

/**
 * Appends an object as a line, in one write. NaN and infinities become strings, which JSON can keep.
 *
 * @throws BackendError if the file system refuses; the file is then as it was.
 */
export async function appendLine(file: string, value: object): Promise<void> {
  await appendWhole(file, `${JSON.stringify(value, (_key, part: unknown) => (isUnwritable(part) ? String(part) : part))}\n`);
}

function isUnwritable(part: unknown): boolean {
  return typeof part === 'number' && !Number.isFinite(part);
}

/**
 * Reads the lines of a file. A last line without its end is what a killed program leaves behind, and is passed over.
 *
 * @returns the objects; none if there is no such file.
 * @throws FormatError naming the line for one that holds no object.
 */
export async function readLines(caller: string, file: string): Promise<readonly JsonObject[]> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return new Uint8Array(0);
    throw new FormatError(`${caller}: cannot read ${file} (${error.message}); check the path`, { cause: error });
  });
  const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
  const lines = decodeUtf8(caller, file, whole).split('\n').slice(0, -1);
  return lines.map((line, i) => parseLine(caller, file, i + 1, line));
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

/** Keeps the lines that satisfy a condition, and writes the file anew if any does not, or the last one is torn. */
export async function keepLines(caller: string, file: string, keep: (line: JsonObject, number: number) => boolean): Promise<void> {
  const lines = await readLines(caller, file);
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
