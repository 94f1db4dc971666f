/** The files of TensorFlow.js's wasm backend, of which a machine needs one. */
export const wasmFileNames: readonly (keyof WasmFiles)[] = [
  'tfjs-backend-wasm.wasm',
  'tfjs-backend-wasm-simd.wasm',
  'tfjs-backend-wasm-threaded-simd.wasm',
];

/** The address of each file. */
export type WasmFiles = Readonly<
  Record<'tfjs-backend-wasm.wasm' | 'tfjs-backend-wasm-simd.wasm' | 'tfjs-backend-wasm-threaded-simd.wasm', string>
>;

/** The address of the folder that holds the files, or those of the files. */
export type WasmPaths = string | Partial<WasmFiles>;
