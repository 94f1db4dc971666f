/**
 * Matrices that need not be dense: the forms that an ambient gradient ∇g(X) may take. A fixed-rank manifold needs only
 * its products G·V and Gᵀ·U ({@link applyAmbient}, {@link applyAmbientTranspose}).
 */

import './host/whole-engine.js';
import { ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { CsrMatrix } from './csr-matrix.js';
import type { LinearAlgebra } from './linear-algebra.js';
import type { FactoredMatrix } from './linear-algebra-types.js';

/** A {@link FactoredMatrix} as one of the forms of an ambient matrix. */
export interface AmbientFactors<M> extends FactoredMatrix<M> {
  /** Tag that tells this form from the others. */
  readonly kind: 'factored';
}

/** An m×n matrix given by its products; with a batch, by those with batched operands. */
export interface OperatorMatrix<M> {
  /** Tag that tells this form from the others. */
  readonly kind: 'operator';
  /** [m, n], after the batch axes if there are any. */
  readonly shape: readonly number[];
  /** X ↦ G X, n×k to m×k. */
  apply(x: M): M;
  /** X ↦ Gᵀ X, m×k to n×k. */
  applyTranspose(x: M): M;
}

/**
 * An m×n matrix G in any form that can be multiplied from both sides: dense (an engine array [.., m, n]), sparse,
 * factored or an operator.
 *
 * The geometries of rank-r matrices need only the products G·V (m×r) and Gᵀ·U (n×r) of a Euclidean gradient. Flops for
 * r columns: dense 2mnr, sparse 2·nnz·r, factored of inner size k 2(m + n)kr.
 *
 * @typeParam M - the engine's array.
 */
export type Ambient<M> = M | CsrMatrix<M> | AmbientFactors<M> | OperatorMatrix<M>;

/**
 * Returns the shape of an ambient matrix.
 *
 * @param la - the engine of its arrays.
 * @param g - m×n, in any form.
 * @param caller - the function that an error names. Default: this one.
 * @returns [.., m, n], batch axes first.
 * @throws ShapeError if it is none of the forms.
 */
export function ambientShape<M>(la: LinearAlgebra<M>, g: Ambient<M>, caller = 'ambientShape'): readonly number[] {
  if (la.isArray(g)) return la.shape(g);
  switch (g?.kind) {
    case 'csr':
      return [g.rows, g.columns];
    case 'factored': {
      const left = la.shape(g.left);
      return [...left.slice(0, -1), la.shape(g.right).at(-2) as number];
    }
    case 'operator':
      return g.shape;
    default:
      throw new ShapeError(
        `${caller}: expected a matrix of the engine '${la.name}', or { kind: 'csr' | 'factored' | 'operator' }, got ${describeValue(g)}; ` +
          'convert plain numbers with fromArray(values, shape)',
      );
  }
}

/**
 * Computes $G X$ for a matrix G in any form.
 *
 * @param la - the engine of its arrays.
 * @param g - m×n, in any form.
 * @param x - n×k.
 * @returns m×k, new. Flops: see {@link Ambient}.
 * @throws ShapeError if the shapes do not fit.
 */
export function applyAmbient<M>(la: LinearAlgebra<M>, g: Ambient<M>, x: M): M {
  if (la.isArray(g)) return la.matmul(g, x);
  switch (g.kind) {
    case 'csr':
      return la.sparseMatmul(g, x);
    case 'factored':
      return la.matmul(g.left, la.matmul(g.right, x, { transposeA: true }));
    case 'operator':
      return g.apply(x);
  }
}

/**
 * Computes $G^\top X$ for a matrix G in any form.
 *
 * @param la - the engine of its arrays.
 * @param g - m×n, in any form.
 * @param x - m×k.
 * @returns n×k, new. Flops: see {@link Ambient}.
 * @throws ShapeError if the shapes do not fit.
 */
export function applyAmbientTranspose<M>(la: LinearAlgebra<M>, g: Ambient<M>, x: M): M {
  if (la.isArray(g)) return la.matmul(g, x, { transposeA: true });
  switch (g.kind) {
    case 'csr':
      return la.sparseMatmul(g, x, { transpose: true });
    case 'factored':
      return la.matmul(g.right, la.matmul(g.left, x, { transposeA: true }));
    case 'operator':
      return g.applyTranspose(x);
  }
}
