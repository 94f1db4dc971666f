/** From a configuration to what the library trains with: method, adapter, schedule. */
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { cosineDecay, linearDecay, type Schedule, warmUp } from '../../index.js';
import { type LoraConfig, type LoraMethod, loraDefaults, loraMethods } from '../../lora/index.js';
import type { FinetuneConfig } from '../config/finetune-config.js';

/**
 * The method of a configuration, with its options.
 *
 * @throws ConfigError for a name that is none, with the nearest, and for options that the method does not have.
 */
export function methodOf({ method, methodOptions }: FinetuneConfig): LoraMethod {
  const make = new Map<string, (options: object) => LoraMethod>(Object.entries(loraMethods)).get(method);
  if (make !== undefined) return make(methodOptions);
  const names = Object.keys(loraMethods);
  const [nearest] = nearestNames(method, names, 1);
  throw new ConfigError(
    `method must be one of ${names.join(', ')}, got '${method}'; ${nearest === undefined ? 'pass one of them' : `did you mean '${nearest}'?`}`,
  );
}

/** α of a configuration, or what its method makes of the rank. */
export function alphaOf({ alpha, rank }: FinetuneConfig, { scale }: LoraMethod): number {
  return alpha ?? (scale === undefined ? loraDefaults.alpha : scale * rank);
}

/** What the adapter is: the configuration's keys over the method's own. */
export function adapterConfigOf(config: FinetuneConfig, method: LoraMethod): LoraConfig {
  const { rank, targetModules, excludeModules, rankPattern, alphaPattern, dropout, bias, modulesToSave } = config;
  const own = { rank, alpha: alphaOf(config, method), targetModules, rankPattern, alphaPattern, dropout, bias, modulesToSave };
  return { ...own, ...(excludeModules === undefined ? {} : { excludeModules }), ...method.config };
}

/** The learning rate by step. */
export function scheduleOf({ learningRate, schedule, warmup, finalRate }: FinetuneConfig, steps: number): Schedule {
  if (schedule === 'constant') return warmUp(learningRate, warmup);
  const decay = { from: learningRate, to: finalRate * learningRate, steps: Math.max(1, steps - warmup) };
  return warmUp(schedule === 'linear' ? linearDecay(decay) : cosineDecay(decay), warmup);
}
