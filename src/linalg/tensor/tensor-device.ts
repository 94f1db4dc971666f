/** Where tensors live and how operations run there: one backend of TensorFlow.js, checks of operands, and transfers. */
import { engine, type KernelBackend, Tensor, type TensorContainer, tensor, tidy } from '@tensorflow/tfjs-core';
import type { Awaitable } from '../../core/awaitable.js';
import { BackendError, ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { type HostArray, wrap } from '../host/host-array.js';
import { describeShape, entryCount } from '../shape-checks.js';
import { widened } from './precision.js';
import { floatsAt, offsetOf, type WasmBackend } from './wasm/wasm-heap.js';

/** One backend of TensorFlow.js. */
export interface TensorDevice {
  /** The backend's name, such as `'wasm'`. */
  readonly name: string;
  /** Whether numbers can be read without waiting. */
  readonly synchronous: boolean;
  /** Whether tensors lie in this process's memory, so that reading is a copy and the host's arithmetic serves them too. */
  readonly local: boolean;
  /** Runs a synchronous computation on this backend, whichever is TensorFlow.js's current one, and frees its temporaries. */
  run<Result>(compute: () => Result): Result;
  /**
   * Requires a float32 tensor of this backend with at least one entry.
   *
   * @returns its shape.
   * @throws ConfigError if it is something else, of another type or disposed; BackendError if it lives elsewhere; ShapeError if it is empty.
   */
  check(caller: string, x: Tensor): readonly number[];
  /** Whether `upload` copies at once: elsewhere TensorFlow.js holds on to the values, which must then be nobody else's. */
  readonly copiesUploads: boolean;
  /** A tensor of values; where it does not copy them, it owns them then. */
  upload(values: Float32Array | Int32Array, shape: readonly number[]): Tensor;
  /** All entries as a float64 host array. Only where `synchronous`. */
  download(x: Tensor): HostArray;
  /** All entries into memory of as many. */
  readInto(x: Tensor, target: Float32Array | Float64Array): Awaitable<void>;
  /** The number in a scalar tensor, which is freed. */
  readNumber(compute: () => Tensor): Awaitable<number>;
}

/** The fields of TensorFlow.js's engine that say where operations run. `setBackend` would set them too, but sets up every kernel again. */
interface CurrentBackend {
  backendName: string;
  backendInstance: KernelBackend;
}

/** Backends whose tensors lie in this process's memory. */
const LOCAL_BACKENDS: readonly string[] = ['wasm', 'cpu'];

/**
 * The device of a backend that is TensorFlow.js's current one.
 *
 * @param name - a registered and initialized backend; @param synchronous - whether it can read values back at once.
 */
export function tensorDevice(name: string, synchronous: boolean): TensorDevice {
  const backend = engine().findBackend(name);
  const run = <Result>(compute: () => Result): Result => {
    const current = engine() as unknown as CurrentBackend;
    if (current.backendName === name) return scoped(compute);
    const { backendName, backendInstance } = current;
    Object.assign(current, { backendName: name, backendInstance: backend });
    try {
      return scoped(compute);
    } finally {
      Object.assign(current, { backendName, backendInstance });
    }
  };
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
      const home = engine().state.tensorInfo.get(x.dataId)?.backend;
      if (home !== backend) {
        throw new BackendError(
          `${caller}: expected a tensor of the backend '${name}', got one of '${nameOf(home)}'; read it there and pass its values to fromArray(values, shape)`,
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

function nameOf(backend: KernelBackend | undefined): string {
  const { registry } = engine();
  return Object.keys(registry).find((name) => registry[name] === backend) ?? 'another';
}

/** A shape [.., m, n] with all batch axes made one: [count, m, n]. WebGPU programs have at most four to six axes, and broadcasting costs less with three. */
export function flatBatch(shape: readonly number[], tail: 1 | 2): [number, ...number[]] {
  return [entryCount(shape.slice(0, -tail)), ...shape.slice(-tail)];
}

/** Throws the error for an array without entries, on which the backends disagree. */
export function throwEmpty(caller: string, shape: readonly number[]): never {
  throw new ShapeError(
    `${caller}: expected at least one entry, got shape ${describeShape(shape)}; tensors without entries are not supported, so leave the call out`,
  );
}
