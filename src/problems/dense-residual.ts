/** Costs that sum a loss over all entries of X − Z, Z dense: in blocks of rows, so that no m×n matrix is formed beside the data. */
import type { Awaitable } from '../core/awaitable.js';
import type { OperatorMatrix } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { RowFactors } from '../linalg/sparse-passes.js';
import type { MatrixCost, MatrixCostAt } from './low-rank-problem.js';
import { rememberedOperator } from './remembered-operator.js';

/** A loss of one number each, on whole arrays. */
export interface EntrywiseLoss<M> {
  /** Σ ρ(e). */
  value(e: M): Awaitable<number>;
  /** ρ'(e). */
  derivative(e: M): M;
  /** ρ''(e)·s. */
  second(e: M, s: M): M;
}

/** Entries of a block: 2 MB of float64, which stay in a second-level cache. */
const blockEntries = 2 ** 18;

/**
 * The cost Σ ρ(X_ij − Z_ij). 2mnr flops for the residual and 4mnr for the products, 2mnr again for each product besides those expected.
 *
 * @param along - the cost along a curve: `quadraticAlong` where ρ is quadratic.
 */
export function denseResidualCost<M>(
  la: LinearAlgebra<M>,
  data: M,
  loss: EntrywiseLoss<M>,
  along: (around: MatrixCostAt<M>, first: RowFactors<M>, second: RowFactors<M>) => Promise<readonly number[]>,
): MatrixCost<M> {
  const [m, n] = la.shape(data) as [number, number];
  const blocks = rowBlocks(m, n);
  /** L_b Rᵀ, or the residual of it, for each block b of rows. */
  const rowsOf = (left: M, rows: readonly [number, number]): M => la.slice(left, { rows });
  const residual = (x: RowFactors<M>, rows: readonly [number, number]): M =>
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

/** W·right and Wᵀ·left for a matrix W made a block of rows at a time. */
function productsOf<M>(
  la: LinearAlgebra<M>,
  blocks: readonly (readonly [number, number])[],
  { left, right }: RowFactors<M>,
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
  // There is one block at least: a manifold has m ≥ 1.
  return { product: la.concat(parts, 'rows'), transposeProduct: transposeProduct as M };
}

/** A matrix made a block of rows at a time, at every product. */
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
