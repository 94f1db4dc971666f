import { declareOptions } from '../../core/options.js';
import { adamw } from '../../solvers/directions/adam.js';
import { componentwise } from '../../solvers/directions/componentwise.js';
import { loraProOptions, loraPro as loraProRule } from '../../solvers/directions/lora-pro.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraMethod } from './lora-method.js';

/** Options of {@link loraPro}. */
export interface LoraProMethodOptions {
  /** Number of the first step. Default: 0, for which the first step is plain. */
  readonly firstStep?: number;
}

const loraProMethodOptions = declareOptions<LoraProMethodOptions>()({ firstStep: loraProOptions.options.firstStep });

/** Defaults of {@link loraPro}. */
export const loraProMethodDefaults: Required<LoraProMethodOptions> = loraProMethodOptions.defaults;

/** Returns LoRA-Pro's rule for the pairs, and AdamW for all other trained arrays. */
export function loraProDirection(options: LoraProMethodOptions = {}): LoraDirection {
  const { firstStep } = loraProMethodOptions.read('loraPro', options);
  return {
    name: 'lora-pro',
    needsPairs: true,
    rule(optimizer, { stacks }) {
      const rules = stacks.map(({ key, targets }) => {
        const scale = targets.map((target) => target.scale);
        return [key, loraProRule({ weightDecay: 0, ...optimizer, scale, firstStep })] as const;
      });
      return componentwise({ pairs: componentwise(Object.fromEntries(rules), adamw(optimizer)) }, adamw(optimizer));
    },
  };
}

/**
 * LoRA-Pro: Euclidean factors whose steps change ΔW as closely as possible to Adam's step of the full weight. It keeps
 * moments of the size of the weights.
 *
 * @throws ConfigError on unknown options, or if `firstStep` is negative.
 * @see Wang et al., "LoRA-Pro: are low-rank adapters properly optimized?", ICLR 2025.
 */
export function loraPro(options: LoraProMethodOptions = {}): LoraMethod {
  return { ...lora(), name: 'lora-pro', direction: loraProDirection(options) };
}
