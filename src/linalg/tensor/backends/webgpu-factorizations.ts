import { matMul, reshape, slice, type Tensor, transpose } from '@tensorflow/tfjs-core';
import type { EighFactors, QrFactors, SvdFactors } from '../../linear-algebra-types.js';
import type { TensorFactorizations } from '../tensor-factorizations.js';
import { jacobiEigen } from './webgpu/jacobi-eigen.js';
import { jacobiSvd } from './webgpu/jacobi-svd.js';
import type { WebgpuBackend } from './webgpu/run-program.js';
import { sortRows } from './webgpu/sort-rows.js';
import { tallQr } from './webgpu/tall-qr.js';
import { choleskyFactor, solveTriangle } from './webgpu/triangular.js';

/**
 * Factorizations on a webgpu backend, with the conventions of the contract, by the library's own WGSL programs: WebGPU
 * has none, and cannot be read back at once. A whole batch takes as many launches as one matrix. A matrix that is not
 * finite or cannot be factored comes back as NaN, which shows in the next number that is read. `svd` has one accuracy,
 * the relative one.
 */
export function webgpuFactorizations(backend: WebgpuBackend): TensorFactorizations {
  return {
    name: 'WebGPU programs',
    qr(x): QrFactors<Tensor> {
      const { Q, R } = tallQr(backend, flat(x));
      return { Q: like(x, Q), R: like(x, R) };
    },
    svd(x): SvdFactors<Tensor> {
      const { U, S, V } = flatSvd(backend, flat(x));
      return { U: like(x, U), S: like(x, S), V: like(x, V) };
    },
    eigh(x): EighFactors<Tensor> {
      const [, n] = flat(x).shape;
      const sorted = sortRows(backend, jacobiEigen(backend, flat(x)), 'ascending');
      return { values: like(x, valuesOf(sorted, n)), vectors: like(x, columns(sorted, 0, n)) };
    },
    cholesky: (x) => like(x, choleskyFactor(backend, flat(x))),
    solveTriangular: (triangle, b, options = {}) => like(b, solveTriangle(backend, flat(triangle), flat(b), options)),
  };
}

/** A = Q R and R = X Σ Vᵀ, hence A = (Q X) Σ Vᵀ. A wide matrix goes by its transpose. */
function flatSvd(backend: WebgpuBackend, x: Tensor): SvdFactors<Tensor> {
  const [, m, n] = x.shape;
  if (m < n) {
    const { U, S, V } = flatSvd(backend, transpose(x, [0, 2, 1]));
    return { U: V, S, V: U };
  }
  const { Q, R } = tallQr(backend, x);
  const sorted = sortRows(backend, jacobiSvd(backend, R), 'descending');
  const left = slice(sorted, [0, 0, 0], [-1, n, n]);
  return { U: matMul(Q, left, false, true), S: valuesOf(sorted, n), V: columns(sorted, n, n) };
}

/** Takes the last entry of every row. */
function valuesOf(rows: Tensor, n: number): Tensor {
  const [members, , length] = rows.shape;
  return reshape(slice(rows, [0, 0, length - 1], [members, n, 1]), [members, n]);
}

/** Takes a part of every row as the columns of a matrix. */
function columns(rows: Tensor, first: number, n: number): Tensor {
  return transpose(slice(rows, [0, 0, first], [-1, n, n]), [0, 2, 1]);
}

/** Joins all batch axes into one: programs and TensorFlow.js's kernels take no more than a few. */
function flat(x: Tensor): Tensor {
  return reshape(x, [-1, ...x.shape.slice(-2)]);
}

/** Replaces the first axis of `y` by the batch axes of `x`. */
function like(x: Tensor, y: Tensor): Tensor {
  return reshape(y, [...x.shape.slice(0, -2), ...y.shape.slice(1)]);
}
