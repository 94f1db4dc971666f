import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';

/**
 * Rank-stabilized LoRA: LoRA whose product is scaled by α/√r, so that gradients do not shrink as the rank grows.
 *
 * @see Kalajdzievski, "A rank stabilization scaling factor for fine-tuning with LoRA", arXiv 2312.03732, 2023.
 */
export function rslora(): LoraMethod {
  return { ...lora(), name: 'rslora', scaling: 'root-rank' };
}
