/**
 * The part of koffi that is used here. koffi is an optional dependency, so nothing may import it, not even its types.
 */

/** Arguments of a native function: numbers, strings, and typed arrays, which koffi passes in place at any size. */
export type NativeArgument = number | bigint | string | null | Float64Array | Float32Array | Int32Array | Uint8Array | BigInt64Array;

/** A function of a native library. */
export type NativeFunction = (...values: readonly NativeArgument[]) => unknown;

/** A loaded library. */
export interface NativeLibrary {
  /** Binds the function of this name, with its result and argument types in C. @throws if the library lacks it. */
  func(name: string, result: string, parameters: readonly string[]): NativeFunction;
  /** Returns the address of a global variable. @throws if the library lacks it. */
  symbol(name: string): unknown;
  unload(): void;
}

/** The loader of libraries. */
export interface Koffi {
  /**
   * Loads a library. With `global` its symbols serve the libraries that are loaded afterwards, as plugins of its own
   * need it.
   */
  load(path: string, options?: { readonly global?: boolean }): NativeLibrary;
  /** Returns the address of what `symbol` returned, as a number. */
  address(value: unknown): bigint;
}

/** Binds a function; `undefined` if the library does not have it. */
export function optionalFunction(
  library: NativeLibrary,
  name: string,
  result: string,
  parameters: readonly string[],
): NativeFunction | undefined {
  try {
    return library.func(name, result, parameters);
  } catch {
    return undefined;
  }
}

/** Returns the first line of an error's message: the rest of a failed `require` is a list of files. */
export function describeError(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}
