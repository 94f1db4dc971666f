import { ConfigError, FormatError } from '../../core/errors.js';
import { type Files, readAll } from '../files/files.js';
import { nodeFiles } from '../files/node-files.js';
import { decodeUtf8, wrongBytes } from '../parse-json.js';
import { firstInvalidByte, placeOf } from './utf8.js';

/**
 * Reads a text file.
 *
 * @param mostBytes - a larger file is refused before it is read.
 * @param remedy - what the user can do about a larger file.
 * @throws ConfigError if it cannot be read or is too large; FormatError naming line and byte of what is not UTF-8.
 */
export async function readText(
  caller: string,
  file: string,
  mostBytes: number,
  remedy = 'check that it is the right file',
  files: Files = nodeFiles,
): Promise<string> {
  let bytes: Uint8Array;
  try {
    const size = (await files.describe(file))?.bytes ?? 0;
    if (size > mostBytes) {
      throw new ConfigError(`${caller}: expected ${file} to have at most ${mostBytes} bytes, got ${size}; ${remedy}`);
    }
    bytes = await readAll(files, file);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`${caller}: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
  try {
    return decodeUtf8(caller, file, bytes).replace(/^\uFEFF/, '');
  } catch (cause) {
    const { line } = placeOf(bytes, firstInvalidByte(bytes));
    throw new FormatError(`${file}:${line}: expected UTF-8 text, got ${wrongBytes(bytes)}; save the file as UTF-8`, { cause });
  }
}
