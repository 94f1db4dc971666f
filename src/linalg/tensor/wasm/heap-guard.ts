/**
 * What happens when the wasm heap is full. TensorFlow.js does not look: where `malloc` gives 0 it writes over the heap's beginning, sizes above 4 GB it takes modulo 2³², C++ ends the module
 * with `Aborted()`, and XNNPACK prints a line and leaves a result as the memory was. Here each of these is a BackendError with the bytes.
 *
 * Stands on @tensorflow/tfjs-backend-wasm 4.22.0 and its Emscripten module.
 */
import { engine } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';

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

/** An Emscripten import that lets the heap grow: given the size that it needs, whether it has it now. */
type Resize = (bytes: number) => boolean;

const guarded = new WeakSet<GuardedModule>();

/** The part of JavaScript's WebAssembly that Emscripten's start-up code calls; the types of Node.js leave it out. */
interface WebAssemblyApi {
  instantiate(source: unknown, imports?: Imports): Promise<unknown>;
}
type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Starts the wasm backend such that growth that is refused is an error at once, from wherever memory was asked for: Emscripten's import is the one place that all of them come to, and
 * can be replaced only while the module is instantiated.
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

/** Makes errors of what a module's `malloc` and `abort` would pass over or say in words of their own. Once for each module. */
export function guardHeap(module: GuardedModule): void {
  if (guarded.has(module)) return;
  guarded.add(module);
  // Emscripten puts the function itself in the place of a stub at the first call.
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

/** @param bytes - what was asked for: by a tensor exactly, by a kernel what the heap would have had to grow by. */
export function fullHeap(bytes: number): BackendError {
  return new BackendError(`wasm: expected room for ${bytes} bytes on the WebAssembly heap, got none: ${state()}; ${REMEDY}`);
}

function state(): string {
  return `${engine().state.numBytes} bytes are in use by tensors, the heap has ${heapBytes()} and can have at most ${HEAP_LIMIT} where the machine gives as much`;
}

function heapBytes(): number {
  const { wasm } = (engine().registry.wasm ?? {}) as { readonly wasm?: GuardedModule };
  return wasm?.HEAPU8.length ?? 0;
}
