import { checkCsr } from '../csr.js';
import type { CsrMatrix } from '../csr-matrix.js';
import type { FactoredMatrix } from '../linear-algebra-types.js';
import { throwMismatch } from '../shape-checks.js';
import type { SampledProducts, SparsePasses } from '../sparse-passes.js';
import { allocate } from './allocate.js';
import { type HostArray, packed, wrap } from './host-array.js';
import { curvePass, residualPass } from './kernels/sparse-passes.js';
import type { DensePair } from './kernels/sparse-rows.js';
import { csrValues } from './sparse-products.js';

/** The passes of the contract: several sparse products in one pass over the entries. */
export const sparsePasses: SparsePasses<HostArray> = {
  residual: (observed, factors, by) => sampledProducts('residual', observed, csrValues('residual', observed), factors, by),
  sampled: (pattern, factors, by) => sampledProducts('sampled', pattern, undefined, factors, by),
  curve(observed, point, first, second) {
    const pairs = [point, first, second].map((factors) => densePair('curve', observed, factors)) as [DensePair, DensePair, DensePair];
    const [ee, es, ss, eq, sq, qq] = curvePass(observed, csrValues('curve', observed), ...pairs);
    return { ee, es, ss, eq, sq, qq };
  },
};

function sampledProducts(
  caller: string,
  pattern: CsrMatrix<HostArray>,
  values: Float64Array | undefined,
  factors: FactoredMatrix<HostArray>,
  by: FactoredMatrix<HostArray>,
): SampledProducts<HostArray> {
  const dense = densePair(caller, pattern, factors);
  const multiplied = densePair(caller, pattern, by);
  const k = multiplied.columns;
  const product = allocate(pattern.rows * k);
  const transposeProduct = allocate(pattern.columns * k);
  const squaredNorm = residualPass(pattern, values, dense, multiplied, { product, transposeProduct });
  return { squaredNorm, product: wrap(product, [pattern.rows, k]), transposeProduct: wrap(transposeProduct, [pattern.columns, k]) };
}

/** @throws ShapeError unless the factors are m×k and n×k for an m×n pattern. */
function densePair(caller: string, pattern: CsrMatrix<HostArray>, { left, right }: FactoredMatrix<HostArray>): DensePair {
  checkCsr(caller, pattern);
  const pair = { left: packed(caller, left), right: packed(caller, right), columns: left.shape[1] };
  const fits = left.shape.length === 2 && right.shape.length === 2 && left.shape[0] === pattern.rows && right.shape[0] === pattern.columns;
  if (!fits || right.shape[1] !== pair.columns) {
    throwMismatch(
      caller,
      `factors ${pattern.rows}×k and ${pattern.columns}×k for a ${pattern.rows}×${pattern.columns} pattern`,
      left.shape,
      right.shape,
      'the right factor stands with its inner index last: transpose it',
    );
  }
  return pair;
}
