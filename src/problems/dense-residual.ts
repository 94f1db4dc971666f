/**
 * Costs that sum a loss over all entries of X − Z for a dense Z, in blocks of rows, so that no other m×n matrix is
 * formed.
 */

import type { Awaitable } from '../core/awaitable.js';
import type { OperatorMatrix } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import type { MatrixCost, MatrixCostAt } from './low-rank-problem.js';
import { rememberedOperator } from './remembered-operator.js';

/** An entrywise loss ρ on whole arrays. */
export interface EntrywiseLoss<M> {
  /** Returns Σ ρ(e). */
  value(e: M): Awaitable<number>;
  /** Returns ρ'(e). */
  derivative(e: M): M;
  /** Returns ρ''(e)·s. */
  second(e: M, s: M): M;
}

/** Number of entries of a block: 2 MB of float64, which fit in a second-level cache. */
const blockEntries = 2 ** 18;

/**
 * Returns the cost Σ ρ(X_ij − Z_ij). It takes 2mnr flops for the residual, 4mnr for the products, and 2mnr more for
 * each product beyond the expected ones.
 *
 * @param along - the cost along a curve: `quadraticAlong` if ρ is quadratic.
 */
export function denseResidualCost<M>(
  la: LinearAlgebra<M>,
  data: M,
  loss: EntrywiseLoss<M>,
  along: (around: MatrixCostAt<M>, first: FactoredMatrix<M>, second: FactoredMatrix<M>) => Promise<readonly number[]>,
): MatrixCost<M> {
  const [m, n] = la.shape(data) as [number, number];
  const blocks = rowBlocks(m, n);
  /** `rowsOf` returns a block of rows L_b of L, and `residual` the residual of L_b Rᵀ. */
  const rowsOf = (left: M, rows: readonly [number, number]): M => la.slice(left, { rows });
  const residual = (x: FactoredMatrix<M>, rows: readonly [number, number]): M =>
    la.subtract(la.matmul(rowsOf(x.left, rows), x.right, { transposeB: true }), rowsOf(data, rows));
  return {
    shape: [m, n],
    at(x, by) {
      const costs: Awaitable<number>[] = [];
      const gradientOf = blockOperator(la, [m, n], blocks, (rows) => loss.derivative(residual(x, rows)));
      const known = productsOf(la, blocks, by, (rows) => {
        const e = residual(x, rows);
        costs.push(loss.value(e));
        return loss.derivative(e);
      });
      const around: MatrixCostAt<M> = {
        holds: [known.product, x.left],
        cost: async () => (await Promise.all(costs)).reduce((sum, part) => sum + part, 0),
        gradient: rememberedOperator(la, [m, n], by, known, () => gradientOf),
        hessian(direction) {
          const weighted = (rows: readonly [number, number]): M =>
            loss.second(residual(x, rows), la.matmul(rowsOf(direction.left, rows), direction.right, { transposeB: true }));
          const products = productsOf(la, blocks, by, weighted);
          return rememberedOperator(la, [m, n], by, products, () => blockOperator(la, [m, n], blocks, weighted));
        },
        along: (first, second) => along(around, first, second),
      };
      return around;
    },
  };
}

function rowBlocks(m: number, n: number): readonly (readonly [number, number])[] {
  const height = Math.max(1, Math.floor(blockEntries / n));
  return Array.from({ length: Math.ceil(m / height) }, (_, b) => [b * height, Math.min(m, (b + 1) * height)] as const);
}

/** Returns W·right and Wᵀ·left for a matrix W that is formed one block of rows at a time. */
function productsOf<M>(
  la: LinearAlgebra<M>,
  blocks: readonly (readonly [number, number])[],
  { left, right }: FactoredMatrix<M>,
  block: (rows: readonly [number, number]) => M,
): { readonly product: M; readonly transposeProduct: M } {
  const parts: M[] = [];
  let transposeProduct: M | undefined;
  for (const rows of blocks) {
    const w = block(rows);
    parts.push(la.matmul(w, right));
    const part = la.matmul(w, la.slice(left, { rows }), { transposeA: true });
    transposeProduct = transposeProduct === undefined ? part : la.add(transposeProduct, part);
  }
  // There is at least one block, since a manifold has m ≥ 1.
  return { product: la.concat(parts, 'rows'), transposeProduct: transposeProduct as M };
}

/** Returns the operator of a matrix that each product forms anew, one block of rows at a time. */
function blockOperator<M>(
  la: LinearAlgebra<M>,
  shape: readonly [number, number],
  blocks: readonly (readonly [number, number])[],
  block: (rows: readonly [number, number]) => M,
): OperatorMatrix<M> {
  return {
    kind: 'operator',
    shape,
    apply: (x) =>
      la.concat(
        blocks.map((rows) => la.matmul(block(rows), x)),
        'rows',
      ),
    applyTranspose: (x) =>
      blocks.map((rows) => la.matmul(block(rows), la.slice(x, { rows }), { transposeA: true })).reduce((sum, part) => la.add(sum, part)),
  };
}
