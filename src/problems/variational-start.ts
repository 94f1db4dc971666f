/** Spectral start of the components of a variational completion, with an estimate of their number. */

import { type Random, seededRandom } from '../core/random.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';
import { leadingSingularTriples } from '../linalg/subspace-iteration.js';

/**
 * Passes of subspace iteration beyond the first two products, columns beyond the rank, and number added to the entry
 * count of a row or column before it is scaled down by that.
 */
const [passes, oversampling, damping] = [2, 3, 3];

/**
 * `noiseWidth`: columns of the iteration for the noise. `single`: fraction of its first singular value above which a
 * single entry makes it up.
 */
const [noiseWidth, single] = [8, 0.7];

/** Leading directions of a residual, and how many stand out from noise. */
export interface SpectralStart {
  /**
   * n×rank, row-major: D′⁻½ times the leading right singular vectors, with columns of root mean square 1; zeros for
   * columns without entries.
   */
  readonly columns: Float64Array;
  /**
   * Number of singular values above the largest one of the same entries with random signs, which noise alone would not
   * exceed; the rank if single entries hide that.
   */
  readonly shown: number;
}

/**
 * Finds the leading right singular vectors of D⁻½ E D′⁻½, where D and D′ hold the numbers of entries of rows and
 * columns plus three. With this scaling no row or column stands out by its number of entries alone, as a popular one
 * would in E. Subspace iteration from a random start takes 4·nnz·(rank + 3) flops a pass, and as many to begin and to
 * end.
 *
 * Random signs keep the sizes of the entries and remove what they have in common: parallel analysis by sign flips.
 *
 * @param residual - E.
 * @see Halko, Martinsson and Tropp, SIAM Review 53(2), 2011, for the iteration; Hong, Sheng and Dobriban, "Selecting
 * the number of components in PCA via random signflips", 2020.
 */
export function spectralStart(residual: CsrMatrix<HostArray>, rank: number, seed: number): SpectralStart {
  const la = hostAlgebra();
  const { rows: m, columns: n, rowPointers, columnIndices } = residual;
  const counts = new Int32Array(n);
  for (const column of columnIndices) counts[column]++;
  const columnScales = Float64Array.from(counts, (count) => 1 / Math.sqrt(count + damping));
  const values = la.toArray(residual.values);
  for (let i = 0; i < m; i++) {
    const scale = 1 / Math.sqrt(rowPointers[i + 1] - rowPointers[i] + damping);
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) values[e] *= scale * columnScales[columnIndices[e]];
  }
  const random = seededRandom(seed);
  const width = Math.min(rank + oversampling, m, n);
  const { right, singular } = leadingOf({ ...residual, values: la.fromArray(values, [values.length]) }, width, random);
  const flipped = values.map((value) => (random.uniform() < 0.5 ? value : -value));
  const noise = leadingOf({ ...residual, values: la.fromArray(flipped, [values.length]) }, Math.min(noiseWidth, m, n), random).singular;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // With heavy-tailed noise, single entries have singular values of their own, which hide the rest of the spectrum.
  const first = largest > single * noise[0] ? -1 : singular.subarray(0, rank).findIndex((value) => value <= noise[0]);
  return { columns: unitColumns(right, width, counts, rank), shown: first < 0 ? rank : first };
}

/** Returns right singular vectors, n×width and row-major, and singular values, largest first. */
function leadingOf(
  matrix: CsrMatrix<HostArray>,
  width: number,
  random: Random,
): { readonly right: Float64Array; readonly singular: Float64Array } {
  const la = hostAlgebra();
  const products = {
    m: matrix.rows,
    n: matrix.columns,
    apply: (x: HostArray) => la.sparseMatmul(matrix, x),
    applyTranspose: (y: HostArray) => la.sparseMatmul(matrix, y, { transpose: true }),
  };
  const { S, V } = leadingSingularTriples(la, products, { count: width, passes, oversampling: 0, random });
  return { right: la.peek(V), singular: la.peek(S) };
}

function unitColumns(vectors: Float64Array, width: number, counts: Int32Array, rank: number): Float64Array {
  const n = counts.length;
  const columns = new Float64Array(n * rank);
  for (let p = 0; p < Math.min(rank, width); p++) {
    let [squares, seen] = [0, 0];
    for (let j = 0; j < n; j++) {
      if (counts[j] === 0) continue;
      const entry = vectors[j * width + p] / Math.sqrt(counts[j] + damping);
      columns[j * rank + p] = entry;
      squares += entry * entry;
      seen++;
    }
    const scale = squares > 0 ? Math.sqrt(seen / squares) : 0;
    for (let j = 0; j < n; j++) columns[j * rank + p] *= scale;
  }
  return columns;
}
