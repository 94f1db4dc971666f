import type { Tensor } from '@tensorflow/tfjs-core';
import type { EighFactors, QrFactors, SvdFactors, SvdOptions, TriangularOptions } from '../linear-algebra-types.js';

/**
 * Factorizations of float32 tensors that the tensor engine needs beyond TensorFlow.js's own operations, batched over
 * all leading axes, with the conventions of `LinearAlgebra`. Shapes are checked already, and the caller's `tidy` frees
 * temporaries. One file per way of computing them: TensorFlow's kernels, WebGPU programs, float64 on the host.
 */
export interface TensorFactorizations {
  /** Name of the method for reports, such as `'float64 on the host'`. */
  readonly name: string;
  /** Thin QR with a nonnegative diagonal in R. */
  qr(x: Tensor): QrFactors<Tensor>;
  /** Thin SVD, values descending, V not transposed, U and V orthonormal for rank-deficient input too. */
  svd(x: Tensor, options?: SvdOptions): SvdFactors<Tensor>;
  /** Symmetric eigendecomposition, values ascending; the lower triangle is read. */
  eigh(x: Tensor): EighFactors<Tensor>;
  /** Lower Cholesky factor. */
  cholesky(x: Tensor): Tensor;
  /** Triangular solve. */
  solveTriangular(triangle: Tensor, b: Tensor, options?: TriangularOptions): Tensor;
}
