/** Sparse matrices from entries that come twice, first to be counted and then to be placed: a counting sort that never holds a list of triplets. */
import { FormatError } from '../../core/errors.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';

/** Entries a row, growing with the rows. */
export class RowCounts {
  #counts = new Int32Array(1024);
  #rows = 0;
  #total = 0;

  /** Number of entries. */
  get total(): number {
    return this.#total;
  }

  /** One more entry in a row. */
  add(row: number): void {
    if (row >= this.#counts.length) {
      const larger = new Int32Array(Math.max(2 * this.#counts.length, row + 1));
      larger.set(this.#counts);
      this.#counts = larger;
    }
    this.#counts[row]++;
    this.#rows = Math.max(this.#rows, row + 1);
    this.#total++;
  }

  /** The offsets of compressed rows. */
  rowPointers(rows: number): Int32Array {
    const pointers = new Int32Array(rows + 1);
    for (let i = 0; i < rows; i++) pointers[i + 1] = pointers[i] + (i < this.#rows ? this.#counts[i] : 0);
    return pointers;
  }
}

/** Takes entries in any order and puts each in its row: 12 bytes an entry, and 4 a row. */
export class EntryCollector {
  readonly #rowPointers: Int32Array;
  readonly #next: Int32Array;
  readonly #columnIndices: Int32Array;
  #values: Float64Array;

  /** @param rowPointers - where each row begins, from a first pass. */
  constructor(rowPointers: Int32Array) {
    this.#rowPointers = rowPointers;
    this.#next = rowPointers.slice(0, -1);
    const count = rowPointers[rowPointers.length - 1];
    this.#columnIndices = new Int32Array(count);
    this.#values = new Float64Array(count);
  }

  /** @throws FormatError if the row has more entries than were counted. */
  place(file: string, row: number, column: number, value: number): void {
    const at = row < this.#next.length ? this.#next[row]++ : Number.POSITIVE_INFINITY;
    if (!(at < this.#rowPointers[row + 1])) throw changed(file);
    this.#columnIndices[at] = column;
    this.#values[at] = value;
  }

  /** The matrix. The collector is used up. @throws FormatError if entries are missing that were counted. */
  finish<M>(file: string, la: LinearAlgebra<M>, columns: number): CsrMatrix<M> {
    const rows = this.#next.length;
    for (let i = 0; i < rows; i++) if (this.#next[i] !== this.#rowPointers[i + 1]) throw changed(file);
    const values = la.fromArray(this.#values, [this.#values.length]);
    this.#values = new Float64Array(0);
    const matrix: CsrMatrix<M> = {
      kind: 'csr',
      rows,
      columns,
      rowPointers: this.#rowPointers,
      columnIndices: this.#columnIndices,
      values,
    };
    checkCsr('readMatrix', matrix);
    return matrix;
  }
}

function changed(file: string): FormatError {
  return new FormatError(`${file}: the file changed while it was read, which takes two passes; read it again`);
}
