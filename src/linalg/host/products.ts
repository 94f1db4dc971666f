import { checkEngineOptions } from '../engine-options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import type { MatmulOptions } from '../linear-algebra-types.js';
import { checkMatrix, checkSameBatch, entryCount, throwMismatch } from '../shape-checks.js';
import { allocate, allocateForOverwrite } from './allocate.js';
import { checkArray, type HostArray, memberOffset, wrap } from './host-array.js';
import type { HostKernels } from './kernels.js';

type Multiplication = Pick<HostKernels, 'gemm'>;

/** The dense product of the contract over a set of kernels. */
export function products(kernels: Multiplication): Pick<LinearAlgebra<HostArray>, 'matmul'> {
  return { matmul: (a, b, options = {}) => matmul(kernels, a, b, options) };
}

function matmul(kernels: Multiplication, a: HostArray, b: HostArray, options: MatmulOptions): HostArray {
  checkArray('matmul', a);
  checkArray('matmul', b);
  checkMatrix('matmul', a.shape);
  checkMatrix('matmul', b.shape);
  checkSameBatch('matmul', a.shape, 2, b.shape, 2);
  checkEngineOptions('matmul', options);
  const { transposeA = false, transposeB = false } = options;
  const axes = a.shape.length;
  const [rowsA, columnsA] = transposeA ? [axes - 1, axes - 2] : [axes - 2, axes - 1];
  const [rowsB, columnsB] = transposeB ? [axes - 1, axes - 2] : [axes - 2, axes - 1];
  const [m, k, n] = [a.shape[rowsA], a.shape[columnsA], b.shape[columnsB]];
  if (b.shape[rowsB] !== k) {
    throwMismatch(
      'matmul',
      `as many columns of A${transposeA ? 'ᵀ' : ''} as rows of B${transposeB ? 'ᵀ' : ''}`,
      a.shape,
      b.shape,
      'check the factors, or set transposeA / transposeB',
    );
  }
  const shape = [...a.shape.slice(0, -2), m, n];
  if (k === 0) return wrap(allocate(entryCount(shape)), shape);
  const out = allocateForOverwrite(entryCount(shape));
  for (let start = 0, index = 0; start < out.length; start += m * n, index++) {
    kernels.gemm(
      m,
      n,
      k,
      { data: a.data, offset: memberOffset(a, index, 2), rowStride: a.stride[rowsA], columnStride: a.stride[columnsA] },
      { data: b.data, offset: memberOffset(b, index, 2), rowStride: b.stride[rowsB], columnStride: b.stride[columnsB] },
      out,
      start,
    );
  }
  return wrap(out, shape);
}
