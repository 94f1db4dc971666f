import { declareOptions, number } from '../../core/options.js';
import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';

/** Options of {@link loraPlus}. */
export interface LoraPlusOptions {
  /** λ, the factor by which PEFT's lora_B moves farther than its lora_A. Default: 16. */
  readonly ratio?: number;
}

const loraPlusOptions = declareOptions<LoraPlusOptions>()({ ratio: number({ default: 16, above: 0 }) });

/** Defaults of {@link loraPlus}, those of the paper. */
export const loraPlusDefaults: Required<LoraPlusOptions> = loraPlusOptions.defaults;

/**
 * LoRA+: LoRA in a block-scaled metric, in which the factor that starts at zero (A here, lora_B in PEFT) moves λ times
 * as far. Vectors (biases, magnitudes, norms) do too, as in PEFT.
 *
 * @throws ConfigError on unknown options, or if the ratio is not positive.
 * @see Hayou, Ghosh and Yu, "LoRA+: efficient low rank adaptation of large models", ICML 2024.
 */
export function loraPlus(options: LoraPlusOptions = {}): LoraMethod {
  const { ratio } = loraPlusOptions.read('loraPlus', options);
  return { ...lora(), name: 'lora+', rates: { A: ratio, vectors: ratio } };
}
