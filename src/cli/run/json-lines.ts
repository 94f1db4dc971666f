/** Files of one JSON object a line that grow while a program runs, which may end at any moment. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { FormatError } from '../../core/errors.js';
import { decodeUtf8, isJsonObject, type JsonObject } from '../../core/parse-json.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { isSystemError } from '../../core/write-error.js';
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

/** Bytes of a line, at most: what is longer is no record of a run. */
const mostLineBytes = 2 ** 28;

/** A line, with the number of it. */
export interface NumberedLine {
  readonly number: number;
  readonly value: JsonObject;
}

/**
 * Reads a file line by line, however large it is. A last line without its end is what a killed program leaves behind, and is passed over.
 *
 * @returns the objects; none if there is no such file.
 * @throws FormatError naming the line for one that holds no object, or is longer than any record.
 */
export async function* eachLine(caller: string, file: string): AsyncGenerator<NumberedLine, void, undefined> {
  let number = 0;
  let parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
        const bytes = Buffer.concat([...parts, chunk.subarray(start, end)]);
        [parts, length, start] = [[], 0, end + 1];
        number++;
        yield { number, value: parseLine(caller, file, number, decodeUtf8(caller, `${file}:${number}`, bytes)) };
      }
      parts.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > mostLineBytes)
        throw new FormatError(
          `${caller}: ${file}:${number + 1}: expected a line below ${mostLineBytes} bytes; check that the file is a record`,
        );
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code !== 'ENOENT')
      throw new FormatError(`${caller}: cannot read ${file} (${error.message}); check the path`, { cause: error });
  }
}

/**
 * Reads all lines of a file.
 *
 * @returns the objects; none if there is no such file.
 * @throws as {@link eachLine}.
 */
export async function readLines(caller: string, file: string): Promise<readonly JsonObject[]> {
  const lines: JsonObject[] = [];
  for await (const { value } of eachLine(caller, file)) lines.push(value);
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
