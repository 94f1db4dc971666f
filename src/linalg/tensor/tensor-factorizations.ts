/**
 * What the tensor engine asks of a backend beyond TensorFlow.js's own operations: factorizations, batched over all leading axes. One file a way of computing
 * them: TensorFlow's kernels, WebGPU programs, float64 on the host.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { EighFactors, QrFactors, SvdFactors, SvdOptions, TriangularOptions } from '../linear-algebra-types.js';

/** Factorizations of float32 tensors, with the conventions of `LinearAlgebra`: shapes are checked already, temporaries are freed by the caller's `tidy`. */
export interface TensorFactorizations {
  /** How they are computed, for reports: such as `'float64 on the host'`. */
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
