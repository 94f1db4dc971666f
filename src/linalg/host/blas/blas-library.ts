/**
 * Finds the BLAS and LAPACK library of the machine: OpenBLAS, or Accelerate on macOS. Nothing is loaded before it is
 * needed, and the result, or the reason why there is none, is remembered for the life of the process.
 */

import { runtime } from '#platform/core/runtime';
import type { Koffi, NativeLibrary } from '../../../core/native-library.js';
import { describeError, optionalFunction } from '../../../core/native-library.js';
import { loadWithSuitableCore, openblasCore } from './openblas-core.node.js';

/** A loaded library that contains BLAS and LAPACK. */
export interface BlasLibrary {
  /** The path or name it was loaded by. */
  readonly path: string;
  readonly native: NativeLibrary;
  /** OpenBLAS's kernel set. */
  readonly core?: string;
  /** Number of threads the library may use; `undefined` if it does not say. */
  readonly threads?: number;
}

/** The BLAS library that serves the host engine, or the reason why none does. */
export interface BlasStatus {
  /** True if a library was found. */
  readonly available: boolean;
  /** The path or name the library was loaded by. */
  readonly library?: string;
  /** The kernel set that OpenBLAS runs, such as `'SkylakeX'` or `'Haswell'`. */
  readonly core?: string;
  /** Number of threads the library may use, if it says. */
  readonly threads?: number;
  /** Reason why there is none, and what to do. */
  readonly reason?: string;
}

/** Libraries to try, by `process.platform`, best first. */
const CANDIDATES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['libopenblas.so.0', 'libopenblas.so'],
  darwin: ['/System/Library/Frameworks/Accelerate.framework/Accelerate', 'libopenblas.dylib'],
  win32: ['libopenblas.dll', 'openblas.dll'],
};

/**
 * Symbols of every library that serves; one with 64-bit integers or without LAPACK names them otherwise, or lacks them.
 */
const REQUIRED_SYMBOLS = [
  'cblas_dgemm',
  'cblas_dsyrk',
  'cblas_dtrsm',
  'dgeqrf_',
  'dorgqr_',
  'dgesdd_',
  'dgesvd_',
  'dsyevd_',
  'dpotrf_',
  'dtrtri_',
];

let remembered: BlasLibrary | string | undefined;

/**
 * Returns the library, loaded at the first call.
 *
 * The environment variable BURES_BLAS, read at that call, is `off` for none, `auto`, or the path of the one library to
 * try.
 *
 * @returns the library, or `undefined`: {@link blasStatus} then says why.
 */
export function loadBlasLibrary(): BlasLibrary | undefined {
  remembered ??= findLibrary();
  return typeof remembered === 'string' ? undefined : remembered;
}

/**
 * Reports whether there is a BLAS library, and which. Loads it if that has not been tried.
 *
 * @returns a new object.
 */
export function blasStatus(): BlasStatus {
  remembered ??= findLibrary();
  if (typeof remembered === 'string') return { available: false, reason: remembered };
  const { path, core, threads } = remembered;
  return { available: true, library: path, ...(core === undefined ? {} : { core }), ...(threads === undefined ? {} : { threads }) };
}

/** Returns true if BURES_BLAS names a library: it is then an error if that library cannot be used. */
export function blasIsDemanded(): boolean {
  return !['off', 'auto', '', undefined].includes(runtime.environment.BURES_BLAS);
}

function findLibrary(): BlasLibrary | string {
  const wanted = runtime.environment.BURES_BLAS;
  if (wanted === 'off') return 'BURES_BLAS=off; unset it to use a BLAS library';
  const koffi = runtime.loadKoffi();
  if (typeof koffi === 'string') return koffi;
  if (wanted !== undefined && wanted !== '' && wanted !== 'auto') {
    const found = tryLibrary(koffi, wanted);
    return typeof found === 'string'
      ? `BURES_BLAS=${wanted}: ${found}; set BURES_BLAS to off, auto or the path of OpenBLAS, or unset it`
      : found;
  }
  const candidates = CANDIDATES[process.platform] ?? [];
  const failures: string[] = [];
  for (const path of candidates) {
    const found = tryLibrary(koffi, path);
    if (typeof found !== 'string') return found;
    failures.push(`${path}: ${found}`);
  }
  return (
    `no BLAS library for ${process.platform} (${failures.join('; ') || 'none is known'}); install OpenBLAS ` +
    '(Debian and Ubuntu: apt install libopenblas0-pthread; Fedora: dnf install openblas), or set BURES_BLAS to the path of one'
  );
}

/** Returns the library, or the reason why it does not serve. */
function tryLibrary(koffi: Koffi, path: string): BlasLibrary | string {
  try {
    const native = loadWithSuitableCore(koffi, path);
    const missing = REQUIRED_SYMBOLS.filter((symbol) => optionalFunction(native, symbol, 'void', []) === undefined);
    if (missing.length > 0) {
      native.unload();
      return `lacks ${missing.join(', ')} (a library with 64-bit integers has other names; take one with 32-bit integers and LAPACK)`;
    }
    const core = openblasCore(native);
    const threads = optionalFunction(native, 'openblas_get_num_threads', 'int', [])?.() as number | undefined;
    return { path, native, ...(core === undefined ? {} : { core }), ...(threads === undefined ? {} : { threads }) };
  } catch (error) {
    return describeError(error);
  }
}
