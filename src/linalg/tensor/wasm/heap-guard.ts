/**
 * Turns a full wasm heap into a BackendError with the bytes. TensorFlow.js does not check: if `malloc` gives 0 it
 * writes over the heap's beginning, it takes sizes above 4 GB modulo 2³², C++ ends the module with `Aborted()`, and
 * XNNPACK prints a line and leaves a result as the memory was.
 *
 * It is written against @tensorflow/tfjs-backend-wasm 4.22.0 and its Emscripten module.
 */

import { BackendError } from '../../../core/errors.js';
import { bytesOfTensors, wasmModule } from '../tensorflow-internals.js';

/** The most bytes that the heap can grow to: 4 GB less a page. */
export const HEAP_LIMIT = 2 ** 32 - 2 ** 16;

/** The parts of Emscripten's module that the guard replaces or calls. */
export interface GuardedModule {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  stackSave(): number;
  stackRestore(stack: number): void;
  onAbort?: (reason: unknown) => void;
}

/** Emscripten's import that lets the heap grow to a size; returns true if the heap has it now. */
type Resize = (bytes: number) => boolean;

const guarded = new WeakSet<GuardedModule>();

/** The part of JavaScript's WebAssembly that Emscripten's start-up code calls; the types of Node.js leave it out. */
interface WebAssemblyApi {
  instantiate(source: unknown, imports?: Imports): Promise<unknown>;
}
type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Starts the wasm backend so that refused growth is an error at once, whoever asked for memory: all requests come to
 * this import of Emscripten, which can be replaced only while the module is instantiated.
 */
export async function withGuardedGrowth<Result>(start: () => Promise<Result>): Promise<Result> {
  const { WebAssembly: api } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
  const { instantiate } = api;
  api.instantiate = (source, imports) => (imports === undefined ? instantiate(source) : instantiate(source, withGuardedResize(imports)));
  try {
    return await start();
  } finally {
    api.instantiate = instantiate;
  }
}

function withGuardedResize(imports: Imports): Imports {
  const guard = ([name, value]: [string, unknown]): [string, unknown] => {
    if (typeof value !== 'function' || value.name !== '_emscripten_resize_heap') return [name, value];
    const resize = value as Resize;
    const guardedResize: Resize = (bytes) => {
      if (resize(bytes)) return true;
      // The size arrives signed.
      throw fullHeap((bytes >>> 0) - heapBytes());
    };
    return [name, guardedResize];
  };
  return Object.fromEntries(
    Object.entries(imports).map(([space, values]) => [space, Object.fromEntries(Object.entries(values).map(guard))]),
  );
}

/**
 * Makes a module's `malloc` and `abort` throw errors where they would fail silently or in words of their own. Once per
 * module.
 */
export function guardHeap(module: GuardedModule): void {
  if (guarded.has(module)) return;
  guarded.add(module);
  // At the first call, Emscripten replaces a stub by the function itself.
  (module as GuardedModule & { _free(offset: number): void })._free(module._malloc(1));
  const malloc = module._malloc;
  module._malloc = (bytes) => {
    if (bytes > HEAP_LIMIT) throw fullHeap(bytes);
    const stack = module.stackSave();
    let offset = 0;
    try {
      offset = malloc(bytes);
    } catch (error) {
      module.stackRestore(stack);
      if (!(error instanceof BackendError)) throw error;
    }
    if (offset === 0 && bytes > 0) throw fullHeap(bytes);
    return offset;
  };
  module.onAbort = (reason) => {
    throw new BackendError(
      `wasm: the WebAssembly module gave up (${String(reason) || 'no reason given'}), most likely for want of memory: ${state()}; ${REMEDY}`,
    );
  };
}

const REMEDY = 'train with shorter rows, a smaller batch, a lower rank or recompute, dispose of tensors earlier, or take another backend';

/** @param bytes - the bytes asked for: exact for a tensor; for a kernel, the growth that the heap would have needed. */
export function fullHeap(bytes: number): BackendError {
  return new BackendError(`wasm: expected room for ${bytes} bytes on the WebAssembly heap, got none: ${state()}; ${REMEDY}`);
}

function state(): string {
  return `${bytesOfTensors()} bytes are in use by tensors, the heap has ${heapBytes()} and can have at most ${HEAP_LIMIT} where the machine gives as much`;
}

function heapBytes(): number {
  return wasmModule<GuardedModule>()?.HEAPU8.length ?? 0;
}
