import type { StiefelMetric } from './stiefel-metric.js';

/**
 * Returns the Euclidean metric on matrices with orthonormal columns, that of the surrounding space.
 *
 * $$ \langle U,V\rangle_X = \operatorname{tr}(U^\top V) $$
 *
 * $$ \operatorname{Exp}_X(U) = \begin{bmatrix}X&Q\end{bmatrix}\exp\begin{bmatrix}2A&-B^\top\\B&0\end{bmatrix}\begin{bmatrix}I\\0\end{bmatrix}\exp(-A), \qquad U = XA+QB $$
 *
 * @returns the metric, for {@link stiefel}, whose default it is.
 * @see Edelman, Arias and Smith, "The geometry of algorithms with orthogonality constraints", SIAM J. Matrix Anal.
 * Appl. 20(2), 1998, section 2.2.2.
 */
export function euclideanStiefel(): StiefelMetric {
  return { name: 'Euclidean', beta: 1 };
}
