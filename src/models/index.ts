/**
 * Checkpoints of language models: tensors in safetensors files.
 *
 * @module bures/models
 */
export type { FloatDtype, StoredDtype, TensorDtype } from './safetensors/dtypes.js';
export { openSafetensors } from './safetensors/open-safetensors.js';
export type { TensorData, TensorValues } from './safetensors/serialize-tensors.js';
export type { TensorEntry, TensorStore } from './safetensors/tensor-store.js';
export {
  type WriteCheckpointOptions,
  type WriteSafetensorsOptions,
  writeCheckpoint,
  writeSafetensors,
  writeSafetensorsDefaults,
} from './safetensors/write-safetensors.js';
