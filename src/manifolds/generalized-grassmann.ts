/**
 * The r-dimensional subspaces of ℝᵐ with the inner product of a symmetric positive definite B, each given by a basis X
 * with XᵀBX = I.
 *
 * X and XQ, Q orthogonal, are one point. Tangent at X: U with XᵀBU = 0. Dimension r(m − r). X ↦ LᵀX with B = LLᵀ is an
 * isometry onto `grassmann`.
 *
 * @see Edelman, Arias and Smith 1998, section 4.5.
 */
import { declareOptions } from '../core/options.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import { columnHints } from './checks.js';
import { grassmannManifold } from './grassmann.js';
import { inFactorCoordinates, productOption } from './in-factor-coordinates.js';
import type { GeodesicManifold } from './manifold.js';
import { type OrthonormalOptions, orthonormalOptions } from './orthonormal.js';

/** Options of {@link generalizedGrassmann}. */
export interface GeneralizedGrassmannOptions<M> extends OrthonormalOptions<M> {
  /** The symmetric positive definite matrix of the inner product, [.., m, m]: one for each member of a batch. */
  readonly B: M;
}

const generalizedGrassmannOptions = declareOptions<GeneralizedGrassmannOptions<unknown>>()(
  {
    ...orthonormalOptions.options,
    B: productOption,
  },
  columnHints,
);

/**
 * Returns the manifold of r-dimensional subspaces of ℝᵐ, with the inner product of B: for invariant subspaces of
 * generalized eigenvalue problems.
 *
 * $$ \lbrace X\in\mathbb R^{m\times r} : X^\top BX = I\rbrace\,/\,O(r), \qquad X^\top BU = 0, \qquad \langle U,V\rangle = \operatorname{tr}(U^\top BV), \qquad \dim = r(m-r) $$
 *
 * With B = LLᵀ, $X\mapsto L^\top X$ is an isometry onto {@link grassmann}, whose geodesics, distances (principal angles
 * in the product of B) and retractions these are.
 *
 * @param options - m, rank < m, B; optionally retraction, batch axes and the engine, as for {@link grassmann}.
 * @returns a readonly object; points and tangents are arrays [.., m, r]. Operations cost O(m²r) flops, besides one
 * Cholesky factorization of B, which the manifold keeps.
 * @throws ShapeError if a size is not a positive integer, rank ≥ m, or B has another shape; DomainError if B is not
 * symmetric positive definite; ConfigError on unknown options; otherwise as {@link grassmann}.
 *
 * @example
 * ```ts
 * import { generalizedGrassmann, hostAlgebra } from 'bures';
 *
 * const la = hostAlgebra();
 * const B = la.fromArray([4, 0, 0, 1], [2, 2]);
 * const manifold = generalizedGrassmann({ m: 2, rank: 1, B });
 * // The diagonal is not halfway between the axes in this product, but closer to the first.
 * console.log(await manifold.dist(la.fromArray([0.5, 0], [2, 1]), la.fromArray([Math.sqrt(0.2), Math.sqrt(0.2)], [2, 1]))); // 0.46
 * ```
 * @see Edelman, Arias and Smith 1998, section 4.5; Manopt's `grassmanngeneralizedfactory`.
 */
export function generalizedGrassmann<M = HostArray>(options: GeneralizedGrassmannOptions<M>): GeodesicManifold<NoInfer<M>> {
  const { B, ...rest } = generalizedGrassmannOptions.read('generalizedGrassmann', options);
  const inner = grassmannManifold<M>('generalizedGrassmann', rest);
  const shape = [...rest.batch, rest.m, rest.rank];
  return inFactorCoordinates<M>({ caller: 'generalizedGrassmann', inner, product: B, shape });
}
