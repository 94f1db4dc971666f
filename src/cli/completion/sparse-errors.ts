/** Errors over the entries of a sparse matrix. */
import { type CsrMatrix, type FixedRankPoint, type HostArray, hostAlgebra } from '../../index.js';

/** Root mean square of the values; 0 of none. */
export function rootMeanSquare({ values, columnIndices }: CsrMatrix<HostArray>): number {
  return columnIndices.length === 0 ? 0 : hostAlgebra().norm(values) / Math.sqrt(columnIndices.length);
}

/** The values of X at the places of a pattern, one an entry: 2·nnz·r flops. */
export function sampled(pattern: CsrMatrix<HostArray>, { U, S, V }: FixedRankPoint<HostArray>): HostArray {
  const la = hostAlgebra();
  return la.sampledMatmul(pattern, la.scaleColumns(U, S), la.transpose(V));
}

/** What is left of the entries when X is taken away. */
export function residualOf(matrix: CsrMatrix<HostArray>, x: FixedRankPoint<HostArray>): CsrMatrix<HostArray> {
  return { ...matrix, values: hostAlgebra().subtract(matrix.values, sampled(matrix, x)) };
}
