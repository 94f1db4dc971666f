/** Parquet files, as `hyparquet` reads them, one row group at a time. */
import type { AsyncBuffer, FileMetaData, SchemaTree } from 'hyparquet';
import { BuresError, FormatError } from '../../core/errors.js';
import { joinBytes } from '../files/file-content.js';
import type { Files, OpenFile } from '../files/files.js';
import { isJsonObject } from '../parse-json.js';
import { cannotRead, plainChunks, type SourceRecord, signatureOf } from './record-files.js';

/**
 * Largest Parquet file inside a gzip file, in bytes after decompression: it is read from its end, so that it has to fit
 * memory.
 */
const mostUnzipped = 2 ** 30;

/**
 * Reads the rows of a Parquet file. Memory is needed for one row group.
 *
 * @returns the rows as plain objects: nested lists and structures as arrays and objects, integers of 64 bits as numbers
 * or, where a number would round them, as their text; dates and times as texts of ISO 8601; bytes as texts of UTF-8.
 * @throws FormatError if the file cannot be read, is damaged, or uses what the reader does not know.
 */
export async function* readParquet(caller: string, file: string, files: Files): AsyncGenerator<SourceRecord, void> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const { buffer, close } = await openBuffer(caller, file, files);
  try {
    const metadata = await damaged(caller, file, async () => {
      const found = await parquetMetadataAsync(buffer);
      checkColumns(found, parquetSchema(found));
      return found;
    });
    let first = 0;
    for (const { num_rows: count } of metadata.row_groups) {
      const [rowStart, rowEnd] = [first, first + Number(count)];
      const rows = await damaged(caller, `${file}: rows ${rowStart + 1} to ${rowEnd}`, () =>
        parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd }),
      );
      for (const [at, row] of rows.entries()) yield { value: plainValue(row), where: `${file}: row ${rowStart + at + 1}` };
      first = rowEnd;
    }
  } finally {
    await close();
  }
}

/** Names the file in what the reader throws about its contents. */
async function damaged<Result>(caller: string, where: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof BuresError) throw cause;
    // What the reader trips over says nothing of the file.
    const isOwn =
      cause instanceof Error && !(cause instanceof TypeError || cause instanceof RangeError || /\b(undefined|NaN)\b/.test(cause.message));
    throw new FormatError(
      `${caller}: ${where}: expected Parquet, got: ${isOwn ? cause.message : 'contents that do not fit together'}; fetch or write the file again`,
      { cause },
    );
  }
}

/**
 * Requires that the columns of all row groups are those of the schema: one that nothing reads would reject a promise
 * that nobody awaits, which ends the process.
 *
 * @throws Error in words.
 */
function checkColumns({ row_groups }: FileMetaData, { children }: SchemaTree): void {
  const known = new Map(children.map((child) => [child.element.name, child.children.length > 0]));
  if (known.size < children.length) throw new Error('a schema that has a column twice');
  for (const { columns } of row_groups) {
    const leaves = new Set<string>();
    for (const { meta_data: about } of columns) {
      const name = about?.path_in_schema[0] ?? '';
      const isNested = known.get(name);
      if (isNested === undefined || leaves.has(name)) throw new Error('columns that are not those of the schema');
      if (!isNested) leaves.add(name);
    }
  }
}

interface OpenBuffer {
  readonly buffer: AsyncBuffer;
  close(): Promise<void>;
}

async function openBuffer(caller: string, file: string, files: Files): Promise<OpenBuffer> {
  if ((await signatureOf(caller, file, files)) === 'gzip') {
    const bytes = await unzipped(caller, file, files);
    return { buffer: { byteLength: bytes.byteLength, slice: (start, end) => bytes.slice(start, end) }, close: async () => undefined };
  }
  const opened = await files.open(file).catch((cause: unknown) => {
    throw cannotRead(caller, file, cause);
  });
  const slice = async (start: number, end: number = opened.bytes): Promise<ArrayBuffer> => readRange(caller, file, opened, start, end);
  return { buffer: { byteLength: opened.bytes, slice }, close: () => opened.close() };
}

async function readRange(caller: string, file: string, opened: OpenFile, start: number, end: number): Promise<ArrayBuffer> {
  const from = start < 0 ? Math.max(0, opened.bytes + start) : start;
  // A damaged file may ask for any range.
  const bytes = new Uint8Array(Math.max(0, Math.min(end, opened.bytes) - from));
  for (let done = 0; done < bytes.length; ) {
    const read = await opened.read(bytes.subarray(done), from + done).catch((cause: unknown) => {
      throw cannotRead(caller, file, cause);
    });
    if (read === 0) break;
    done += read;
  }
  return bytes.buffer;
}

async function unzipped(caller: string, file: string, files: Files): Promise<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of plainChunks(caller, file, files)) {
    pieces.push(piece);
    length += piece.length;
    if (length > mostUnzipped)
      throw new FormatError(
        `${caller}: ${file}: expected Parquet of at most ${mostUnzipped} bytes inside gzip, got more; decompress it, since Parquet is compressed itself`,
      );
  }
  return joinBytes(pieces).buffer;
}

/** Converts what JSON has not. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>, plainValue);
  if (!isJsonObject(value)) return value;
  // Assigning to a column named __proto__ would not make one.
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainValue(part)]));
}
