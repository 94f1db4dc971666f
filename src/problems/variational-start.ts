/** Where the components of a variational completion begin. */

import { seededRandom } from '../core/random.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';

/** Passes of subspace iteration, columns beyond the rank, and entries added to every row and column before it is scaled down by their number. */
const [passes, oversampling, damping] = [3, 3, 3];

/**
 * The leading right singular vectors of D⁻½ E D′⁻½, where D and D′ hold the numbers of entries of rows and columns: scaled like that, no row or column stands out by its number of
 * entries alone, as a popular one would in E.
 *
 * @param residual - E.
 * @returns n×rank, row-major: D′⁻½ times those vectors, with columns of root mean square 1; zeros where a column has no entries.
 */
export function spectralColumns(residual: CsrMatrix<HostArray>, rank: number, seed: number): Float64Array {
  const la = hostAlgebra();
  const { rows: m, columns: n, rowPointers, columnIndices } = residual;
  const counts = new Int32Array(n);
  for (const column of columnIndices) counts[column]++;
  const values = la.toArray(residual.values);
  for (let i = 0; i < m; i++) {
    const count = rowPointers[i + 1] - rowPointers[i];
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++)
      values[e] /= Math.sqrt((count + damping) * (counts[columnIndices[e]] + damping));
  }
  const scaled = { ...residual, values: la.fromArray(values, [values.length]) };
  const width = Math.min(rank + oversampling, m, n);
  let right = la.qr(la.randomNormal([n, width], seededRandom(seed))).Q;
  for (let pass = 0; pass < passes; pass++) {
    const left = la.qr(la.sparseMatmul(scaled, right)).Q;
    const image = la.sparseMatmul(scaled, left, { transpose: true });
    right = pass < passes - 1 ? la.qr(image).Q : la.svd(image).U;
  }
  return unitColumns(la.peek(right), width, counts, rank);
}

function unitColumns(vectors: Float64Array, width: number, counts: Int32Array, rank: number): Float64Array {
  const n = counts.length;
  const columns = new Float64Array(n * rank);
  for (let p = 0; p < rank; p++) {
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
