import { ConfigError, NumericalError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { checkEngineOptions } from '../engine-options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import type { SvdFactors, SvdOptions, TriangularOptions } from '../linear-algebra-types.js';
import { checkMatrix, checkSameBatch, checkSquare, entryCount, throwMismatch } from '../shape-checks.js';
import { allocateForOverwrite } from './allocate.js';
import { checkFinite, type HostArray, member, packed, packedCopy, wrap } from './host-array.js';
import { jacobiSvd } from './kernels/jacobi-svd.js';
import type { HostKernels } from './kernels.js';

type Factorizations = Pick<LinearAlgebra<HostArray>, 'qr' | 'svd' | 'eigh' | 'cholesky' | 'solveTriangular'>;

/** The factorizations and triangular solves of the contract: one check per batch, then one kernel call per member. */
export function factorizations(kernels: HostKernels): Factorizations {
  return {
    qr(x) {
      const { values, batch, members, m, n, p } = operand('qr', x);
      const q = allocateForOverwrite(members * m * p);
      const r = allocateForOverwrite(members * p * n);
      for (let index = 0; index < members; index++) {
        kernels.qr(m, n, member(values, index, m * n), member(q, index, m * p), member(r, index, p * n));
      }
      return { Q: wrap(q, [...batch, m, p]), R: wrap(r, [...batch, p, n]) };
    },

    svd: (x, options = {}) => svd(kernels, x, options),

    eigh(x) {
      const { values: a, batch, members, n } = symmetricOperand('eigh', x);
      const values = allocateForOverwrite(members * n);
      const vectors = allocateForOverwrite(members * n * n);
      for (let index = 0; index < members; index++) {
        kernels.eigh(n, member(a, index, n * n), member(values, index, n), member(vectors, index, n * n));
      }
      return { values: wrap(values, [...batch, n]), vectors: wrap(vectors, [...batch, n, n]) };
    },

    cholesky(x) {
      const { values, batch, members, n } = symmetricOperand('cholesky', x);
      const l = allocateForOverwrite(members * n * n);
      for (let index = 0; index < members; index++) {
        const failed = kernels.cholesky(n, member(values, index, n * n), member(l, index, n * n));
        if (failed === 0) continue;
        throw new NumericalError(
          `cholesky: expected a positive definite matrix, but the leading minor of order ${failed} of the ${n}×${n} matrix${ofBatch(index, batch)} is not positive; ` +
            'add a multiple of the identity, or use eigh',
        );
      }
      return wrap(l, [...batch, n, n]);
    },

    solveTriangular: (triangle, b, options = {}) => solveTriangular(kernels, triangle, b, options),
  };
}

function ofBatch(index: number, batch: readonly number[]): string {
  return batch.length === 0 ? '' : ` number ${index} of the batch`;
}

function operand(caller: string, x: HostArray) {
  const values = packed(caller, x);
  checkMatrix(caller, x.shape);
  checkFinite(caller, values, x.shape);
  const batch = x.shape.slice(0, -2);
  const m = x.shape[x.shape.length - 2];
  const n = x.shape[x.shape.length - 1];
  return { values, batch, members: entryCount(batch), m, n, p: Math.min(m, n) };
}

function symmetricOperand(caller: string, x: HostArray) {
  const values = packed(caller, x);
  checkSquare(caller, x.shape);
  checkFinite(caller, values, x.shape, 'lower');
  const batch = x.shape.slice(0, -2);
  return { values, batch, members: entryCount(batch), n: x.shape[x.shape.length - 1] };
}

function svd(kernels: HostKernels, x: HostArray, options: SvdOptions): SvdFactors<HostArray> {
  checkEngineOptions('svd', options);
  const { accuracy = 'absolute' } = options;
  if (accuracy !== 'absolute' && accuracy !== 'relative') {
    throw new ConfigError(`svd: accuracy must be 'absolute' or 'relative', got ${describeValue(accuracy)}`);
  }
  const { values, batch, members, m, n, p } = operand('svd', x);
  const u = allocateForOverwrite(members * m * p);
  const s = allocateForOverwrite(members * p);
  const v = allocateForOverwrite(members * n * p);
  const kernel = accuracy === 'relative' ? jacobiSvd : kernels.svd;
  for (let index = 0; index < members; index++) {
    kernel(m, n, member(values, index, m * n), member(u, index, m * p), member(s, index, p), member(v, index, n * p));
  }
  return { U: wrap(u, [...batch, m, p]), S: wrap(s, [...batch, p]), V: wrap(v, [...batch, n, p]) };
}

function solveTriangular(kernels: HostKernels, triangle: HostArray, b: HostArray, options: TriangularOptions): HostArray {
  checkEngineOptions('solveTriangular', options);
  const { lower = true, transpose = false, side = 'left' } = options;
  if (side !== 'left' && side !== 'right')
    throw new ConfigError(`solveTriangular: side must be 'left' or 'right', got ${describeValue(side)}`);
  const right = side === 'right';
  const t = packed('solveTriangular', triangle);
  const x = packedCopy('solveTriangular', b);
  checkSquare('solveTriangular', triangle.shape);
  checkMatrix('solveTriangular', b.shape);
  checkSameBatch('solveTriangular', triangle.shape, 2, b.shape, 2);
  const n = triangle.shape[triangle.shape.length - 1];
  const [matching, k] = right ? [b.shape[b.shape.length - 1], b.shape[b.shape.length - 2]] : b.shape.slice(-2);
  if (matching !== n) {
    throwMismatch(
      'solveTriangular',
      `a right-hand side with ${n} ${right ? 'columns' : 'rows'}`,
      triangle.shape,
      b.shape,
      "check b, or the option side: 'left' | 'right'",
    );
  }
  checkFinite('solveTriangular', t, triangle.shape, lower ? 'lower' : 'upper');
  checkFinite('solveTriangular', x, b.shape);
  for (let row = 0; row * n < t.length; row++) {
    if (t[row * n + (row % n)] !== 0) continue;
    throw new NumericalError(
      `solveTriangular: the triangle is singular, its diagonal entry ${row % n} is zero; add a multiple of the identity, or use qr or svd`,
    );
  }
  for (let index = 0; index < entryCount(b.shape.slice(0, -2)); index++) {
    kernels.solveTriangular(n, k, member(t, index, n * n), member(x, index, n * k), lower, transpose, right);
  }
  return wrap(x, b.shape);
}
