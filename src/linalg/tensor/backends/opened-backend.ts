/** What opening a TensorFlow.js backend gives: the way to factor matrices on it, and a report of what was taken and why. */
import type { TensorFactorizations } from '../tensor-factorizations.js';

/** The backends of TensorFlow.js that the tensor engine runs on, best first. */
export const BACKEND_NAMES = ['tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

/** One of {@link BACKEND_NAMES}. */
export type BackendName = (typeof BACKEND_NAMES)[number];

/** A backend by name, or `'auto'`: the best that the machine has. */
export type BackendRequest = 'auto' | BackendName;

/** A backend that `'auto'` did not take. */
export interface PassedOver {
  /** The backend. */
  readonly name: BackendName;
  /** Why it does not serve, and what to do about it. */
  readonly reason: string;
}

/** What runs the arithmetic of a backend. */
export interface BackendDevice {
  /** Name of the GPU, or of the processor where there is none. */
  readonly device: string;
  /** Memory of the device in bytes; `undefined` where nobody tells it (WebGPU does not). */
  readonly memory: number | undefined;
  /** Whether CUDA is in use. */
  readonly cuda: boolean;
  /** What multiplies matrices, in words. */
  readonly matmul: string;
}

/** Which backend was taken, on what it runs, and why better ones were not. */
export interface BackendReport extends BackendDevice {
  /** The backend in use. */
  readonly taken: BackendName;
  /** Those that would have been preferred; empty for a backend asked for by name. */
  readonly passedOver: readonly PassedOver[];
}

/** A backend that is ready, before it is known what else was tried. */
export interface ReadyBackend {
  /** The backend. */
  readonly name: BackendName;
  /** Factorizations on it, batched. */
  readonly factorizations: TensorFactorizations;
  /** Whether values can be read back at once and without stalling a device. */
  readonly readsSynchronously: boolean;
  /** On what it runs. */
  readonly device: BackendDevice;
}

/** A backend that is open: TensorFlow.js computes on it. */
export interface OpenedBackend {
  /** The backend. */
  readonly name: BackendName;
  /** Factorizations on it, batched. */
  readonly factorizations: TensorFactorizations;
  /** Whether values can be read back at once and without stalling a device: not on webgpu, and not from CUDA's memory. */
  readonly readsSynchronously: boolean;
  /** What was taken, and why. */
  readonly report: BackendReport;
}
