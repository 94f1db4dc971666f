/**
 * The part of TensorFlow.js's wasm backend on which our own kernels are built: finding a tensor on the heap, and making
 * one.
 */

import { type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type HeapTable, offsetOf } from '../tensorflow-internals.js';
import { fullHeap, type GuardedModule } from './heap-guard.js';

/** A function of the module. */
export type WasmFunction = (...values: readonly (number | boolean | Uint8Array)[]) => void;

/**
 * The backend as a kernel sees it. Written out, since the package's own declarations need Emscripten's, which it does
 * not depend on.
 */
export interface WasmBackend extends HeapTable {
  /** Emscripten's module. */
  readonly wasm: GuardedModule & {
    /** The heap, replaced by a larger one when it grows: read it anew at each use. */
    readonly HEAPU8: Uint8Array;
    /** Allocates memory on the heap; returns its offset, signed, or 0 if there is none left. */
    _malloc(bytes: number): number;
    /** Frees memory. */
    _free(offset: number): void;
    /** A function of the module. */
    cwrap(name: string, result: null, parameters: readonly string[]): WasmFunction;
    /** The table that tells the module where a tensor lies. */
    readonly tfjs: {
      /** Names `size` float32 numbers at an offset. */
      registerTensor(id: number, size: number, offset: number): void;
      /** Forgets a name, and what the module computed ahead for it. */
      disposeData(id: number): void;
    };
  };
  /** Makes a tensor of arbitrary contents. */
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  /** Counts one more tensor that shares this memory. */
  incRef(dataId: object): void;
  /** Releases a tensor of a kernel: the memory, if no other tensor shares it. */
  disposeData(dataId: object): boolean;
}

/** Bytes of a float32. */
const BYTES = 4;

/** Returns a view of float32 numbers on the heap, valid until the next allocation. */
export function floatsAt(backend: WasmBackend, offset: number, length: number): Float32Array {
  return new Float32Array(backend.wasm.HEAPU8.buffer, offset, length);
}

/** The same as {@link floatsAt} for int32. */
export function integersAt(backend: WasmBackend, offset: number, length: number): Int32Array {
  return new Int32Array(backend.wasm.HEAPU8.buffer, offset, length);
}

/**
 * Makes a tensor of arbitrary contents.
 *
 * @throws BackendError if the heap is full, which the backend itself does not notice; it would write over the heap's
 * beginning.
 */
export function makeTensor(backend: WasmBackend, shape: readonly number[], dtype: DataType): TensorInfo {
  const tensor = backend.makeOutput([...shape], dtype);
  if (offsetOf(backend, tensor) === 0 && shape.every((length) => length > 0)) {
    backend.disposeData(tensor.dataId);
    throw fullHeap(shape.reduce((product, length) => product * length, util.bytesPerElement(dtype)));
  }
  return tensor;
}

/**
 * Runs a computation with memory of its own, which is freed after it.
 *
 * @param lengths - number of float32 numbers in each piece; an empty piece gets offset 0.
 * @param compute - receives the pieces' offsets in bytes.
 * @throws BackendError if the heap is full.
 */
export function withScratch(backend: WasmBackend, lengths: readonly number[], compute: (offsets: readonly number[]) => void): void {
  const { wasm } = backend;
  const offsets: number[] = [];
  try {
    for (const length of lengths) {
      // Unsigned: an offset above 2 GB arrives negative.
      const offset = length === 0 ? 0 : wasm._malloc(length * BYTES) >>> 0;
      if (offset === 0 && length > 0) throw fullHeap(length * BYTES);
      offsets.push(offset);
    }
    compute(offsets);
  } finally {
    for (const offset of offsets) if (offset !== 0) wasm._free(offset);
  }
}

/**
 * Next name for float32 numbers on the heap: from 2³⁰ upwards, beyond the backend's own counter. Each is used once,
 * since XNNPACK keeps what it computes ahead for an operand under its name.
 */
let nextName = 2 ** 30;

/** Names the numbers at an offset, so that functions of the module know them; `forget` removes the name. */
export function nameFloats({ wasm: { tfjs } }: WasmBackend, offset: number, length: number): { readonly name: number; forget(): void } {
  const name = nextName++;
  tfjs.registerTensor(name, length, offset);
  return { name, forget: () => tfjs.disposeData(name) };
}
