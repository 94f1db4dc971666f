/** The files of an adapter in PEFT's format. */
import type { PlacingOrder } from '../../io/files/staging.js';
import { trainedWeightsFile } from './trained-weights.js';

/** Names of the files of an adapter in PEFT's format. */
export const adapterFiles = {
  /** Rank, scale, modules and the name of the base model. */
  config: 'adapter_config.json',
  /** The factors. */
  tensors: 'adapter_model.safetensors',
} as const;

/**
 * The order in which an adapter of pairs enters an existing folder. Without its configuration it does not count as an
 * adapter yet; trained weights of an earlier one, which would be taken for its own, are removed.
 */
export const adapterOrder: PlacingOrder = { stale: [trainedWeightsFile], last: [adapterFiles.tensors, adapterFiles.config] };
