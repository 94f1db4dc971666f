/**
 * Factorizations by TensorFlow's own kernels, which take any number of batch axes. They are called below TensorFlow.js,
 * which does not offer them, and record nothing for automatic differentiation.
 */
import {
  abs,
  add,
  div,
  expandDims,
  greater,
  max,
  mul,
  onesLike,
  scalar,
  sign,
  sub,
  sum,
  type Tensor,
  tidy,
  transpose,
  where,
} from '@tensorflow/tfjs-core';
import { NumericalError } from '../../../core/errors.js';
import type { EighFactors, QrFactors, SvdFactors, SvdOptions, TriangularOptions } from '../../linear-algebra-types.js';
import { hostFactorizations } from '../host-factorizations.js';
import type { TensorFactorizations } from '../tensor-factorizations.js';

/** An attribute of a kernel, as the binding takes it. */
interface KernelAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | boolean;
}

/** The part of the package's backend that is used here. */
export interface TensorflowBackend {
  /** True if TensorFlow found a GPU that it can use. */
  readonly isUsingGpuDevice: boolean;
  /** The native binding: codes of attributes and of types. */
  readonly binding: { readonly TF_ATTR_BOOL: number; readonly TF_ATTR_TYPE: number; readonly TF_FLOAT: number; readonly TF_INT32: number };
  /** Runs a kernel with one result. */
  executeSingleOutput(name: string, attributes: readonly KernelAttribute[], inputs: readonly Tensor[]): Tensor;
  /** Runs a kernel with several results. */
  executeMultipleOutputs(name: string, attributes: readonly KernelAttribute[], inputs: readonly Tensor[], count: number): Tensor[];
}

/** Largest size of an SVD on the processor that the host computes. */
const SMALL = 32;

/**
 * TensorFlow's factorizations, with the conventions of the contract.
 *
 * On the processor, matrices that are not finite or cannot be factored are rejected with a `NumericalError`. On CUDA,
 * where checking would stall the device, such members come back as NaN, which shows in the next number that is read.
 */
export function tensorflowFactorizations(native: TensorflowBackend): TensorFactorizations {
  const kernels = tensorflowKernels(native);
  return native.isUsingGpuDevice ? kernels : checked(kernels, (x, lower) => triangleOf(native, x, lower));
}

function tensorflowKernels(native: TensorflowBackend): TensorFactorizations {
  const { TF_ATTR_BOOL, TF_ATTR_TYPE, TF_FLOAT } = native.binding;
  const float32: KernelAttribute = { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT };
  const flag = (name: string, value: boolean): KernelAttribute => ({ name, type: TF_ATTR_BOOL, value });
  return {
    name: "TensorFlow's kernels",
    qr(x): QrFactors<Tensor> {
      const scale = qrScale(x);
      const [q, scaled] = native.executeMultipleOutputs('Qr', [float32, flag('full_matrices', false)], [div(x, scale)], 2);
      const r = mul(scaled, scale);
      return withNonnegativeDiagonal(q, r, native.executeSingleOutput('MatrixDiagPart', [float32], [r]));
    },
    svd(x, options: SvdOptions = {}): SvdFactors<Tensor> {
      // The kernel bidiagonalizes, which loses small values; the host's Jacobi method does not. Small matrices in this
      // process's memory use the host too: in float64, with the signs that singular vectors have on the other backends.
      const small = !native.isUsingGpuDevice && Math.max(...x.shape.slice(-2)) <= SMALL;
      if (small || options.accuracy === 'relative') return hostFactorizations().svd(x, options);
      const [S, U, V] = native.executeMultipleOutputs('Svd', [float32, flag('compute_uv', true), flag('full_matrices', false)], [x], 3);
      return { S, U, V };
    },
    eigh(x): EighFactors<Tensor> {
      const symmetric = symmetricFromLower(native, x);
      const [values, vectors] = native.executeMultipleOutputs('SelfAdjointEigV2', [float32, flag('compute_v', true)], [symmetric], 2);
      return { values, vectors };
    },
    cholesky: (x) => native.executeSingleOutput('Cholesky', [float32], [symmetricFromLower(native, x)]),
    solveTriangular(triangle, b, { lower = true, transpose: transposed = false, side = 'left' }: TriangularOptions = {}) {
      // X T = B is Tᵀ Xᵀ = Bᵀ.
      const right = side === 'right';
      const attributes = [float32, flag('lower', lower), flag('adjoint', transposed !== right)];
      const solution = native.executeSingleOutput('MatrixTriangularSolve', attributes, [triangle, right ? swapped(b) : b]);
      return right ? swapped(solution) : solution;
    },
  };
}

/** Adds checks of operands and results to the kernels. */
function checked(kernels: TensorFactorizations, triangle: (x: Tensor, lower: boolean) => Tensor): TensorFactorizations {
  return {
    name: kernels.name,
    qr(x) {
      requireFinite('qr', x);
      return kernels.qr(x);
    },
    svd(x, options) {
      requireFinite('svd', x);
      return kernels.svd(x, options);
    },
    eigh(x) {
      requireFinite('eigh', triangle(x, true));
      return kernels.eigh(x);
    },
    cholesky(x) {
      requireFinite('cholesky', triangle(x, true));
      const factor = kernels.cholesky(x);
      if (allFinite(factor)) return factor;
      throw new NumericalError(
        `cholesky: expected positive definite matrices, but one in the tensor of shape [${x.shape.join(', ')}] is not; add a multiple of the identity, or use eigh`,
      );
    },
    solveTriangular(t, b, options) {
      requireFinite('solveTriangular', triangle(t, options?.lower ?? true));
      requireFinite('solveTriangular', b);
      const solution = kernels.solveTriangular(t, b, options);
      if (allFinite(solution)) return solution;
      throw new NumericalError(
        `solveTriangular: a triangle in the tensor of shape [${t.shape.join(', ')}] is singular, or its solution exceeds float32; ` +
          'add a multiple of the identity, or use qr or svd',
      );
    },
  };
}

function requireFinite(caller: string, x: Tensor): void {
  if (allFinite(x)) return;
  throw new NumericalError(
    `${caller}: the tensor of shape [${x.shape.join(', ')}] has a non-finite entry; look for the operation that made it`,
  );
}

/** Returns true if all entries are finite, as zero times a finite number is zero. Reads one number. */
function allFinite(x: Tensor): boolean {
  return tidy(() => sum(mul(x, 0)).dataSync()[0]) === 0;
}

/**
 * Returns a divisor for Eigen's QR, which squares entries as they are: with it the largest do not overflow, and the
 * smallest that count do not vanish.
 */
function qrScale(x: Tensor): Tensor {
  const largest = max(
    abs(x),
    [-2, -1].map((axis) => axis + x.rank),
    true,
  );
  return mul(where(greater(largest, 0), largest, onesLike(largest)), 2 ** -40);
}

/** Gives Q and R the signs that make R's diagonal nonnegative; a zero leaves its column alone. */
function withNonnegativeDiagonal(q: Tensor, r: Tensor, diagonal: Tensor): QrFactors<Tensor> {
  // sign(2 sign(d) + 1) is −1 for negative d, and 1 for zero.
  const signs = sign(add(mul(sign(diagonal), 2), 1));
  return { Q: mul(q, expandDims(signs, -2)), R: mul(r, expandDims(signs, -1)) };
}

/** Mirrors the lower triangle, since the kernels on CUDA and on the processor read different triangles. */
function symmetricFromLower(native: TensorflowBackend, x: Tensor): Tensor {
  const lower = triangleOf(native, x, true);
  return add(lower, swapped(sub(lower, triangleOf(native, lower, false))));
}

/** Sets the entries outside the lower or upper triangle to zero. */
function triangleOf(native: TensorflowBackend, x: Tensor, lower: boolean): Tensor {
  const { TF_ATTR_TYPE, TF_FLOAT, TF_INT32 } = native.binding;
  const attributes = [
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'Tindex', type: TF_ATTR_TYPE, value: TF_INT32 },
  ];
  // A negative number of diagonals keeps all.
  const [below, above] = lower ? [-1, 0] : [0, -1];
  return native.executeSingleOutput('MatrixBandPart', attributes, [x, scalar(below, 'int32'), scalar(above, 'int32')]);
}

/** Swaps the last two axes. */
function swapped(x: Tensor): Tensor {
  const order = x.shape.map((_, axis) => axis);
  const last = order.length - 1;
  return transpose(x, [...order.slice(0, -2), last, last - 1]);
}
