/** Checksums that show whether files are still as they were written. */
import { createHash, type Hash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { FormatError } from '../../core/errors.js';
import { isJsonObject, type JsonObject, readJson } from '../parse-json.js';
import { writeAtomic } from './write-atomic.node.js';

/** Name of the file that holds the checksums of all others in its folder. */
export const checksumFile = 'checksums.json';

/** Files for people to edit, which have no checksum. */
const edited: readonly string[] = ['README.md'];

/** Bytes read at a time. */
const pieceBytes = 2 ** 20;

/**
 * Returns the SHA-256 of a file's bytes in hexadecimal digits, as `sha256sum` prints it. The cost is one pass over the
 * file (1 to 1.5 GB a second on processors with instructions for it), through a buffer of fixed size.
 *
 * @param hash - another hash to use, which may have been fed what comes before the file's bytes.
 * @throws FormatError naming the file if it cannot be read.
 */
export async function hashFile(caller: string, file: string, hash: Hash = createHash('sha256')): Promise<string> {
  const piece = new Uint8Array(pieceBytes);
  try {
    const handle = await open(file, 'r');
    try {
      for (;;) {
        const { bytesRead } = await handle.read(piece, 0, pieceBytes);
        if (bytesRead === 0) return hash.digest('hex');
        hash.update(piece.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new FormatError(`${caller}: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
}

/**
 * Writes the checksums of all files of a folder but README.md, which people may edit, beside them. Nothing may be
 * written to the folder afterwards.
 *
 * @throws BackendError if the file system refuses.
 */
export async function writeChecksums(folder: string): Promise<void> {
  const sums: Record<string, string> = {};
  const names = (await readdir(folder)).filter((name) => !edited.includes(name));
  for (const name of names.sort()) sums[name] = await hashFile('checkpoint', path.join(folder, name));
  await writeAtomic(path.join(folder, checksumFile), `${JSON.stringify({ sha256: sums }, null, 2)}\n`);
}

/**
 * Compares the files of a folder with its checksums.
 *
 * @throws FormatError naming the first file that is missing or has other bytes, or the checksums themselves if they are
 * missing or malformed.
 */
export async function verifyChecksums(caller: string, folder: string): Promise<void> {
  const list = path.join(folder, checksumFile);
  const content = await readJson(caller, list);
  if (!isJsonObject(content) || !isSums(content.sha256))
    throw new FormatError(`${caller}: ${list} must hold the SHA-256 of each file by its name; remove ${folder}`);
  for (const [name, sum] of Object.entries(content.sha256)) {
    const file = path.join(folder, name);
    if ((await hashFile(caller, file)) === sum) continue;
    throw new FormatError(
      `${caller}: ${file} is not as it was written, its SHA-256 differs from that in ${checksumFile}; remove ${folder}`,
    );
  }
}

function isSums(value: unknown): value is Readonly<Record<string, string>> & JsonObject {
  return isJsonObject(value) && Object.entries(value).every(([name, sum]) => path.basename(name) === name && typeof sum === 'string');
}
