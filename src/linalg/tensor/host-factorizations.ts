/**
 * Factorizations and functions of matrices for backends whose tensors lie in this process's memory (wasm, cpu): in float64 by the host engine, with its BLAS.
 * The whole batch is read once and written once, 4 bytes an entry each way.
 */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type HostAlgebra, hostAlgebra } from '../host/host-algebra.js';
import { type HostArray, wrap } from '../host/host-array.js';
import { type MatrixFunctions, matrixFunctions } from '../matrix-functions.js';
import { narrowed, widened } from './precision.js';
import type { TensorFactorizations } from './tensor-factorizations.js';

/** Spacing of float32 numbers at one. */
export const FLOAT32_EPSILON = 2 ** -23;

function download(x: Tensor): HostArray {
  return wrap(widened(x.dataSync<'float32'>()), x.shape);
}

function upload(host: HostAlgebra, x: HostArray): Tensor {
  return tensor(narrowed(host.peek(x)), [...x.shape], 'float32');
}

/** The factorizations in float64 on the host: errors are those of rounding the data and the results to float32. */
export function hostFactorizations(): TensorFactorizations {
  const host = hostAlgebra();
  return {
    name: `float64 on the host (${host.name})`,
    qr(x) {
      const { Q, R } = host.qr(download(x));
      return { Q: upload(host, Q), R: upload(host, R) };
    },
    svd(x, options) {
      const { U, S, V } = host.svd(download(x), options);
      return { U: upload(host, U), S: upload(host, S), V: upload(host, V) };
    },
    eigh(x) {
      const { values, vectors } = host.eigh(download(x));
      return { values: upload(host, values), vectors: upload(host, vectors) };
    },
    cholesky: (x) => upload(host, host.cholesky(download(x))),
    solveTriangular: (triangle, b, options) => upload(host, host.solveTriangular(download(triangle), download(b), options)),
  };
}

/** The matrix functions in float64 on the host: nothing but their operands and results is transferred. Singular means singular to float32's rounding. */
export function hostMatrixFunctions(): MatrixFunctions<Tensor> {
  const host = hostAlgebra();
  const functions = matrixFunctions<HostArray>({ ...host, epsilon: FLOAT32_EPSILON });
  return {
    solveSylvester: (p, q, c) => upload(host, functions.solveSylvester(download(p), download(q), download(c))),
    solveLyapunov: (p, c) => upload(host, functions.solveLyapunov(download(p), download(c))),
    sqrtSpd: (s) => upload(host, functions.sqrtSpd(download(s))),
    inverseSqrtSpd: (s) => upload(host, functions.inverseSqrtSpd(download(s))),
    polar(x) {
      const { Q, P } = functions.polar(download(x));
      return { Q: upload(host, Q), P: upload(host, P) };
    },
    geometricMean: (p, q) => upload(host, functions.geometricMean(download(p), download(q))),
  };
}
