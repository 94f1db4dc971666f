/**
 * Linear algebra in float32 on TensorFlow.js: the engine with which every manifold, metric, retraction and solver of
 * the library runs on CUDA, WebGPU or WebAssembly.
 *
 * @module bures/tensor
 */
export { BACKEND_NAMES, type BackendName } from '../../core/tensorflow-packages.js';
export type {
  Backend,
  BackendDevice,
  BackendReport,
  BackendRequest,
  PassedOver,
  ReadyBackend,
} from './backends/opened-backend.js';
export { type TensorAlgebra, type TensorAlgebraOptions, tensorAlgebra } from './tensor-algebra.js';
export type { TensorFactorizations } from './tensor-factorizations.js';
