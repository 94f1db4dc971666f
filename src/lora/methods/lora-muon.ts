import { muon, muonDefaults } from '../../solvers/directions/muon.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraMethod } from './lora-method.js';
import { pairDirection } from './pair-direction.js';

/**
 * {@link muon} on the pairs, with `beta1` for the momentum if it is given. Weight decay and ε do not apply to the
 * pairs.
 */
export const muonDirection: LoraDirection = pairDirection('muon', ({ beta1 = muonDefaults.momentum }) => muon({ momentum: beta1 }));

/**
 * LoRA-Muon: Euclidean factors moved by {@link muon}. On balanced factors, `{ ...balora(), direction: muonDirection }`,
 * it gives the same products.
 *
 * @see "LoRA-Muon", arXiv 2606.12921.
 */
export function loraMuon(): LoraMethod {
  return { ...lora(), name: 'lora-muon', direction: muonDirection };
}
