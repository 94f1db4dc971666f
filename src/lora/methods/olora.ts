import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';
import { firstColumns, type LoraStart } from './start.js';

/**
 * The start of OLoRA: with W = QR, A is the first r columns of Q and B the first r rows of R, and s·AB is subtracted
 * from W. A depends on the first r columns of W only, and B = AᵀW: O(mnr) flops.
 *
 * @see Büyükakyüz, "OLoRA: orthonormal low-rank adaptation of large language models", arXiv 2406.01775, 2024,
 * algorithm 1.
 */
export const oloraStart: LoraStart = {
  name: 'olora',
  changesBase: true,
  factors({ la, target, weight }) {
    const { Q } = la.qr(firstColumns(la, weight, target.rank));
    return { A: Q, B: la.matmul(Q, weight, { transposeA: true }) };
  },
};

/**
 * OLoRA: LoRA that starts at the first columns of Q and rows of R in W = QR, which are subtracted from W.
 *
 * @see Büyükakyüz, "OLoRA: orthonormal low-rank adaptation of large language models", arXiv 2406.01775, 2024.
 */
export function olora(): LoraMethod {
  return { ...lora(), name: 'olora', start: oloraStart };
}
