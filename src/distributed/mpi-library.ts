/**
 * Finds the MPI library of the machine, and binds what is used of it. Open MPI and MPICH have the same functions but
 * other handles: addresses of global variables in one, numbers in the other (also in Intel MPI, MVAPICH and Cray's,
 * which have MPICH's binary interface).
 */
import { runtime } from '#platform/core/runtime';
import { describeError, type Koffi, type NativeFunction, type NativeLibrary } from '../core/native-library.js';
import { type LaunchedProcess, launchedProcess } from './launcher.js';

/** The families of libraries. */
export type MpiFamily = 'Open MPI' | 'MPICH';

/** A loaded MPI library. */
export interface MpiLibrary {
  /** The path or name it was loaded by. */
  readonly path: string;
  readonly family: MpiFamily;
  /** Its name and version, such as `'Open MPI v4.1.4'`. */
  readonly version: string;
  readonly handles: Readonly<Record<keyof typeof numbersOfMpich, number | bigint>>;
  readonly calls: MpiCalls;
}

/** The functions that are used, by their names in C without `MPI_`. */
export type MpiCalls = Readonly<Record<keyof ReturnType<typeof signatures>, NativeFunction>>;

/** The MPI library that there is, or the reason why there is none. */
export interface MpiStatus {
  /** True if a library was found. */
  readonly available: boolean;
  /** The path or name the library was loaded by. */
  readonly library?: string;
  /** Its name and version, such as `'Open MPI v4.1.4'`. */
  readonly version?: string;
  /** Reason why there is none, and what to do. */
  readonly reason?: string;
  /** The libraries that were tried, each with what was wrong with it. Absent where one was found or none was tried. */
  readonly attempts?: readonly string[];
}

/** What there is in place of a library. */
export type NoMpiLibrary = Pick<MpiStatus, 'attempts'> & { readonly reason: string };

/** Names of the libraries, best first; those of the launcher's family are tried before the others. */
const candidates: readonly (readonly [
  family: MpiFamily | undefined,
  names: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>>,
])[] = [
  ['Open MPI', { linux: ['libmpi.so.40', 'libmpi.so.20'], darwin: ['libmpi.40.dylib', '/opt/homebrew/lib/libmpi.40.dylib'] }],
  [
    'MPICH',
    { linux: ['libmpich.so.12', 'libmpi.so.12'], darwin: ['libmpi.12.dylib', 'libmpich.12.dylib', '/opt/homebrew/lib/libmpi.12.dylib'] },
  ],
  [undefined, { linux: ['libmpi.so'], darwin: ['libmpi.dylib', '/opt/homebrew/lib/libmpi.dylib', '/usr/local/lib/libmpi.dylib'] }],
];

/** MPICH's handles (mpi.h of version 4, the same since version 3.1, of the MPICH ABI compatibility initiative). */
const numbersOfMpich = {
  world: 0x44000000,
  byte: 0x4c00010d,
  float: 0x4c00040a,
  double: 0x4c00080b,
  sum: 0x58000003,
  errorsReturn: 0x54000001,
  inPlace: -1,
} as const;

/** Open MPI's global variables; a handle is the address of one. */
const symbolsOfOpenMpi = {
  world: 'ompi_mpi_comm_world',
  byte: 'ompi_mpi_byte',
  float: 'ompi_mpi_float',
  double: 'ompi_mpi_double',
  sum: 'ompi_mpi_op_sum',
  errorsReturn: 'ompi_mpi_errors_return',
} as const;

/** Returns the parameters of each function, where a handle has the given type. */
function signatures(handle: string) {
  return {
    Init: ['void *', 'void *'],
    Finalize: [],
    Initialized: ['void *'],
    Abort: [handle, 'int'],
    Comm_rank: [handle, 'void *'],
    Comm_size: [handle, 'void *'],
    Comm_set_errhandler: [handle, handle],
    Error_string: ['int', 'void *', 'void *'],
    Get_library_version: ['void *', 'void *'],
    Iallreduce: ['intptr_t', 'void *', 'int', handle, handle, handle, 'void *'],
    Ibcast: ['void *', 'int', handle, 'int', handle, 'void *'],
    Iallgather: ['void *', 'int', handle, 'void *', 'int', handle, handle, 'void *'],
    Ibarrier: [handle, 'void *'],
    Test: ['void *', 'void *', 'void *'],
  } as const;
}

/** Characters that a library may write into a text. MPI_MAX_LIBRARY_VERSION_STRING is 8192 in MPICH. */
const longestText = 8192;

/**
 * Settings of UCX, MPICH's transport in Debian and Open MPI's on InfiniBand, which it reads as it is loaded. By default
 * it watches memory with an allocator of its own, which gives memory back to the system with brk while other threads of
 * Node.js take some with it: one process in twenty then crashed. Without the watch it registers memory at every
 * message. It also takes over SIGSEGV, by which V8 notices that WebAssembly reaches beyond its memory. Who has set a
 * variable keeps the value.
 */
const settingsOfUcx = [
  ['UCX_MEM_EVENTS', 'no'],
  ['UCX_ERROR_SIGNALS', ''],
] as const;

let remembered: MpiLibrary | NoMpiLibrary | undefined;

/**
 * Returns the library, loaded at the first call, or the reason why there is none, with what to do.
 *
 * The environment variable BURES_MPI is `off` for none, `auto`, or the path of the one library to try.
 */
export function loadMpiLibrary(launched: LaunchedProcess | undefined): MpiLibrary | NoMpiLibrary {
  remembered ??= findLibrary(launched);
  return remembered;
}

/**
 * Reports whether there is an MPI library, and which. Loads it if that has not been tried; no communication begins.
 *
 * @returns a new object.
 */
export function mpiStatus(): MpiStatus {
  const found = loadMpiLibrary(launchedProcess(runtime.environment));
  if ('reason' in found) return { available: false, ...found };
  return { available: true, library: found.path, version: found.version };
}

function findLibrary(launched: LaunchedProcess | undefined): MpiLibrary | NoMpiLibrary {
  const wanted = runtime.environment.BURES_MPI ?? '';
  if (wanted === 'off') return { reason: 'BURES_MPI=off; unset it to use an MPI library' };
  const koffi = runtime.loadKoffi();
  if (typeof koffi === 'string') return { reason: koffi };
  for (const [name, value] of settingsOfUcx) runtime.environment[name] ??= value;
  if (wanted !== '' && wanted !== 'auto') {
    const found = tryLibrary(koffi, wanted);
    return typeof found === 'string'
      ? { reason: `BURES_MPI=${wanted}: ${found}; set BURES_MPI to off, auto or the path of libmpi, or unset it` }
      : found;
  }
  const failures: string[] = [];
  const isFirst = ([family]: (typeof candidates)[number]): number => (family !== undefined && family === launched?.family ? 0 : 1);
  for (const [, names] of candidates.toSorted((one, other) => isFirst(one) - isFirst(other))) {
    for (const path of names[process.platform] ?? []) {
      const found = tryLibrary(koffi, path);
      if (typeof found !== 'string') return found;
      failures.push(`${path}: ${found}`);
    }
  }
  const install = process.platform === 'darwin' ? 'brew install open-mpi' : 'apt install openmpi-bin, or dnf install openmpi';
  return {
    reason: `no MPI library serves; install Open MPI or MPICH (${install}), or set BURES_MPI to the path of one`,
    attempts: failures,
  };
}

/** Returns the library, or the reason why it does not serve. */
function tryLibrary(koffi: Koffi, path: string): MpiLibrary | string {
  try {
    // Plugins of older versions of Open MPI look for its symbols among the global ones.
    const native = koffi.load(path, { global: true });
    const handles = handlesOfOpenMpi(native);
    const functions = Object.entries(signatures(handles === undefined ? 'int' : 'intptr_t'));
    const calls = Object.fromEntries(
      functions.map(([name, parameters]) => [name, native.func(`MPI_${name}`, 'int', parameters)]),
    ) as unknown as MpiCalls;
    const family = handles === undefined ? 'MPICH' : 'Open MPI';
    return { path, family, calls, handles: handles ?? numbersOfMpich, version: versionOf(readText(calls.Get_library_version)) };
  } catch (error) {
    return describeError(error);
  }
}

function handlesOfOpenMpi(native: NativeLibrary): MpiLibrary['handles'] | undefined {
  try {
    const addresses = Object.entries(symbolsOfOpenMpi).map(([name, symbol]) => [name, native.symbol(symbol) as bigint]);
    return { ...Object.fromEntries(addresses), inPlace: 1 };
  } catch {
    return undefined;
  }
}

/** Shortens what a library says of itself: `Open MPI v4.1.4, package: …`, `MPICH Version:\t4.0.2`. */
function versionOf(text: string): string {
  return text
    .split(',', 1)[0]
    .replace(/\s+Version:\s+/, ' ')
    .trim();
}

/** Calls a function that writes a text and its length; returns the first line. */
export function readText(write: NativeFunction, ...before: readonly number[]): string {
  const [text, length] = [new Uint8Array(longestText), new Int32Array(new ArrayBuffer(64))];
  write(...before, text, length);
  return new TextDecoder().decode(text.subarray(0, length[0])).replace(/\0.*$/s, '').split('\n', 1)[0];
}
