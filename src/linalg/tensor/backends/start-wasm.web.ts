import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { env } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';
import { type WasmPaths, wasmFileNames } from './wasm-paths.js';

type StartWasm = typeof import('./start-wasm.node.js');

/** The first bytes of every WebAssembly file. */
const magic = [0x00, 0x61, 0x73, 0x6d];

/**
 * Says where the files are: by default beside the page. The one that this browser takes is looked at first, since the
 * module's own message for a missing file names no address, and some of its starts never end then.
 *
 * @throws BackendError naming the address, if there is no WebAssembly file, or if the page may not compile any.
 */
export const locateWasm: StartWasm['locateWasm'] = async (paths = '') => {
  checkPolicy();
  const needed = await neededFile();
  const addresses = Object.fromEntries(wasmFileNames.map((name) => [name, addressOf(name, paths)]));
  if (addresses[needed] === undefined) {
    throw new BackendError(`tensorAlgebra: expected the address of ${needed}, which this browser takes; name it in wasm({ paths })`);
  }
  await checkFile(addresses[needed]);
  // Of the files that this browser does not take, an address is expected too.
  setWasmPaths(Object.fromEntries(wasmFileNames.map((name) => [name, addresses[name] ?? name])));
};

export const startWasm: StartWasm['startWasm'] = (start) => start();

/** @throws BackendError if the page's policy forbids WebAssembly: `'auto'` would take the slow cpu without a word. */
function checkPolicy(): void {
  const { WebAssembly: compiler } = globalThis as { readonly WebAssembly?: { readonly Module: new (bytes: Uint8Array) => object } };
  // A browser without WebAssembly has no policy about it.
  if (compiler === undefined) return;
  try {
    new compiler.Module(Uint8Array.from([...magic, 1, 0, 0, 0]));
  } catch (cause) {
    throw new BackendError(
      `tensorAlgebra: expected a page that may compile WebAssembly, but its policy forbids it (${String(cause)}); add 'wasm-unsafe-eval' to script-src of its Content-Security-Policy, or pass backend: cpu() from 'bures/tensor/cpu', which is slow`,
      { cause },
    );
  }
}

async function neededFile(): Promise<(typeof wasmFileNames)[number]> {
  const [simd, threads] = await Promise.all(['WASM_HAS_SIMD_SUPPORT', 'WASM_HAS_MULTITHREAD_SUPPORT'].map((flag) => env().getAsync(flag)));
  if (!simd) return 'tfjs-backend-wasm.wasm';
  return threads ? 'tfjs-backend-wasm-threaded-simd.wasm' : 'tfjs-backend-wasm-simd.wasm';
}

/** Returns the whole address of a file, relative to the page or worker; `undefined` if it is not among those given. */
function addressOf(name: (typeof wasmFileNames)[number], paths: WasmPaths): string | undefined {
  const { document, location } = globalThis as unknown as {
    readonly document?: { readonly baseURI: string };
    readonly location: { readonly href: string };
  };
  const base = document?.baseURI ?? location.href;
  const path = typeof paths === 'string' ? (paths === '' || paths.endsWith('/') ? `${paths}${name}` : `${paths}/${name}`) : paths[name];
  return path === undefined ? undefined : new URL(path, base).href;
}

async function checkFile(address: string): Promise<void> {
  const remedy =
    'serve the .wasm files of @tensorflow/tfjs-backend-wasm/dist, and pass their folder as tensorAlgebra({ backend: wasm({ paths }) })';
  let answer: Response;
  try {
    answer = await fetch(address);
  } catch (cause) {
    throw new BackendError(
      `tensorAlgebra: expected a WebAssembly file at ${address}, which cannot be reached (${String(cause)}); ${remedy}`,
      { cause },
    );
  }
  const reader = answer.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  // The rest comes with the second request, or from the browser's cache.
  await reader?.cancel();
  if (answer.ok && magic.every((byte, index) => value?.[index] === byte)) return;
  const came = answer.ok ? `a file of type ${answer.headers.get('content-type') ?? 'unknown'}` : `status ${answer.status}`;
  throw new BackendError(`tensorAlgebra: expected a WebAssembly file at ${address}, got ${came}; ${remedy}`);
}
