/**
 * The part of koffi that is used here. koffi is an optional dependency, so nothing may import it, not even its types.
 */
import { createRequire } from 'node:module';
import { describeError } from './describe-error.js';

/** Arguments of a native function: numbers, strings, and typed arrays, which koffi passes in place at any size. */
export type NativeArgument = number | string | Float64Array | Float32Array | Int32Array | Uint8Array;

/** A function of a native library. */
export type NativeFunction = (...values: readonly NativeArgument[]) => unknown;

/** A loaded library. */
export interface NativeLibrary {
  /** Binds the function of this name, with its result and argument types in C. @throws if the library lacks it. */
  func(name: string, result: string, parameters: readonly string[]): NativeFunction;
  unload(): void;
}

/** The loader of libraries. */
export interface Koffi {
  load(path: string): NativeLibrary;
}

/**
 * Loads koffi, now and synchronously.
 *
 * @returns the module, or the reason why there is none, with what to do.
 */
export function requireKoffi(): Koffi | string {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (error) {
    return `the optional package 'koffi' cannot be loaded (${describeError(error)}); run npm install koffi`;
  }
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
