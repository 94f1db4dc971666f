import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';
import { firstColumns, type LoraStart } from './start.js';

/**
 * The start of PiSSA: with W = USVᵀ, A = U_r(S_r/s)^½ and B = (S_r/s)^½V_rᵀ, and s·AB is subtracted from W.
 *
 * @see Meng, Wang and Zhang, "PiSSA: principal singular values and singular vectors adaptation", NeurIPS 2024,
 * equations 2 to 4.
 */
export const pissaStart: LoraStart = {
  name: 'pissa',
  changesBase: true,
  factors({ la, target: { rank, scale }, weight }) {
    const { U, S, V } = la.svd(weight);
    const values = la.reshape(firstColumns(la, la.reshape(S, [1, S.shape[0]]), rank), [rank]);
    const roots = la.sqrt(la.scale(1 / scale, values));
    return { A: la.scaleColumns(firstColumns(la, U, rank), roots), B: la.scaleRows(roots, la.transpose(firstColumns(la, V, rank))) };
  },
};

/**
 * PiSSA: LoRA that starts at the leading r singular triples of W, which are subtracted from W.
 *
 * @see Meng, Wang and Zhang, "PiSSA: principal singular values and singular vectors adaptation", NeurIPS 2024.
 */
export function pissa(): LoraMethod {
  return { ...lora(), name: 'pissa', start: pissaStart };
}
