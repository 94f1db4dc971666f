/** Reading JSON that other programs wrote, with errors that name the file. */

import { FormatError } from '../core/errors.js';
import { type Files, readAll } from './files/files.js';
import { nodeFiles } from './files/node-files.js';
import { firstInvalidByte, hexByte, markedEncoding, placeOf } from './text/utf8.js';

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Returns true if a parsed value is an object: neither an array nor null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Decodes UTF-8 and refuses other bytes.
 *
 * @throws FormatError naming the caller, where the bytes come from, and the first wrong byte.
 */
export function decodeUtf8(caller: string, where: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(
      `${caller}: ${where} must be UTF-8 text, got ${wrongBytes(bytes)}; save the file as UTF-8, or check that it is not damaged`,
      {
        cause,
      },
    );
  }
}

/** Describes bytes that are not UTF-8, as the middle of a sentence. */
export function wrongBytes(bytes: Uint8Array): string {
  const marked = markedEncoding(bytes)?.encoding;
  if (marked !== undefined && marked !== 'utf-8') return `${marked.toUpperCase()} by its byte-order mark`;
  const at = firstInvalidByte(bytes);
  const { line, byte } = placeOf(bytes, at);
  return `${hexByte(bytes[at])} at byte ${byte}${line === 1 ? '' : ` of line ${line}`}`;
}

/**
 * Parses JSON as `JSON.parse` does, but refuses repeated keys, of which `JSON.parse` would quietly keep the last, and
 * strings that are not well-formed Unicode.
 *
 * @param caller - the public function that errors name.
 * @param where - the file, and place in it, for the message.
 * @param text - the JSON.
 * @param mostLevels - deepest nesting of objects and arrays. Default: no limit.
 * @throws FormatError if the text is not JSON, or ambiguous, or nests deeper.
 */
export function parseJson(caller: string, where: string, text: string, mostLevels = Number.POSITIVE_INFINITY): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(
      `${caller}: ${where} must be JSON, got: ${JSON.stringify((cause as Error).message)}; check that the file is not damaged`,
      {
        cause,
      },
    );
  }
  checkStrings(caller, where, text, mostLevels);
  return value;
}

/**
 * Walks through the strings and brackets of a valid JSON text: that is enough to know which strings are keys of which
 * object.
 */
function checkStrings(caller: string, where: string, text: string, mostLevels: number): void {
  const open: (Set<string> | undefined)[] = [];
  const mark = /[{}[\]"]/g;
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    const [sign] = match;
    if (open.length > mostLevels)
      throw new FormatError(`${caller}: ${where} nests deeper than ${mostLevels} levels; check that the file is not damaged`);
    if (sign === '{') open.push(new Set());
    else if (sign === '[') open.push(undefined);
    else if (sign !== '"') open.pop();
    else {
      const end = endOfString(text, match.index);
      mark.lastIndex = end;
      checkString(caller, where, text.slice(match.index, end), isColonNext(text, end) ? open.at(-1) : undefined);
    }
  }
}

/**
 * Returns the index after a string's closing quote. It is a loop, since a regular expression would need a stack as long
 * as the string's escapes.
 */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
}

function isColonNext(text: string, from: number): boolean {
  const next = /\S/g;
  next.lastIndex = from;
  return next.exec(text)?.[0] === ':';
}

/** Refuses half a surrogate pair, and a key that its object already has. */
function checkString(caller: string, where: string, literal: string, keys: Set<string> | undefined): void {
  const string = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  const shown = literal.slice(0, 200);
  if (/\p{Surrogate}/u.test(string)) {
    throw new FormatError(`${caller}: ${where} holds ${shown}, with half of a surrogate pair; write well-formed Unicode`);
  }
  if (keys?.has(string)) throw new FormatError(`${caller}: ${where} has the key ${shown} twice in one object; keep one of them`);
  keys?.add(string);
}

/**
 * Reads a JSON file.
 *
 * @param files - where to look. Default: the files of this machine.
 * @throws FormatError if it cannot be read, is not UTF-8, or not JSON.
 */
export async function readJson(caller: string, file: string, files: Files = nodeFiles): Promise<unknown> {
  let bytes: Uint8Array;
  try {
    bytes = await readAll(files, file);
  } catch (cause) {
    throw new FormatError(`${caller}: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
  return parseJson(caller, file, decodeUtf8(caller, file, bytes));
}
