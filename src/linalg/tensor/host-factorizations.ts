/**
 * Factorizations for backends whose tensors are in this process's memory (wasm, cpu), in float64 by the host engine,
 * with its BLAS. The whole batch is read once and written once, 4 bytes per entry each way.
 */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type HostAlgebra, hostAlgebra } from '../host/host-algebra.js';
import { type HostArray, wrap } from '../host/host-array.js';
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
