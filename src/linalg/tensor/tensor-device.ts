/** One backend of TensorFlow.js as a device: running operations there, checks of operands, and transfers. */

import { Tensor, type TensorContainer, tensor, tidy } from '@tensorflow/tfjs-core';
import type { Awaitable } from '../../core/awaitable.js';
import { BackendError, ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { type HostArray, wrap } from '../host/host-array.js';
import { describeShape, entryCount } from '../shape-checks.js';
import { widened } from './precision.js';
import { currentBackend, homeOf, nameOfBackend, offsetOf, onBackend, startedBackend } from './tensorflow-internals.js';
import { floatsAt, type WasmBackend } from './wasm/wasm-heap.js';

/** One backend of TensorFlow.js. */
export interface TensorDevice {
  /** The backend's name, such as `'wasm'`. */
  readonly name: string;
  /** True if numbers can be read without waiting. */
  readonly synchronous: boolean;
  /**
   * True if tensors are in this process's memory, so that reading is a copy and the host's arithmetic serves them too.
   */
  readonly local: boolean;
  /**
   * Runs a synchronous computation on this backend, whichever is TensorFlow.js's current one, and frees its
   * temporaries.
   */
  run<Result>(compute: () => Result): Result;
  /**
   * Requires a float32 tensor of this backend with at least one entry.
   *
   * @returns its shape.
   * @throws ConfigError if it is something else, of another type or disposed; BackendError if it is on another backend;
   * ShapeError if it is empty.
   */
  check(caller: string, x: Tensor): readonly number[];
  /** True if `upload` copies at once. Otherwise TensorFlow.js keeps the values, which nobody else may then use. */
  readonly copiesUploads: boolean;
  /** Makes a tensor of values, which it then owns if it does not copy them. */
  upload(values: Float32Array | Int32Array, shape: readonly number[]): Tensor;
  /** Returns all entries as a float64 host array. Only if `synchronous`. */
  download(x: Tensor): HostArray;
  /** Writes all entries into a target of the same length. */
  readInto(x: Tensor, target: Float32Array | Float64Array): Awaitable<void>;
  /** Returns the number in a scalar tensor, and frees the tensor. */
  readNumber(compute: () => Tensor): Awaitable<number>;
}

/** Backends whose tensors are in this process's memory. */
const LOCAL_BACKENDS: readonly string[] = ['wasm', 'cpu'];

/**
 * Returns the device of a backend that is TensorFlow.js's current one.
 *
 * @param name - a registered and initialized backend;
 * @param synchronous - true if it can read values back at once.
 */
export function tensorDevice(name: string, synchronous: boolean): TensorDevice {
  const backend = startedBackend(name);
  const run = <Result>(compute: () => Result): Result => onBackend(name, backend, () => scoped(compute));
  return {
    name,
    synchronous,
    local: LOCAL_BACKENDS.includes(name),
    copiesUploads: name === 'wasm',
    run,

    check(caller, x) {
      if (!(x instanceof Tensor)) {
        throw new ConfigError(
          `${caller}: expected a tensor, got ${describeValue(x)}; convert plain numbers and arrays of other engines with fromArray(values, shape)`,
        );
      }
      if (x.isDisposed) {
        throw new ConfigError(
          `${caller}: expected a tensor, got one of shape ${describeShape(x.shape)} that has been disposed of; exempt what outlives a tidy or a step with keep(x)`,
        );
      }
      if (x.dtype !== 'float32') throw new ConfigError(`${caller}: expected a float32 tensor, got ${x.dtype}; convert it with cast`);
      const home = homeOf(x);
      if (home !== backend) {
        const other = nameOfBackend(home) ?? 'another';
        const since =
          home === currentBackend()
            ? `; if it is of a model or a training on '${name}', make that the current backend again by tensorAlgebra({ backend: '${name}' }), as '${other}' was opened since`
            : '';
        throw new BackendError(
          `${caller}: expected a tensor of the backend '${name}', got one of '${other}'; read it there and pass its values to fromArray(values, shape)${since}`,
        );
      }
      if (x.size === 0) throwEmpty(caller, x.shape);
      return x.shape;
    },

    upload: (values, shape) => run(() => tensor(values, [...shape], values instanceof Int32Array ? 'int32' : 'float32')),

    download: (x) => wrap(widened(x.dataSync<'float32'>()), x.shape),

    readInto(x, target) {
      if (!synchronous) return x.data<'float32'>().then((values) => target.set(values));
      // On the heap's own memory: TensorFlow.js would copy it into a fresh array first.
      return target.set(name === 'wasm' ? floatsOf(backend as unknown as WasmBackend, x) : x.dataSync<'float32'>());
    },

    readNumber(compute) {
      const scalar = run(compute);
      if (!synchronous)
        return scalar
          .data()
          .then(([value]) => value)
          .finally(() => scalar.dispose());
      try {
        return scalar.dataSync()[0];
      } finally {
        scalar.dispose();
      }
    },
  };
}

/** TensorFlow.js's `tidy` finds the tensors in any record, though its type asks for an index signature. */
function scoped<Result>(compute: () => Result): Result {
  return tidy(compute as () => TensorContainer) as Result;
}

function floatsOf(backend: WasmBackend, x: Tensor): Float32Array {
  return floatsAt(backend, offsetOf(backend, x), x.size);
}

/**
 * Joins all batch axes of a shape [.., m, n]: [count, m, n]. WebGPU programs have at most four to six axes, and
 * broadcasting costs less with three.
 */
export function flatBatch(shape: readonly number[], tail: 1 | 2): [number, ...number[]] {
  return [entryCount(shape.slice(0, -tail)), ...shape.slice(-tail)];
}

/** Throws the error for an array without entries, on which the backends disagree. */
export function throwEmpty(caller: string, shape: readonly number[]): never {
  throw new ShapeError(
    `${caller}: expected at least one entry, got shape ${describeShape(shape)}; tensors without entries are not supported, so leave the call out`,
  );
}
