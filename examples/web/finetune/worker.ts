/** The worker of the page: all work on models is done here, so that the page itself never waits. */
import { BuresError, ConfigError } from 'bures';
import { type Files, memoryFiles, opfsFiles, webFiles } from 'bures/io';
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

/** Opens the browser's own files, or files in memory where it has none for this page. */
async function openFiles(): Promise<Files> {
  const isThere = await (navigator.storage?.getDirectory?.() ?? Promise.reject(new Error('none'))).then(
    () => true,
    () => false,
  );
  if (isThere) return opfsFiles();
  scope.postMessage({ told: { kind: 'notice', text: 'This browser keeps no files for this page: a reload loses the run.' } });
  return memoryFiles();
}

/** Does a work while it holds the lock of this browser's run, which tabs of the page share. */
async function alone<Result>(work: () => Promise<Result>): Promise<Result> {
  if (navigator.locks === undefined) return work();
  return navigator.locks.request('bures-finetune-run', { ifAvailable: true }, (lock) => {
    if (lock === null) throw new ConfigError('train: another tab of this page is training, and one run is kept at a time; pause that one');
    return work();
  });
}

// A promise, since what is posted before this script has been read would be lost behind an await.
const session = openFiles().then(
  (own) =>
    new Session({
      engine: (onGpu) => tensorAlgebra({ backend: onGpu ? webgpu() : wasm({ paths: beside('wasm/') }) }),
      shipped: { files: webFiles(beside('model/')), folder: '', name: 'tiny-math-base', again: { kind: 'shipped' } },
      own,
      tell: (told) => scope.postMessage({ told }),
      alone,
    }),
);

scope.onmessage = async ({ data: { id, request } }) => {
  try {
    scope.postMessage({ id, answer: await (await session).answer(request) });
  } catch (error) {
    scope.postMessage({ id, error: error instanceof BuresError ? error.message : String(error instanceof Error ? error.stack : error) });
  }
};
