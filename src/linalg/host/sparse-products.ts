import { checkCsr } from '../csr.js';
import type { CsrMatrix } from '../csr-matrix.js';
import { checkEngineOptions } from '../engine-options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkMatrix, checkVector, entryCount, throwMismatch } from '../shape-checks.js';
import { allocate } from './allocate.js';
import { checkArray, type HostArray, packed, wrap } from './host-array.js';
import { HostView } from './host-view.js';
import { sampledProduct, sparseProduct, sparseTransposeProduct } from './kernels/sparse.js';

type SparseProducts = Pick<LinearAlgebra<HostArray>, 'sparseMatmul' | 'sampledMatmul'>;

/** The sparse products of the contract. */
export const sparseProducts: SparseProducts = {
  sparseMatmul(s, x, options = {}) {
    checkEngineOptions('sparseMatmul', options);
    const { transpose = false } = options;
    const values = csrValues('sparseMatmul', s);
    const dense = packed('sparseMatmul', x);
    checkMatrix('sparseMatmul', x.shape);
    const [rows, columns] = transpose ? [s.columns, s.rows] : [s.rows, s.columns];
    if (x.shape[x.shape.length - 2] !== columns) {
      throwMismatch(
        'sparseMatmul',
        'as many rows of X as S has columns',
        [rows, columns],
        x.shape,
        'set or drop { transpose: true }, or check X',
      );
    }
    const k = x.shape[x.shape.length - 1];
    const shape = [...x.shape.slice(0, -2), rows, k];
    const out = allocate(entryCount(shape));
    const kernel = transpose ? sparseTransposeProduct : sparseProduct;
    for (let from = 0, to = 0; to < out.length; from += columns * k, to += rows * k) {
      kernel(s, values, k, dense.subarray(from, from + columns * k), out.subarray(to, to + rows * k));
    }
    return wrap(out, shape);
  },

  sampledMatmul(pattern, a, b) {
    const left = packed('sampledMatmul', a);
    checkArray('sampledMatmul', b);
    checkCsr('sampledMatmul', pattern);
    if (
      a.shape.length !== 2 ||
      b.shape.length !== 2 ||
      a.shape[0] !== pattern.rows ||
      b.shape[1] !== pattern.columns ||
      a.shape[1] !== b.shape[0]
    ) {
      throwMismatch(
        'sampledMatmul',
        `matrices ${pattern.rows}×k and k×${pattern.columns}, without a batch, for a ${pattern.rows}×${pattern.columns} pattern`,
        a.shape,
        b.shape,
        'the product must have the shape of the pattern',
      );
    }
    // The columns of B one after another: each entry is then the dot product of two contiguous runs. Not b.transpose:
    // an array from structuredClone, as in a saved state, has lost its methods.
    const { data, shape, stride, offset } = b;
    const right = packed('sampledMatmul', new HostView(data, [shape[1], shape[0]], [stride[1], stride[0]], offset));
    const out = allocate(pattern.columnIndices.length);
    sampledProduct(pattern, a.shape[1], left, right, out);
    return wrap(out, [out.length]);
  },
};

/** Checks a sparse matrix and returns its values. */
export function csrValues(caller: string, s: CsrMatrix<HostArray>): Float64Array {
  checkCsr(caller, s);
  const values = packed(caller, s.values);
  checkVector(caller, s.values.shape);
  if (s.values.shape.length !== 1 || values.length !== s.columnIndices.length) {
    throwMismatch(
      caller,
      'one value for each column index',
      s.values.shape,
      [s.columnIndices.length],
      'build the matrix with csrMatrix, which checks it',
    );
  }
  return values;
}
