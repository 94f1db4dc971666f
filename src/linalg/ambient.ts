/**
 * Matrices that need not be dense: the forms in which an ambient gradient ∇g(X) may come.
 * A fixed-rank manifold asks a gradient only for G·V and Gᵀ·U ({@link applyAmbient}, {@link applyAmbientTranspose}).
 */
import { ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { CsrMatrix } from './csr-matrix.js';
import type { LinearAlgebra } from './linear-algebra.js';

/** The product left · right, never multiplied out. */
export interface FactoredMatrix<M> {
  /** What tells this form from the others. */
  readonly kind: 'factored';
  /** m×k. */
  readonly left: M;
  /** k×n. */
  readonly right: M;
}

/** A matrix known by what it does. */
export interface OperatorMatrix<M> {
  /** What tells this form from the others. */
  readonly kind: 'operator';
  /** [m, n], after the batch axes if there are any. */
  readonly shape: readonly number[];
  /** X ↦ G X, n×k to m×k. */
  apply(x: M): M;
  /** X ↦ Gᵀ X, m×k to n×k. */
  applyTranspose(x: M): M;
}

/** An m×n matrix in any form that can be multiplied from both sides: dense, sparse, factored or an operator. */
export type Ambient<M> = M | CsrMatrix<M> | FactoredMatrix<M> | OperatorMatrix<M>;

/** The shape of an ambient matrix, batch axes first. */
export function ambientShape<M>(la: LinearAlgebra<M>, g: Ambient<M>): readonly number[] {
  if (la.isArray(g)) return la.shape(g);
  switch (g?.kind) {
    case 'csr':
      return [g.rows, g.columns];
    case 'factored': {
      const left = la.shape(g.left);
      return [...left.slice(0, -1), la.shape(g.right).at(-1) as number];
    }
    case 'operator':
      return g.shape;
    default:
      throw new ShapeError(
        `ambientShape: expected a matrix of the engine '${la.name}', or { kind: 'csr' | 'factored' | 'operator' }, got ${describeValue(g)}; ` +
          'convert plain numbers with fromArray(values, shape)',
      );
  }
}

/**
 * G X.
 *
 * @param g - m×n, in any form.
 * @param x - n×k.
 * @returns m×k, new.
 */
export function applyAmbient<M>(la: LinearAlgebra<M>, g: Ambient<M>, x: M): M {
  if (la.isArray(g)) return la.matmul(g, x);
  switch (g.kind) {
    case 'csr':
      return la.sparseMatmul(g, x);
    case 'factored':
      return la.matmul(g.left, la.matmul(g.right, x));
    case 'operator':
      return g.apply(x);
  }
}

/**
 * Gᵀ X.
 *
 * @param g - m×n, in any form.
 * @param x - m×k.
 * @returns n×k, new.
 */
export function applyAmbientTranspose<M>(la: LinearAlgebra<M>, g: Ambient<M>, x: M): M {
  if (la.isArray(g)) return la.matmul(g, x, { transposeA: true });
  switch (g.kind) {
    case 'csr':
      return la.sparseMatmul(g, x, { transpose: true });
    case 'factored':
      return la.matmul(g.right, la.matmul(g.left, x, { transposeA: true }), { transposeA: true });
    case 'operator':
      return g.applyTranspose(x);
  }
}
