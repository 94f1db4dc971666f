import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';

/**
 * PiSSA: LoRA that starts at the first r singular triples of W, taken out of W.
 *
 * @see Meng, Wang and Zhang, "PiSSA: principal singular values and singular vectors adaptation", NeurIPS 2024.
 */
export function pissa(): LoraMethod {
  return { ...lora(), name: 'pissa', config: { initialization: 'pissa' } };
}
