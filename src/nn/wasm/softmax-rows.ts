import { nameFloats, type WasmBackend, type WasmFunction } from '../../linalg/tensor/wasm/wasm-heap.js';

const functions = new WeakMap<WasmBackend, WasmFunction>();

/** Runs the backend's softmax on each row of a matrix anywhere on the heap, in place or to another offset. */
export function softmaxRows(backend: WasmBackend, offset: number, rows: number, columns: number, target = offset): void {
  let softmax = functions.get(backend);
  if (softmax === undefined) {
    softmax = backend.wasm.cwrap('Softmax', null, ['number', 'number', 'number', 'number']);
    functions.set(backend, softmax);
  }
  const [from, to] = [nameFloats(backend, offset, rows * columns), nameFloats(backend, target, rows * columns)];
  softmax(from.name, to.name, columns, rows);
  from.forget();
  to.forget();
}
