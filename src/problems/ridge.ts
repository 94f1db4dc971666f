import { type Ambient, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import type { MatrixCost, MatrixCostAt } from './low-rank-problem.js';

/** Returns g(X) + ½λ‖X‖²_F, with gradient ∇g(X) + λX, in O((m + n)k²) flops more than g for factors of inner size k. */
export function withRidge<M>(la: LinearAlgebra<M>, matrixCost: MatrixCost<M>, lambda: number): MatrixCost<M> {
  const { shape } = matrixCost;
  return {
    shape,
    async at(x, by) {
      const data = await matrixCost.at(x, by);
      const around: MatrixCostAt<M> = {
        holds: [...data.holds, x.left, x.right],
        cost: async () => (await data.cost()) + 0.5 * lambda * (await factorInner(la, x, x)),
        gradient: plusFactors(la, shape, data.gradient, lambda, x),
        hessian: async (direction) => plusFactors(la, shape, await data.hessian(direction), lambda, direction),
        async along(first, second) {
          const [xx, xs, ss] = [await factorInner(la, x, x), await factorInner(la, x, first), await factorInner(la, first, first)];
          const [xq, sq, qq] = [
            await factorInner(la, x, second),
            await factorInner(la, first, second),
            await factorInner(la, second, second),
          ];
          const own = [0.5 * xx, xs, 0.5 * ss + xq, sq, 0.5 * qq];
          const theirs = await data.along(first, second);
          return own.map((c, k) => lambda * c + (theirs[k] ?? 0));
        },
      };
      return around;
    },
  };
}

/** ⟨L₁R₁ᵀ, L₂R₂ᵀ⟩. */
async function factorInner<M>(la: LinearAlgebra<M>, x: FactoredMatrix<M>, y: FactoredMatrix<M>): Promise<number> {
  return await la.inner(la.matmul(x.left, y.left, { transposeA: true }), la.matmul(x.right, y.right, { transposeA: true }));
}

/** G + λ L Rᵀ. */
function plusFactors<M>(
  la: LinearAlgebra<M>,
  shape: readonly [number, number],
  g: Ambient<M>,
  lambda: number,
  { left, right }: FactoredMatrix<M>,
): Ambient<M> {
  return {
    kind: 'operator',
    shape,
    apply: (v) => la.axpy(lambda, la.matmul(left, la.matmul(right, v, { transposeA: true })), applyAmbient(la, g, v)),
    applyTranspose: (u) => la.axpy(lambda, la.matmul(right, la.matmul(left, u, { transposeA: true })), applyAmbientTranspose(la, g, u)),
  };
}
