/** Text files, read with errors that name file and line. */
import { readFile } from 'node:fs/promises';
import { ConfigError, FormatError } from '../core/errors.js';
import { decodeUtf8 } from '../core/parse-json.js';

/**
 * Reads a file of text.
 *
 * @throws ConfigError if it cannot be read; FormatError naming the line of the first bytes that are not UTF-8.
 */
export async function readText(caller: string, file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new ConfigError(`${caller}: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
  try {
    return decodeUtf8(caller, file, bytes).replace(/^\uFEFF/, '');
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const line = 1 + lineOfBadBytes(caller, file, bytes);
    throw new FormatError(`${file}:${line}: expected UTF-8 text, got other bytes; save the file as UTF-8`, { cause: error });
  }
}

/** The lines before the first that does not decode; line ends are never part of a longer UTF-8 sequence. */
function lineOfBadBytes(caller: string, file: string, bytes: Uint8Array): number {
  let line = 0;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const rest = end < 0 ? bytes.length : end;
    try {
      decodeUtf8(caller, file, bytes.subarray(start, rest));
    } catch {
      return line;
    }
    start = rest + 1;
  }
  return line;
}
