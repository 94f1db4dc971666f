import '../linalg/host/whole-engine.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';

/**
 * Computes P_Ω(L Rᵀ).
 *
 * @returns a sparse matrix of the same pattern, in 2·nnz·k flops.
 */
export function sampledMatrix<M>(la: LinearAlgebra<M>, pattern: CsrMatrix<M>, { left, right }: FactoredMatrix<M>): CsrMatrix<M> {
  return { ...pattern, values: la.sampledMatmul(pattern, left, la.transpose(right)) };
}
