import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { WasmFiles, WasmPaths } from './wasm-paths.js';

/** Says where the WebAssembly files are. The package's own are beside it. */
export async function locateWasm(paths: WasmPaths | undefined): Promise<void> {
  if (paths !== undefined) setWasmPaths(paths as string | WasmFiles);
}

/**
 * Starts the WebAssembly module.
 *
 * Emscripten's start-up code listens for uncaught exceptions and rejections of the whole process and throws them again,
 * so that Node.js prints its minified source, tens of kilobytes, before the user's own error. Listeners added during
 * the start are removed again.
 */
export async function startWasm<Result>(start: () => Promise<Result>): Promise<Result> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set(process.rawListeners(event)));
  try {
    return await start();
  } finally {
    for (const [index, event] of events.entries()) {
      for (const listener of process.rawListeners(event)) {
        if (!before[index].has(listener)) process.removeListener(event, listener as () => void);
      }
    }
  }
}
