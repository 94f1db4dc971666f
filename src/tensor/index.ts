/**
 * Linear algebra in float32 on TensorFlow.js: the engine with which every manifold, metric, retraction and solver of the library runs on CUDA, WebGPU or
 * WebAssembly.
 *
 * @module bures/tensor
 */
export type { BackendDevice, BackendName, BackendReport, BackendRequest, PassedOver } from '../linalg/tensor/backends/opened-backend.js';
export { type TensorAlgebra, type TensorAlgebraOptions, tensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
