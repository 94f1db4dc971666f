/** What kind of file the entries are in, from its beginning. */
import { open } from 'node:fs/promises';
import { ConfigError, FormatError } from '../../core/errors.js';

/** A file of entries. */
export type EntryFormat = { readonly kind: 'matrix-market' } | { readonly kind: 'table'; readonly delimiter: string };

/** What is read to decide. */
const headBytes = 2 ** 16;
/** Lines that have to agree. */
const sampleLines = 20;
/** Delimiters that are looked for; a space last, since labels may hold some. */
const delimiters = ['::', '\t', ',', ';', '|', ' '] as const;

/**
 * Tells Matrix Market from tables, and a table's delimiter: the first with which all of the first lines have enough fields.
 *
 * @param fields - how many a line has to have.
 * @param delimiter - of a table, where it is known.
 * @throws ConfigError if the file cannot be read; FormatError if it is compressed, or no delimiter fits.
 */
export async function sniffFormat(file: string, fields: number, delimiter: string | undefined): Promise<EntryFormat> {
  const head = await readHead(file);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw new FormatError(`${file}: expected text, got a file compressed by gzip; unpack it with gunzip first`);
  }
  const text = head.toString('utf8').replace(/^\uFEFF/, '');
  if (text.startsWith('%%MatrixMarket') || file.endsWith('.mtx')) return { kind: 'matrix-market' };
  if (delimiter !== undefined) return { kind: 'table', delimiter };
  const lines = text.split(/\r?\n/);
  // The last line of the head may be cut.
  if (head.length === headBytes) lines.pop();
  const numbered = lines.map((line, index) => ({ line: line.trim(), remark: line.startsWith('#'), number: index + 1 }));
  const sample = numbered.filter(({ line, remark }) => line !== '' && !remark).slice(0, sampleLines);
  const enough = (line: string, between: string): boolean => fieldCount(line, between) >= fields;
  const found = delimiters.find((between) => sample.every(({ line }) => enough(line, between)));
  if (found !== undefined) return { kind: 'table', delimiter: found };
  // With the delimiter of the first line, the fault is in the one that does not follow.
  const likely = delimiters.find((between) => enough(sample[0].line, between));
  const { line, number } = sample.find((one) => likely === undefined || !enough(one.line, likely)) ?? sample[0];
  throw new FormatError(
    `${file}:${number}: expected ${fields} fields or more${likely === undefined ? ' between commas, semicolons, tabs, bars, spaces or ::' : ` between ${JSON.stringify(likely)}, as on line ${sample[0].number}`}, ` +
      `got ${JSON.stringify(line.slice(0, 60))}; correct the line, or pass --delimiter and --columns`,
  );
}

/** Fields of a line, quotes respected. */
function fieldCount(line: string, delimiter: string): number {
  const bare = line.replaceAll(/"[^"]*"/g, 'quoted');
  return delimiter === ' ' ? bare.split(/ +/).length : bare.split(delimiter).length;
}

async function readHead(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new ConfigError(`complete: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
}
