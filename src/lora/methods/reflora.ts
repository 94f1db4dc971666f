import { checkKeys, checkNumber } from '../../core/options.js';
import { adamw } from '../../solvers/directions/adam.js';
import { balancingPreconditioner } from '../../solvers/directions/balancing-preconditioner.js';
import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';
import { pairDirection } from './pair-direction.js';
import { compensatedStart } from './start.js';

/** Options of {@link reflora}. */
export interface RefloraOptions {
  /** Steps of plain AdamW before the preconditioner sets in. Default: {@link refloraDefaults}. */
  readonly warmup?: number;
}

/** The defaults of {@link reflora}. BaLoRA's experiments warm up for 100 steps. */
export const refloraDefaults: Required<RefloraOptions> = { warmup: 0 };

/**
 * RefLoRA: Euclidean factors, AdamW on the gradient as the balanced pair would see it. Both factors start at random, and
 * their product is taken out of the base.
 *
 * @throws ConfigError on unknown options, or if the warm-up is negative.
 * @see Zhang et al., "RefLoRA: refactored low-rank adaptation for efficient fine-tuning of large models", NeurIPS 2025.
 */
export function reflora(options: RefloraOptions = {}): LoraMethod {
  checkKeys('reflora', options, Object.keys(refloraDefaults));
  const { warmup } = { ...refloraDefaults, ...options };
  checkNumber('reflora', 'warmup', warmup, { min: 0 });
  return {
    ...lora(),
    name: 'reflora',
    direction: pairDirection('adamw, preconditioned', (optimizer) => balancingPreconditioner(adamw(optimizer), { warmup })),
    start: compensatedStart,
  };
}
