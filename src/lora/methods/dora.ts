import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';

/**
 * DoRA: LoRA for the directions of the weight's rows, with a trained vector for their lengths.
 *
 * @see Liu et al., "DoRA: weight-decomposed low-rank adaptation", ICML 2024.
 */
export function dora(): LoraMethod {
  return { ...lora(), name: 'dora', magnitudes: true };
}
