import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FixedRankPoint } from '../../metrics/fixed-rank-metric.js';

/** Returns the values of X at the places of a pattern, one per entry, in 2·nnz·r flops. */
export function sampledFixedRank(pattern: CsrMatrix<HostArray>, { U, S, V }: FixedRankPoint<HostArray>): HostArray {
  const la = hostAlgebra();
  return la.sampledMatmul(pattern, la.scaleColumns(U, S), la.transpose(V));
}
