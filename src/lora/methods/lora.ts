import { euclideanFactors } from '../../manifolds/euclidean-factors.js';
import { adamw } from '../../solvers/directions/adam.js';
import type { LoraMethod } from './lora-method.js';

/**
 * LoRA: Euclidean factors, AdamW, one factor zero at the start.
 *
 * @see Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
 */
export function lora(): LoraMethod {
  return { name: 'lora', config: { initialization: 'kaiming' }, geometry: euclideanFactors, direction: adamw };
}
