/** Chooses OpenBLAS's kernels if it misjudges the processor. */
import { readFileSync } from 'node:fs';
import type { Koffi, NativeLibrary } from '../../../core/native-library.js';
import { optionalFunction } from '../../../core/native-library.js';

/**
 * The kernels that OpenBLAS falls back to on an x86-64 processor younger than itself: SSE, at an eighth of the speed.
 */
const UNRECOGNIZED = ['Prescott', 'Core2', 'Generic'];

/** Kernel sets and the processor flags that they need, best first. */
const CORES: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ['SkylakeX', ['avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl', 'fma']],
  ['Haswell', ['avx2', 'fma']],
];

/** Returns the kernel set that OpenBLAS runs, such as `'SkylakeX'`; `undefined` for another library. */
export function openblasCore(library: NativeLibrary): string | undefined {
  return optionalFunction(library, 'openblas_get_corename', 'const char *', [])?.() as string | undefined;
}

/**
 * Loads a library, and loads it again with better kernels if it is an OpenBLAS that did not recognize the processor.
 *
 * OpenBLAS detects the processor by its model number, once, while it is loaded. One older than the processor runs SSE
 * kernels on it: 0.3.21 on a Xeon of 2023 gave 31 GFLOP/s, and 130 with the AVX-512 kernels that it contains. Its
 * environment variable OPENBLAS_CORETYPE names a set; it is set only while the library is loaded again, and a user's
 * own value is respected.
 *
 * @throws koffi's error if the library cannot be loaded.
 */
export function loadWithSuitableCore(koffi: Koffi, path: string): NativeLibrary {
  const library = koffi.load(path);
  const core = openblasCore(library);
  if (core === undefined || !UNRECOGNIZED.includes(core) || process.env.OPENBLAS_CORETYPE !== undefined) return library;
  const flags = processorFlags();
  const better = CORES.find(([, needed]) => needed.every((flag) => flags.has(flag)))?.[0];
  if (better === undefined) return library;
  process.env.OPENBLAS_CORETYPE = better;
  try {
    library.unload();
    return koffi.load(path);
  } finally {
    delete process.env.OPENBLAS_CORETYPE;
  }
}

function processorFlags(): ReadonlySet<string> {
  try {
    const line = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
    return new Set(line?.[1].split(' '));
  } catch {
    return new Set();
  }
}
