/**
 * The Stiefel manifold St(m, r) of m×r matrices with orthonormal columns, with the Euclidean metric.
 *
 * Tangent at X: U with XᵀU + UᵀX = 0. Dimension mr − r(r+1)/2.
 *
 * @see Absil, Mahony and Sepulchre 2008, sections 3.5.7 and 4.1.1; Boumal 2023, section 7.3.
 */

import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import { defineManifold } from './define-manifold.js';
import type { Manifold } from './manifold.js';
import { type OrthonormalOptions, orthonormalBase } from './orthonormal.js';

/** Returns Z − X sym(XᵀZ), the orthogonal projection onto the tangent space. */
export function tangentPart<M>(la: LinearAlgebra<M>, x: M, z: M): M {
  return la.subtract(z, la.matmul(x, symmetricPart(la, la.matmul(x, z, { transposeA: true }))));
}

/**
 * Returns the Stiefel manifold of m×r matrices with orthonormal columns, with the Euclidean metric.
 *
 * $$ \operatorname{St}(m,r) = \lbrace X\in\mathbb R^{m\times r} : X^\top X = I\rbrace, \qquad \dim = mr-\tfrac12r(r+1) $$
 *
 * Tangents at X, and the projection onto them:
 *
 * $$ X^\top U+U^\top X = 0, \qquad P_X(Z) = Z-\tfrac12X(X^\top Z+Z^\top X) $$
 *
 * @param options - m, rank ≤ m; optionally retraction ({@link polarRetraction}, the default, {@link qrRetraction}),
 * batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., m, r]. Operations cost O(mr²) flops.
 * @throws ShapeError if a size is not a positive integer or rank > m; ConfigError on unknown options.
 *
 * @example
 * ```ts
 * import { hostAlgebra, minimize, polar, seededRandom, stiefel } from 'bures';
 *
 * // The orthonormal matrix nearest to C: its polar factor.
 * const la = hostAlgebra();
 * const c = la.randomNormal([8, 2], seededRandom(1));
 * const cost = (x: typeof c) => -la.inner(c, x);
 * const { x } = await minimize({ manifold: stiefel({ m: 8, rank: 2 }), cost, gradient: { kind: 'ambient', at: () => la.scale(-1, c) } });
 * console.log(la.norm(la.subtract(x, polar(la, c).Q))); // 1e-7
 * ```
 * @see Absil, Mahony and Sepulchre 2008, sections 3.5.7 and 4.1.1; Boumal 2023, section 7.3.
 */
export function stiefel<M = HostArray>(options: OrthonormalOptions<M>): Manifold<NoInfer<M>, NoInfer<M>> {
  const base = orthonormalBase('stiefel', options, { project: tangentPart<M>, dimOf: (m, rank) => m * rank - (rank * (rank + 1)) / 2 });
  const { rank } = options;
  return defineManifold({
    ...base.common,
    name: `stiefel(${base.sizes})`,
    typicalDist: Math.sqrt(base.members * rank),
    ehessToRhess: (x: M, egrad: M, ehess: M, u: M) => stiefelHessian(base.la, x, egrad, ehess, u),
  });
}

/**
 * Converts a Euclidean Hessian to a Riemannian one in the Euclidean metric.
 *
 * @see Boumal 2023, equation 7.28: Proj(∇²f[U] − U sym(Xᵀ∇f)).
 */
export function stiefelHessian<M>(la: LinearAlgebra<M>, x: M, egrad: M, ehess: M, u: M): M {
  const curvature = la.matmul(u, symmetricPart(la, la.matmul(x, egrad, { transposeA: true })));
  return tangentPart(la, x, la.subtract(ehess, curvature));
}
