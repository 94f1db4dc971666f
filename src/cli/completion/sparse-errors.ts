/** A matrix of low rank at the places of a sparse one. */
import { type CsrMatrix, type FixedRankPoint, type HostArray, hostAlgebra } from '../../index.js';

/** The values of X at the places of a pattern, one an entry: 2·nnz·r flops. */
export function sampled(pattern: CsrMatrix<HostArray>, { U, S, V }: FixedRankPoint<HostArray>): HostArray {
  const la = hostAlgebra();
  return la.sampledMatmul(pattern, la.scaleColumns(U, S), la.transpose(V));
}
