/** Result of opening a TensorFlow.js backend: the way to factor matrices on it, and a report of the choice. */
import type { BackendName } from '../../../core/tensorflow-packages.js';
import type { TensorFactorizations } from '../tensor-factorizations.js';

/**
 * A backend with its options, as `wasm()` of `bures/tensor/wasm`, `webgpu()` of `bures/tensor/webgpu`, `tensorflow()`
 * of `bures/tensor/tensorflow` and `cpu()` of `bures/tensor/cpu` make it.
 */
export interface Backend {
  /** Name of the backend. */
  readonly name: BackendName;
  /** Starts it. Returns the reason why it is not available, with what to do, where it does not start. */
  readonly open: () => Promise<ReadyBackend | string>;
}

/** A backend, its name, or `'auto'`: the best that the machine has. */
export type BackendRequest = 'auto' | BackendName | Backend;

/** A backend that `'auto'` did not take. */
export interface PassedOver {
  /** The backend. */
  readonly name: BackendName;
  /** Reason why it does not serve, and what to do about it. */
  readonly reason: string;
}

/** Device that runs the arithmetic of a backend. */
export interface BackendDevice {
  /** Name of the GPU, or of the processor if there is none. */
  readonly device: string;
  /** Memory of the device in bytes; `undefined` if unknown, as with WebGPU. */
  readonly memory: number | undefined;
  /** True if CUDA is in use. */
  readonly cuda: boolean;
  /** Implementation of matrix products, in words. */
  readonly matmul: string;
  /** The reason why `'auto'` passes the device over: a program that imitates a GPU. Absent for all others. */
  readonly imitation?: string;
}

/** Report of the backend taken, the device it runs on, and why better ones were not. */
export interface BackendReport extends BackendDevice {
  /** The backend in use. */
  readonly taken: BackendName;
  /** Backends that would have been preferred; empty for a backend asked for by name. */
  readonly passedOver: readonly PassedOver[];
}

/** A backend that is ready, without a report of what else was tried. */
export interface ReadyBackend {
  /** The backend. */
  readonly name: BackendName;
  /** Factorizations on it, batched. */
  readonly factorizations: TensorFactorizations;
  /** True if values can be read back at once, without stalling a device. */
  readonly readsSynchronously: boolean;
  /** Device that it runs on. */
  readonly device: BackendDevice;
}

/** A backend that is open: TensorFlow.js computes on it. */
export interface OpenedBackend {
  /** The backend. */
  readonly name: BackendName;
  /** Factorizations on it, batched. */
  readonly factorizations: TensorFactorizations;
  /** True if values can be read back at once, without stalling a device: not on webgpu, and not from CUDA's memory. */
  readonly readsSynchronously: boolean;
  /** Report of what was taken, and why. */
  readonly report: BackendReport;
}
