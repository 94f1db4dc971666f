import type { StiefelMetric } from './stiefel-metric.js';

/**
 * Returns the canonical metric on matrices with orthonormal columns, that of the quotient O(m)/O(m − r): a rotation
 * within the span of the columns counts half as much as in the Euclidean metric.
 *
 * $$ \langle U,V\rangle_X = \operatorname{tr}\bigl(U^\top(I-\tfrac12XX^\top)V\bigr), \qquad \operatorname{grad}f(X) = \nabla f(X)-X\,\nabla f(X)^\top X $$
 *
 * $$ \operatorname{Exp}_X(U) = \begin{bmatrix}X&Q\end{bmatrix}\exp\begin{bmatrix}A&-B^\top\\B&0\end{bmatrix}\begin{bmatrix}I\\0\end{bmatrix}, \qquad U = XA+QB $$
 *
 * @returns the metric, for {@link stiefel}. {@link cayleyRetraction} is of second order for it.
 * @see Edelman, Arias and Smith, "The geometry of algorithms with orthogonality constraints", SIAM J. Matrix Anal.
 * Appl. 20(2), 1998, section 2.4.
 */
export function canonicalStiefel(): StiefelMetric {
  return { name: 'canonical', beta: 0.5 };
}
