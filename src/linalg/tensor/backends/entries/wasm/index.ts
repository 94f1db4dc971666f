/**
 * The `wasm` backend of the tensor engine, as a value.
 *
 * @module bures/tensor/wasm
 */
import { ConfigError } from '../../../../../core/errors.js';
import { declareOptions, describeValue, option } from '../../../../../core/options.js';
import type { Backend } from '../../opened-backend.js';
import { openWasm } from '../../wasm.js';
import { type WasmPaths, wasmFileNames } from '../../wasm-paths.js';

export type { Backend } from '../../opened-backend.js';
export type { WasmFiles, WasmPaths } from '../../wasm-paths.js';

/** Options of {@link wasm}. */
export interface WasmOptions {
  /**
   * Where the `.wasm` files of `@tensorflow/tfjs-backend-wasm/dist` are: the address of their folder, relative to the
   * page, or the addresses of the files, of which each browser takes one, by their names. Default: beside the page; in
   * Node.js, in the package.
   */
  readonly paths?: WasmPaths;
}

const wasmOptions = declareOptions<WasmOptions>()({ paths: option({ optional: true }, checkPaths) });

/**
 * Returns the `wasm` backend for `tensorAlgebra({ backend: wasm({ paths }) })`. Unlike its name, which loads it when
 * the engine is opened, this is loaded with the program.
 *
 * TensorFlow.js's kernels in WebAssembly, with those of this library for what they do slowly or not at all. A page
 * whose policy restricts scripts has to allow `'wasm-unsafe-eval'`.
 *
 * @returns a value that {@link bures/tensor!tensorAlgebra | tensorAlgebra} takes. Nothing is started before; if there
 * is no file at the address, that throws a BackendError with the address.
 * @throws ConfigError for unknown options or file names.
 */
export function wasm(options: WasmOptions = {}): Backend {
  const { paths } = wasmOptions.read('wasm', options);
  return { name: 'wasm', open: () => openWasm(paths) };
}

function checkPaths(caller: string, name: string, paths: WasmPaths): WasmPaths {
  const known: readonly string[] = wasmFileNames;
  const isFiles = typeof paths === 'object' && paths !== null && Object.keys(paths).every((key) => known.includes(key));
  if (typeof paths === 'string' || isFiles) return paths;
  throw new ConfigError(
    `${caller}: ${name} must be the address of a folder, or addresses by file name (${wasmFileNames.join(', ')}), got ${describeValue(paths)}; pass one of these`,
  );
}
