import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';

/**
 * OLoRA: LoRA that starts at the first columns of Q and rows of R in W = QR, taken out of W.
 *
 * @see Büyükakyüz, "OLoRA: orthonormal low-rank adaptation of large language models", arXiv 2406.01775, 2024.
 */
export function olora(): LoraMethod {
  return { ...lora(), name: 'olora', config: { initialization: 'olora' } };
}
