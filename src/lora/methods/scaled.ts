import { declareOptions, number } from '../../core/options.js';
import { dampedFactors, dampedFactorsDefaults } from '../../manifolds/damped-factors.js';
import { lora } from './lora.js';
import type { LoraMethod, StackManifold } from './lora-method.js';

/** Options of {@link scaled}. */
export interface ScaledOptions {
  /** δ, added to the Gram matrices by which the gradients are divided. Default: 0.01. */
  readonly damping?: number;
}

const scaledOptions = declareOptions<ScaledOptions>()({ damping: number({ default: dampedFactorsDefaults.damping, above: 0 }) });

/** Defaults of {@link scaled}. */
export const scaledDefaults: Required<ScaledOptions> = scaledOptions.defaults;

/**
 * Riemannian preconditioned LoRA: AdamW on gradients divided by the damped Gram matrix of the other factor.
 *
 * @throws ConfigError on unknown options, or if δ is not positive.
 * @see Zhang and Pilanci, "Riemannian preconditioned LoRA for fine-tuning foundation models", ICML 2024, algorithm 2.
 */
export function scaled(options: ScaledOptions = {}): LoraMethod {
  const { damping } = scaledOptions.read('scaled', options);
  return {
    ...lora(),
    name: 'scaled',
    geometry: {
      name: 'factors, damped preconditioned metric',
      refusesPairRules: 'whose metric has divided the gradient by the Grams of the factors already',
      manifold: (stack) => dampedFactors({ ...stack, damping }) as unknown as StackManifold,
    },
  };
}
