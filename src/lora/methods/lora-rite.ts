import { rite } from '../../solvers/directions/rite.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraMethod } from './lora-method.js';
import { jointPairDirection } from './pair-direction.js';

/** {@link rite} on all pairs together. */
export const riteDirection: LoraDirection = jointPairDirection('rite', (options) => rite(options));

/**
 * LoRA-RITE: Euclidean factors moved by {@link rite}, whose products do not depend on the gauge. The start is LoRA's.
 *
 * @see Yen et al., "LoRA done RITE: robust invariant transformation equilibration for LoRA optimization", ICLR 2025.
 */
export function loraRite(): LoraMethod {
  return { ...lora(), name: 'lora-rite', direction: riteDirection };
}
