import { checkKeys, checkNumber } from '../../core/options.js';
import { dampedFactors, dampedFactorsDefaults } from '../../manifolds/damped-factors.js';
import { adamw } from '../../solvers/directions/adam.js';
import type { LoraMethod } from './lora-method.js';

/** Options of {@link scaled}. */
export interface ScaledOptions {
  /** δ, added to the Grams by which the gradient is divided. Default: {@link scaledDefaults}. */
  readonly damping?: number;
}

/** The defaults of {@link scaled}. */
export const scaledDefaults: Required<ScaledOptions> = dampedFactorsDefaults;

/**
 * Riemannian preconditioned LoRA: each factor's gradient divided by the Gram of the other, damped, then AdamW.
 *
 * @throws ConfigError on unknown options, or if δ is not positive.
 * @see Zhang and Pilanci, "Riemannian preconditioned LoRA for fine-tuning foundation models", ICML 2024, algorithm 2.
 */
export function scaled(options: ScaledOptions = {}): LoraMethod {
  checkKeys('scaled', options, ['damping']);
  const { damping } = { ...scaledDefaults, ...options };
  checkNumber('scaled', 'damping', damping, { above: 0 });
  return {
    name: 'scaled',
    config: { initialization: 'kaiming' },
    geometry: (stack) => dampedFactors({ ...stack, damping }),
    direction: adamw,
  };
}
