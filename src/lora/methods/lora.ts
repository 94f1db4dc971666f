import { euclideanFactors } from '../../manifolds/euclidean-factors.js';
import { adamwDirection } from './directions.js';
import type { LoraGeometry, LoraMethod, StackManifold } from './lora-method.js';
import { kaimingStart } from './start.js';

/** Factor pairs as a flat space, where the retraction is addition. Most methods move in it. */
export const euclideanGeometry: LoraGeometry = {
  name: 'Euclidean factors',
  manifold: (stack) => euclideanFactors(stack) as unknown as StackManifold,
};

/** α of the plain methods at every rank, as in many published configurations. */
const ALPHA = 32;

/**
 * LoRA: Euclidean factors, AdamW, one factor zero at the start.
 *
 * @see Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
 */
export function lora(): LoraMethod {
  return {
    name: 'lora',
    geometry: euclideanGeometry,
    direction: adamwDirection(),
    start: kaimingStart,
    alpha: () => ALPHA,
    scaling: 'rank',
    magnitudes: false,
  };
}
