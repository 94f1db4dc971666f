/**
 * Builds sparse matrices from entries that are read twice, first to be counted and then to be placed: a counting sort
 * that never holds a list of triplets.
 */
import { type Allocation, allocate } from '../../core/allocate.js';
import { FormatError } from '../../core/errors.js';
import { eventLoopYielder } from '../../core/event-loop.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { type NamedFile, sizeOf } from '../text/text-encoding.js';

/** Number of entries of each row; grows with the rows. */
export class RowCounts {
  readonly #file: NamedFile;
  #counts = new Int32Array(1024);
  #rows = 0;
  #total = 0;

  readonly #most: number;

  /**
   * @param file - for messages.
   * @param most - the largest number of rows allowed.
   */
  constructor(file: NamedFile, most: number) {
    this.#file = file;
    this.#most = most;
  }

  /** Number of entries. */
  get total(): number {
    return this.#total;
  }

  /**
   * Counts one more entry of a row.
   *
   * @throws FormatError for more rows than allowed; BackendError if they do not fit into memory.
   */
  add(row: number, line: number): void {
    if (row >= this.#counts.length) {
      checkRows(this.#file, line, row + 1, this.#most);
      // Double the room only while it is small: a single large row number gets just what it needs.
      const length = Math.max(Math.min(2 * this.#counts.length, this.#counts.length + 2 ** 22), row + 1);
      const larger = allocate({ ...rowsAllocation(this.#file, row + 1), bytes: bytesPerRow * length }, () => new Int32Array(length));
      larger.set(this.#counts);
      this.#counts = larger;
    }
    this.#counts[row]++;
    this.#rows = Math.max(this.#rows, row + 1);
    this.#total++;
  }

  /** Returns the offsets of compressed rows. */
  async rowPointers(rows: number): Promise<Int32Array> {
    const pointers = allocate(rowsAllocation(this.#file, rows), () => new Int32Array(rows + 1));
    pointers.set(this.#counts.subarray(0, this.#rows), 1);
    await accumulate(pointers);
    return pointers;
  }
}

/**
 * Rows that any file may have, and rows allowed per byte of a larger one: rows without entries take memory that the
 * file does not account for.
 */
const [alwaysRows, rowsPerByte] = [2 ** 24, 16];

/** Returns the largest number of rows that a file of this size may have, empty ones included. */
export async function mostRows(file: NamedFile): Promise<number> {
  return Math.max(alwaysRows, rowsPerByte * (await sizeOf(file)));
}

/** @throws FormatError for more rows than {@link mostRows} allows, with the bytes that they would take. */
export function checkRows(file: NamedFile, line: number, rows: number, most: number): void {
  if (rows <= most) return;
  const { bytes, what, remedy } = rowsAllocation(file, rows);
  throw new FormatError(
    `${file.where}:${line}: expected at most ${most} rows in a file of this size, got ${rows}, of which nearly all would be empty: ${bytes} bytes of memory for ${what}; ${remedy}`,
  );
}

/** Bytes of two offsets per row: where its entries begin, and where its next one goes. */
const bytesPerRow = 8;

/** Describes the memory that rows take, with or without entries. */
export function rowsAllocation(file: NamedFile, rows: number): Allocation {
  return {
    where: file.where,
    bytes: bytesPerRow * (rows + 1),
    what: `the offsets of ${rows} rows`,
    remedy: 'number only the rows that have entries, or transpose the matrix if it has fewer columns',
  };
}

/** Turns counts into running totals, `counts[i + 1]` being that of row i; lets the event loop run in between. */
export async function accumulate(counts: Int32Array): Promise<void> {
  const turn = eventLoopYielder();
  for (let i = 1; i < counts.length; i++) {
    counts[i] += counts[i - 1];
    if (i % rowsBetweenTurns === 0) await turn();
  }
}

/** Rows handled between turns of the event loop: some milliseconds of work. */
const rowsBetweenTurns = 2 ** 20;
/** Most entries that 32-bit offsets can count. */
const mostEntries = 2 ** 31 - 1;

/** Takes entries in any order and puts each in its row: 12 bytes per entry, and 4 per row. */
export class EntryCollector {
  readonly #file: NamedFile;
  readonly #rowPointers: Int32Array;
  readonly #next: Int32Array;
  readonly #columnIndices: Int32Array;
  #values: Float64Array;
  #times: Float64Array | undefined;

  /**
   * @param rowPointers - where each row begins, from a first pass.
   * @param timed - if true, entries have times.
   * @throws BackendError if the entries do not fit into memory; FormatError for more than 32-bit offsets can count.
   */
  constructor(file: NamedFile, rowPointers: Int32Array, count: number, timed = false) {
    if (count > mostEntries) {
      throw new FormatError(`${file.where}: expected at most ${mostEntries} entries, got ${count}; divide the file`);
    }
    const rows = rowPointers.length - 1;
    this.#file = file;
    this.#rowPointers = rowPointers;
    this.#next = allocate({ ...rowsAllocation(file, rows), bytes: 4 * rows }, () => rowPointers.slice(0, -1));
    const entries = {
      where: file.where,
      bytes: (timed ? 20 : 12) * count,
      what: `${count} entries`,
      remedy: 'take a part of the file, or free memory',
    };
    const numbers = (): Float64Array => new Float64Array(count);
    [this.#columnIndices, this.#values, this.#times] = allocate(entries, () => [
      new Int32Array(count),
      numbers(),
      timed ? numbers() : undefined,
    ]);
  }

  /** Times of the entries, in their order, if they have any. */
  get times(): Float64Array | undefined {
    return this.#times;
  }

  /** @throws FormatError if the row has more entries than were counted. */
  place(row: number, column: number, value: number, time = 0): void {
    const at = row < this.#next.length ? this.#next[row]++ : Number.POSITIVE_INFINITY;
    if (!(at < this.#rowPointers[row + 1])) throw this.#changed();
    this.#columnIndices[at] = column;
    this.#values[at] = value;
    if (this.#times !== undefined) this.#times[at] = time;
  }

  /**
   * Returns the matrix; the caller has checked its columns. The collector cannot be used again.
   *
   * @throws FormatError if counted entries are missing.
   */
  async finish<M>(la: LinearAlgebra<M>, columns: number): Promise<CsrMatrix<M>> {
    const rows = this.#next.length;
    const turn = eventLoopYielder();
    for (let i = 0; i < rows; i++) {
      if (this.#next[i] !== this.#rowPointers[i + 1]) throw this.#changed();
      if (i % rowsBetweenTurns === 0) await turn();
    }
    const values = la.fromArray(this.#values, [this.#values.length]);
    this.#values = new Float64Array(0);
    return { kind: 'csr', rows, columns, rowPointers: this.#rowPointers, columnIndices: this.#columnIndices, values };
  }

  #changed(): FormatError {
    return new FormatError(`${this.#file.where}: the file changed while it was read, which takes two passes; read it again`);
  }
}
