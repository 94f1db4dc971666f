/**
 * The LAPACK routines that are used, bound through their Fortran symbols. Fortran takes every argument by its address,
 * and after all of them the length of each string. Typed arrays of length one hold the numbers; they are reused, since
 * a fresh one costs as much as the call itself (0.8 µs). Matrices here are by columns, as in LAPACK.
 */
import { NumericalError } from '../../../core/errors.js';
import type { NativeArgument, NativeFunction } from '../../../core/native-library.js';
import { optionalFunction } from '../../../core/native-library.js';
import { transposeInto } from '../kernels/transpose.js';
import { createWorkspace } from '../kernels/workspace.js';
import type { BlasLibrary } from './blas-library.js';
import { CBLAS } from './cblas.js';

/** Bound routines. Their matrices are stored by columns, without gaps. Every one checks `info`. */
export interface Lapack {
  /** out (n×m) = aᵀ, both by rows. It is not LAPACK's, but brings data into its order. OpenBLAS has a quick one. */
  transpose(m: number, n: number, a: Float64Array, out: Float64Array): void;
  /** True if there are {@link Lapack.geqrt} and {@link Lapack.gemqrt} (LAPACK 3.4 and later). */
  readonly compact: boolean;
  /**
   * QR of x (m×n) in place: R above, the reflectors below; `t` (block×p) receives the triangular factors of the blocks.
   */
  geqrt(m: number, n: number, block: number, x: Float64Array, t: Float64Array): void;
  /** c (m×n) ← Q c, with the p reflectors that `geqrt` left in x (m×p) and t. */
  gemqrt(m: number, n: number, p: number, block: number, x: Float64Array, t: Float64Array, c: Float64Array): void;
  /** QR of x (m×n) in place, p scalars in `tau`. */
  geqrf(m: number, n: number, x: Float64Array, tau: Float64Array): void;
  /** The first p columns of Q over the reflectors that `geqrf` left in x (m×p). */
  orgqr(m: number, p: number, x: Float64Array, tau: Float64Array): void;
  /** Thin SVD of x (m×n), which is destroyed; u is m×p, vt is p×n. @returns true if it converged. */
  gesdd(m: number, n: number, x: Float64Array, s: Float64Array, u: Float64Array, vt: Float64Array): boolean;
  /** The same as `gesdd` by QR iteration, which is slower, and converges where divide and conquer does not. */
  gesvd(m: number, n: number, x: Float64Array, s: Float64Array, u: Float64Array, vt: Float64Array): boolean;
  /**
   * Eigendecomposition of the symmetric x (n×n, upper triangle read), whose eigenvectors replace it.
   * @returns true if it converged.
   */
  syevd(n: number, x: Float64Array, values: Float64Array): boolean;
  /** Cholesky x = RᵀR in the upper triangle of x (n×n). @returns 0, or the order of the minor that is not positive. */
  potrf(n: number, x: Float64Array): number;
  /** Inverse of the upper triangle of x (n×n), in place. @returns false if it is singular. */
  trtri(n: number, x: Float64Array): boolean;
}

/** `int` arguments, by their role. */
const rows = new Int32Array(1);
const columns = new Int32Array(1);
const inner = new Int32Array(1);
const blockSize = new Int32Array(1);
const workLength = new Int32Array(1);
const integerWorkLength = new Int32Array(1);
const info = new Int32Array(1);
const optimalLength = new Float64Array(1);

const [LEFT, NO_TRANSPOSE, THIN, VECTORS, UPPER, NON_UNIT] = ['L', 'N', 'S', 'V', 'U', 'N'].map((letter) =>
  Uint8Array.of(letter.charCodeAt(0)),
);

const OMATCOPY_PARAMETERS = [...Array<string>(4).fill('int'), 'double', 'void *', 'int', 'void *', 'int'];

const workspace = createWorkspace();
let integerWorkspace = new Int32Array(256);

/**
 * Binds the routines of a library.
 *
 * @throws koffi's error if one that every LAPACK has is missing.
 */
export function bindLapack({ native }: Pick<BlasLibrary, 'native'>): Lapack {
  const parameters = (pointers: number, strings: number): string[] => [
    ...Array<string>(pointers).fill('void *'),
    ...Array<string>(strings).fill('size_t'),
  ];
  const bind = (name: string, pointers: number, strings: number): NativeFunction =>
    native.func(`${name}_`, 'void', parameters(pointers, strings));
  const dgeqrt = optionalFunction(native, 'dgeqrt_', 'void', parameters(9, 0));
  const dgemqrt = optionalFunction(native, 'dgemqrt_', 'void', parameters(14, 2));
  const omatcopy = optionalFunction(native, 'cblas_domatcopy', 'void', OMATCOPY_PARAMETERS);
  return {
    transpose:
      omatcopy === undefined ? transposeInto : (m, n, a, out) => void omatcopy(CBLAS.rowMajor, CBLAS.transpose, m, n, 1, a, n, out, m),
    compact: dgeqrt !== undefined && dgemqrt !== undefined,
    ...compactQr(dgeqrt ?? absent('dgeqrt'), dgemqrt ?? absent('dgemqrt')),
    ...classicQr(bind('dgeqrf', 8, 0), bind('dorgqr', 9, 0)),
    ...singularValues(bind('dgesdd', 14, 1), bind('dgesvd', 14, 2)),
    ...symmetric(bind('dsyevd', 11, 2), bind('dpotrf', 5, 1), bind('dtrtri', 6, 2)),
  };
}

function absent(routine: string): NativeFunction {
  return () => {
    throw new NumericalError(`${routine}: this LAPACK does not have it; check \`compact\` first`);
  };
}

function compactQr(dgeqrt: NativeFunction, dgemqrt: NativeFunction): Pick<Lapack, 'geqrt' | 'gemqrt'> {
  return {
    geqrt(m, n, block, x, t) {
      setSizes(m, n);
      blockSize[0] = block;
      dgeqrt(rows, columns, blockSize, x, rows, t, blockSize, workspace(block * n), info);
      requireSuccess('dgeqrt');
    },
    gemqrt(m, n, p, block, x, t, c) {
      setSizes(m, n);
      inner[0] = p;
      blockSize[0] = block;
      const work = workspace(block * n);
      dgemqrt(LEFT, NO_TRANSPOSE, rows, columns, inner, blockSize, x, rows, t, blockSize, c, rows, work, info, 1, 1);
      requireSuccess('dgemqrt');
    },
  };
}

function classicQr(dgeqrf: NativeFunction, dorgqr: NativeFunction): Pick<Lapack, 'geqrf' | 'orgqr'> {
  return {
    geqrf(m, n, x, tau) {
      setSizes(m, n);
      withWork('dgeqrf', (work) => dgeqrf(rows, columns, x, rows, tau, work, workLength, info));
      requireSuccess('dgeqrf');
    },
    orgqr(m, p, x, tau) {
      setSizes(m, p);
      withWork('dorgqr', (work) => dorgqr(rows, columns, columns, x, rows, tau, work, workLength, info));
      requireSuccess('dorgqr');
    },
  };
}

function singularValues(dgesdd: NativeFunction, dgesvd: NativeFunction): Pick<Lapack, 'gesdd' | 'gesvd'> {
  return {
    gesdd(m, n, x, s, u, vt) {
      setSizes(m, n);
      inner[0] = Math.min(m, n);
      const iwork = integers(8 * inner[0]);
      withWork('dgesdd', (work) => dgesdd(THIN, rows, columns, x, rows, s, u, rows, vt, inner, work, workLength, iwork, info, 1));
      return converged('dgesdd');
    },
    gesvd(m, n, x, s, u, vt) {
      setSizes(m, n);
      inner[0] = Math.min(m, n);
      withWork('dgesvd', (work) => dgesvd(THIN, THIN, rows, columns, x, rows, s, u, rows, vt, inner, work, workLength, info, 1, 1));
      return converged('dgesvd');
    },
  };
}

function symmetric(dsyevd: NativeFunction, dpotrf: NativeFunction, dtrtri: NativeFunction): Pick<Lapack, 'syevd' | 'potrf' | 'trtri'> {
  return {
    syevd(n, x, values) {
      rows[0] = n;
      // The documented minimum of the integer workspace: it has no faster, larger size.
      integerWorkLength[0] = 3 + 5 * n;
      const iwork = integers(integerWorkLength[0]);
      withWork('dsyevd', (work) => dsyevd(VECTORS, UPPER, rows, x, rows, values, work, workLength, iwork, integerWorkLength, info, 1, 1));
      return converged('dsyevd');
    },
    potrf(n, x) {
      rows[0] = n;
      dpotrf(UPPER, rows, x, rows, info, 1);
      return converged('dpotrf') ? 0 : info[0];
    },
    trtri(n, x) {
      rows[0] = n;
      dtrtri(UPPER, NON_UNIT, rows, x, rows, info, 1, 1);
      return converged('dtrtri');
    },
  };
}

function setSizes(m: number, n: number): void {
  rows[0] = m;
  columns[0] = n;
}

/** Asks a routine for its best workspace (length −1), then runs it with that. */
function withWork(routine: string, run: (work: NativeArgument) => unknown): void {
  workLength[0] = -1;
  run(optimalLength);
  requireSuccess(routine);
  workLength[0] = optimalLength[0];
  run(workspace(workLength[0]));
}

function integers(length: number): Int32Array {
  if (integerWorkspace.length < length) integerWorkspace = new Int32Array(length);
  return integerWorkspace;
}

function requireSuccess(routine: string): void {
  if (info[0] === 0) return;
  throw new NumericalError(`${routine}: expected LAPACK to return info = 0, got ${info[0]}; set BURES_BLAS=off, and report the matrix`);
}

/**
 * Returns true if info is 0. A positive info means that the routine failed on this matrix; a negative one, that it
 * rejects an argument.
 */
function converged(routine: string): boolean {
  if (info[0] < 0) requireSuccess(routine);
  return info[0] === 0;
}
