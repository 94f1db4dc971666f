/** The worker of the page: all work on models is done here, so that the page itself never waits. */
import { BuresError } from 'bures';
import { opfsFiles, webFiles } from 'bures/io';
import { tensorAlgebra } from 'bures/tensor';
import { wasm } from 'bures/tensor/wasm';
import { webgpu } from 'bures/tensor/webgpu';
import type { Envelope, Posted } from './protocol.js';
import { Session } from './session.js';

/** What this file uses of its global scope. */
interface WorkerScope {
  readonly location: { readonly href: string };
  postMessage(message: Posted, transfer?: readonly ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: Envelope }) => void) | null;
}
const scope = globalThis as unknown as WorkerScope;
const beside = (name: string): string => new URL(name, scope.location.href).href;

const session = new Session({
  engine: (onGpu) => tensorAlgebra({ backend: onGpu ? webgpu() : wasm({ paths: beside('wasm/') }) }),
  shipped: { files: webFiles(beside('model/')), folder: '', name: 'tiny-math-base', again: { kind: 'shipped' } },
  own: opfsFiles(),
  tell: (told) => scope.postMessage({ told }),
});

scope.onmessage = async ({ data: { id, request } }) => {
  try {
    scope.postMessage({ id, answer: await session.answer(request) });
  } catch (error) {
    scope.postMessage({ id, error: error instanceof BuresError ? error.message : String(error instanceof Error ? error.stack : error) });
  }
};
