/**
 * The generalized Stiefel manifold of m×r matrices with XᵀBX = I, for a symmetric positive definite B.
 *
 * Tangent at X: U with XᵀBU + UᵀBX = 0. Dimension mr − r(r+1)/2. X ↦ LᵀX with B = LLᵀ is an isometry onto `stiefel`.
 *
 * @see Edelman, Arias and Smith 1998, section 4.5; Sato and Aihara, "Cholesky QR-based retraction on the generalized
 * Stiefel manifold", Comput. Optim. Appl. 72, 2019.
 */
import { declareOptions } from '../core/options.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import { columnHints } from './checks.js';
import { inFactorCoordinates, productOption } from './in-factor-coordinates.js';
import type { GeodesicManifold } from './manifold.js';
import { type StiefelOptions, stiefelManifold, stiefelOptions } from './stiefel.js';

/** Options of {@link generalizedStiefel}. */
export interface GeneralizedStiefelOptions<M> extends StiefelOptions<M> {
  /** The symmetric positive definite matrix of the inner product, [.., m, m]: one for each member of a batch. */
  readonly B: M;
}

const generalizedStiefelOptions = declareOptions<GeneralizedStiefelOptions<unknown>>()(
  { ...stiefelOptions.options, B: productOption },
  columnHints,
);

/**
 * Returns the manifold of m×r matrices whose columns are orthonormal in the product of B: for generalized eigenvalue
 * problems, canonical correlations and finite elements.
 *
 * $$ \operatorname{St}_B(m,r) = \lbrace X\in\mathbb R^{m\times r} : X^\top BX = I\rbrace, \qquad X^\top BU+U^\top BX = 0, \qquad \langle U,V\rangle = \operatorname{tr}(U^\top BV) $$
 *
 * $$ P_X(Z) = Z-X\operatorname{sym}(X^\top BZ), \qquad \operatorname{grad}f = P_X(B^{-1}\nabla f), \qquad \operatorname{Hess}f[U] = P_X\bigl(B^{-1}\nabla^2f[U]-U\operatorname{sym}(X^\top\nabla f)\bigr) $$
 *
 * With B = LLᵀ, $X\mapsto L^\top X$ is an isometry onto {@link stiefel}, whose metrics, retractions, geodesics and
 * their inverses these are. The projection is orthogonal in the product of B. Rounding grows with the root of the
 * condition number of B.
 *
 * @param options - m, rank ≤ m, B; optionally metric, retraction, batch axes and the engine, as for {@link stiefel}.
 * @returns a readonly object; points and tangents are arrays [.., m, r]. Operations cost O(m²r) flops, besides one
 * Cholesky factorization of B, which the manifold keeps.
 * @throws ShapeError if a size is not a positive integer, rank > m, or B has another shape; DomainError if B is not
 * symmetric positive definite; ConfigError on unknown options; otherwise as {@link stiefel}.
 *
 * @example
 * ```ts
 * import { generalizedStiefel, hostAlgebra, type HostArray, minimize } from 'bures';
 *
 * // The two smallest eigenvalues of AX = BXΛ add up to the least trace of XᵀAX.
 * const la = hostAlgebra();
 * const a = la.diagMatrix(la.fromArray([1, 6, 3, 8], [4]));
 * const B = la.diagMatrix(la.fromArray([1, 2, 3, 4], [4]));
 * const cost = (x: HostArray) => 0.5 * la.inner(x, la.matmul(a, x));
 * const manifold = generalizedStiefel({ m: 4, rank: 2, B });
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.matmul(a, x) } as const;
 * console.log(2 * (await minimize({ manifold, cost, gradient })).cost); // 1/1 + 3/3
 * ```
 * @see Edelman, Arias and Smith 1998, section 4.5; Manopt's `stiefelgeneralizedfactory`.
 */
export function generalizedStiefel<M = HostArray>(options: GeneralizedStiefelOptions<M>): GeodesicManifold<NoInfer<M>> {
  const { B, ...rest } = generalizedStiefelOptions.read('generalizedStiefel', options);
  const inner = stiefelManifold<M>('generalizedStiefel', rest);
  const shape = [...rest.batch, rest.m, rest.rank];
  return inFactorCoordinates<M>({ caller: 'generalizedStiefel', inner, product: B, shape });
}
