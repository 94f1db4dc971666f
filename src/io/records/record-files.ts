/** Files of records: which formats there are, how their names end, and their bytes. */
import { gunzip } from '#platform/io/records/gunzip';
import { FormatError } from '../../core/errors.js';
import { chunksOf, type Files } from '../files/files.js';
import { lastName } from '../files/slash-path.js';
import { DamagedGzip } from './damaged-gzip.js';

/** A record of a file, and its place. */
export interface SourceRecord {
  /** The value: of tables and well-formed files an object by column. */
  readonly value: unknown;
  /** Place for messages: `file:line` of JSON lines, else `file: row n`. */
  readonly where: string;
}

/** Formats of records. */
export type RecordFormat = 'json' | 'csv' | 'tsv' | 'parquet';

const extension = /\.(jsonl|ndjson|json|csv|tsv|parquet)(?:\.gz)?$/i;

/** Returns the format that the end of a name tells; `undefined` for other names. JSON is a list, or lines. */
export function formatOfName(name: string): RecordFormat | undefined {
  const end = extension.exec(name)?.[1]?.toLowerCase();
  return end === undefined ? undefined : end === 'csv' || end === 'tsv' || end === 'parquet' ? end : 'json';
}

/** Returns a name without its folder, and without the end that tells the format. */
export function stemOf(name: string): string {
  return lastName(name).replace(extension, '');
}

/** The ends of names, for messages. */
export const recordExtensions = '.jsonl, .json, .csv, .tsv or .parquet (each also with .gz)';

/** What the first bytes of a file tell. */
export type Signature = 'gzip' | 'parquet' | 'other';

/** Looks at the first bytes of a file. @throws FormatError if it cannot be read. */
export async function signatureOf(caller: string, file: string, files: Files): Promise<Signature> {
  const head = new Uint8Array(4);
  try {
    const handle = await files.open(file);
    try {
      await handle.read(head, 0);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw cannotRead(caller, file, cause);
  }
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return String.fromCharCode(...head) === 'PAR1' ? 'parquet' : 'other';
}

/** Returns the error for a file that cannot be read. */
export function cannotRead(caller: string, file: string, cause: unknown): FormatError {
  return new FormatError(`${caller}: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
}

/**
 * Reads the bytes of a file piece by piece, decompressed if its first bytes say that it is compressed by gzip.
 *
 * @throws FormatError if it cannot be read, or is damaged.
 */
export async function* plainChunks(caller: string, file: string, files: Files): AsyncGenerator<Uint8Array, void> {
  const isCompressed = (await signatureOf(caller, file, files)) === 'gzip';
  try {
    yield* isCompressed ? gunzip(chunksOf(files, file)) : chunksOf(files, file);
  } catch (cause) {
    if (!(cause instanceof DamagedGzip)) throw cannotRead(caller, file, cause);
    throw new FormatError(`${caller}: ${file}: expected a whole file compressed by gzip, got: ${cause.message}; fetch or write it again`, {
      cause,
    });
  }
}
