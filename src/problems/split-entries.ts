import { declareOptions, number } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import { checkCsr, csrMatrix } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';

/** Options of {@link splitEntries}. */
export interface SplitEntriesOptions {
  /** Fraction of the entries to set aside, in (0, 1). Each entry is drawn independently, so the number varies. */
  readonly fraction: number;
  /** Seed of the draw. Default: 0. */
  readonly seed?: number;
}

const splitEntriesOptions = declareOptions<SplitEntriesOptions>()({
  fraction: number({ above: 0, below: 1 }),
  seed: number({ default: 0 }),
});

/** Entries of a matrix in two parts. */
export interface EntrySplit<M> {
  /** Entries to fit. */
  readonly train: CsrMatrix<M>;
  /** Entries set aside. */
  readonly test: CsrMatrix<M>;
}

/**
 * Splits the entries of a sparse matrix at random into one part to fit and another to test on.
 *
 * @param la - the engine of the data.
 * @returns two new matrices of the same shape, in O(nnz + m) time and memory.
 * @throws ConfigError if the fraction is not between 0 and 1.
 */
export async function splitEntries<M>(la: LinearAlgebra<M>, data: CsrMatrix<M>, options: SplitEntriesOptions): Promise<EntrySplit<M>> {
  checkAlgebra('splitEntries', la);
  checkCsr('splitEntries', data);
  const { fraction, seed } = splitEntriesOptions.read('splitEntries', options);
  const random = seededRandom(seed);
  const count = data.columnIndices.length;
  const aside = Uint8Array.from({ length: count }, () => (random.uniform() < fraction ? 1 : 0));
  return partsOf(la, data, aside);
}

/**
 * Divides the entries of a sparse matrix.
 *
 * @param aside - 1 for each entry to set aside, 0 for the others.
 */
export async function partsOf<M>(la: LinearAlgebra<M>, data: CsrMatrix<M>, aside: Uint8Array): Promise<EntrySplit<M>> {
  const count = data.columnIndices.length;
  const values = await la.toArray(data.values);
  const chosen = aside.reduce((sum, flag) => sum + flag, 0);
  const part = (flag: 0 | 1, size: number): CsrMatrix<M> => {
    const rowPointers = new Int32Array(data.rows + 1);
    const columnIndices = new Int32Array(size);
    const kept = new Float64Array(size);
    let place = 0;
    for (let i = 0; i < data.rows; i++) {
      for (let e = data.rowPointers[i]; e < data.rowPointers[i + 1]; e++) {
        if (aside[e] !== flag) continue;
        columnIndices[place] = data.columnIndices[e];
        kept[place++] = values[e];
      }
      rowPointers[i + 1] = place;
    }
    return csrMatrix(la, { rows: data.rows, columns: data.columns, rowPointers, columnIndices, values: kept });
  };
  return { train: part(0, count - chosen), test: part(1, chosen) };
}
