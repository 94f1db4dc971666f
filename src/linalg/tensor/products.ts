import { gather, matMul, mul, reshape, sum, type Tensor, type Tensor1D, transpose, unsortedSegmentSum } from '@tensorflow/tfjs-core';
import { checkCsr } from '../csr.js';
import type { CsrMatrix } from '../csr-matrix.js';
import { checkEngineOptions } from '../engine-options.js';
import { hostAlgebra } from '../host/host-algebra.js';
import type { HostArray } from '../host/host-array.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import type { MatmulOptions } from '../linear-algebra-types.js';
import { checkMatrix, checkSameBatch, throwMismatch } from '../shape-checks.js';
import { narrowed } from './precision.js';
import { flatBatch, type TensorDevice } from './tensor-device.js';

type Products = Pick<LinearAlgebra<Tensor>, 'matmul' | 'sparseMatmul' | 'sampledMatmul'>;

/** The dense and sparse products of the contract on a device. */
export function products(device: TensorDevice): Products {
  return { matmul: (a, b, options = {}) => matmul(device, a, b, options), ...sparseProducts(device) };
}

function matmul(device: TensorDevice, a: Tensor, b: Tensor, options: MatmulOptions): Tensor {
  checkEngineOptions('matmul', options);
  const { transposeA = false, transposeB = false } = options;
  const [shapeA, shapeB] = [device.check('matmul', a), device.check('matmul', b)];
  checkMatrix('matmul', shapeA);
  checkMatrix('matmul', shapeB);
  checkSameBatch('matmul', shapeA, 2, shapeB, 2);
  const axes = shapeA.length;
  const [m, k] = transposeA ? [shapeA[axes - 1], shapeA[axes - 2]] : shapeA.slice(-2);
  const [rowsB, n] = transposeB ? [shapeB[axes - 1], shapeB[axes - 2]] : shapeB.slice(-2);
  if (rowsB !== k) {
    throwMismatch(
      'matmul',
      `as many columns of A${transposeA ? 'ᵀ' : ''} as rows of B${transposeB ? 'ᵀ' : ''}`,
      shapeA,
      shapeB,
      'check the factors, or set transposeA / transposeB',
    );
  }
  return device.run(() =>
    reshape(matMul(reshape(a, flatBatch(shapeA, 2)), reshape(b, flatBatch(shapeB, 2)), transposeA, transposeB), [
      ...shapeA.slice(0, -2),
      m,
      n,
    ]),
  );
}

/**
 * Sparse products. On wasm and cpu they run on the host in float64, with one read and one write of the dense operand
 * and result. Elsewhere they gather, multiply and (for `sparseMatmul`) use `unsortedSegmentSum`, which form nnz·k
 * numbers and send the index arrays, 8 bytes per entry, at each call.
 */
function sparseProducts(device: TensorDevice): Pick<Products, 'sparseMatmul' | 'sampledMatmul'> {
  const onHost = device.local ? sparseOnHost(device) : undefined;
  return {
    sparseMatmul(s, x, options = {}) {
      checkEngineOptions('sparseMatmul', options);
      const { transpose: transposed = false } = options;
      checkSparse(device, s);
      const shape = device.check('sparseMatmul', x);
      checkMatrix('sparseMatmul', shape);
      const [rows, columns] = transposed ? [s.columns, s.rows] : [s.rows, s.columns];
      if (shape[shape.length - 2] !== columns) {
        throwMismatch(
          'sparseMatmul',
          'as many rows of X as S has columns',
          [rows, columns],
          shape,
          'set or drop { transpose: true }, or check X',
        );
      }
      return onHost === undefined ? sparseBySegments(device, s, x, transposed) : onHost.sparseMatmul(s, x, transposed);
    },

    sampledMatmul(pattern, a, b) {
      const [shapeA, shapeB] = [device.check('sampledMatmul', a), device.check('sampledMatmul', b)];
      checkCsr('sampledMatmul', pattern);
      if (
        shapeA.length !== 2 ||
        shapeB.length !== 2 ||
        shapeA[0] !== pattern.rows ||
        shapeB[1] !== pattern.columns ||
        shapeA[1] !== shapeB[0]
      ) {
        throwMismatch(
          'sampledMatmul',
          `matrices ${pattern.rows}×k and k×${pattern.columns}, without a batch, for a ${pattern.rows}×${pattern.columns} pattern`,
          shapeA,
          shapeB,
          'the product must have the shape of the pattern',
        );
      }
      if (onHost !== undefined) return onHost.sampledMatmul(pattern, a, b);
      return device.run(() => {
        const { rows, columns } = indexTensors(device, pattern);
        return sum(mul(gather(a, rows), gather(transpose(b), columns)), 1);
      });
    },
  };
}

function checkSparse(device: TensorDevice, s: CsrMatrix<Tensor>): void {
  checkCsr('sparseMatmul', s);
  const shape = device.check('sparseMatmul', s.values);
  if (shape.length === 1 && shape[0] === s.columnIndices.length) return;
  throwMismatch(
    'sparseMatmul',
    'one value for each column index',
    shape,
    [s.columnIndices.length],
    'build the matrix with csrMatrix, which checks it',
  );
}

function sparseOnHost(device: TensorDevice) {
  const host = hostAlgebra();
  const upload = (x: HostArray): Tensor => device.upload(narrowed(host.peek(x)), x.shape);
  return {
    sparseMatmul: (s: CsrMatrix<Tensor>, x: Tensor, transposed: boolean): Tensor =>
      upload(host.sparseMatmul({ ...s, values: device.download(s.values) }, device.download(x), { transpose: transposed })),
    sampledMatmul: (pattern: CsrMatrix<Tensor>, a: Tensor, b: Tensor): Tensor => {
      // Only the places of the pattern are read; it may carry no values of this engine.
      const places: CsrMatrix<HostArray> = { ...pattern, values: host.full([0], 0) };
      return upload(host.sampledMatmul(places, device.download(a), device.download(b)));
    },
  };
}

/** Makes int32 tensors of the row and the column of each entry. */
function indexTensors(device: TensorDevice, s: CsrMatrix<Tensor>): { readonly rows: Tensor1D; readonly columns: Tensor1D } {
  const count = s.columnIndices.length;
  const rowIndices = new Int32Array(count);
  for (let i = 0; i < s.rows; i++) rowIndices.fill(i, s.rowPointers[i], s.rowPointers[i + 1]);
  return {
    rows: device.upload(rowIndices, [count]) as Tensor1D,
    columns: device.upload(s.columnIndices.slice(), [count]) as Tensor1D,
  };
}

/**
 * Puts batch members side by side as columns of one dense matrix, so that one gather and one segment sum serve them
 * all.
 */
function sparseBySegments(device: TensorDevice, s: CsrMatrix<Tensor>, x: Tensor, transposed: boolean): Tensor {
  return device.run(() => {
    const indices = indexTensors(device, s);
    const [from, to, rows] = transposed ? [indices.rows, indices.columns, s.columns] : [indices.columns, indices.rows, s.rows];
    const [count, n, k] = flatBatch(x.shape, 2);
    const sideBySide = reshape(transpose(reshape(x, [count, n, k]), [1, 0, 2]), [n, count * k]);
    const terms = mul(gather(sideBySide, from), reshape(s.values, [s.values.size, 1]));
    const summed = reshape(unsortedSegmentSum(terms, to, rows), [rows, count, k]);
    return reshape(transpose(summed, [1, 0, 2]), [...x.shape.slice(0, -2), rows, k]);
  });
}
