/** Translates a configuration into method, adapter and schedule of the library. */
import { counted } from '../../core/counted.js';
import { BuresError, ConfigError } from '../../core/errors.js';
import { cosineDecay, linearDecay, type Schedule, warmUp } from '../../index.js';
import {
  adapterStart,
  type LoraConfig,
  type LoraMethod,
  loraMethods,
  named,
  namedDirection,
  namedStart,
  type OptimizerOptions,
} from '../../lora/index.js';
import type { FinetuneConfig } from '../config/finetune-config.js';

/**
 * Returns the method of a configuration with its options, and with another start, direction or scaling if the
 * configuration names one.
 *
 * @param whereIs - returns the beginning of messages about a key: the place where it was written, or the command.
 * @throws ConfigError for an unknown name, with the nearest one, and for options that the method does not have.
 */
export function methodOf(
  { method, methodOptions, start, startOptions, direction, directionOptions, useRslora, useDora }: FinetuneConfig,
  whereIs: (key: string) => string = () => 'finetune',
): LoraMethod {
  const make = named(whereIs('method'), 'method', loraMethods, method);
  const made = withKey(`${whereIs('methodOptions')}: methodOptions`, () => make(methodOptions));
  return {
    ...made,
    ...partOf(whereIs, 'start', namedStart, start, startOptions),
    ...partOf(whereIs, 'direction', namedDirection, direction, directionOptions),
    ...(useRslora === undefined ? {} : { scaling: useRslora ? 'root-rank' : 'rank' }),
    ...(useDora === undefined ? {} : { magnitudes: useDora }),
  };
}

/** Returns the method with the start at an adapter, balanced for a geometry of balanced factors. */
export async function startingAt(method: LoraMethod, folder: string | undefined, caller: string): Promise<LoraMethod> {
  if (folder === undefined) return method;
  return { ...method, start: await adapterStart(folder, { caller, balanced: method.geometry.balanced === true }) };
}

/** Returns another start or direction than the method's, with its options; empty if the configuration names none. */
function partOf<Key extends 'start' | 'direction', Part>(
  whereIs: (key: string) => string,
  key: Key,
  make: (caller: string, name: string, options?: object) => Part,
  name: string | undefined,
  options: object | undefined,
): { readonly [K in Key]?: Part } {
  if (name !== undefined) {
    // An unknown name is reported first, by its own key.
    const plain = make(whereIs(key), name);
    const part = options === undefined ? plain : withKey(`${whereIs(`${key}Options`)}: ${key}Options`, () => make(key, name, options));
    return { [key]: part } as { readonly [K in Key]?: Part };
  }
  if (options === undefined) return {};
  throw new ConfigError(
    `${whereIs(`${key}Options`)}: ${key}Options belong to the ${key} that the key '${key}' names, but it names none; add that key, or use methodOptions`,
  );
}

/** Adds the key to errors of a method's options. */
function withKey<Made>(key: string, make: () => Made): Made {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof BuresError)) throw cause;
    throw new ConfigError(`${key}: ${cause.message}`, { cause });
  }
}

/** Returns the adapter of a configuration. Without a value for α, the method chooses it. */
export function adapterConfigOf(config: FinetuneConfig, method: LoraMethod): LoraConfig {
  const { rank, alpha, targetModules, excludeModules, layersToTransform, layersPattern, rankPattern, alphaPattern } = config;
  const { dropout, bias, modulesToSave } = config;
  return {
    method,
    rank,
    targetModules: nameOrPattern(targetModules),
    rankPattern,
    alphaPattern,
    dropout,
    bias,
    modulesToSave,
    ...(alpha === undefined ? {} : { alpha }),
    ...(excludeModules === undefined ? {} : { excludeModules: nameOrPattern(excludeModules) }),
    ...(layersToTransform === undefined ? {} : { layersToTransform }),
    ...(layersPattern === undefined ? {} : { layersPattern }),
  };
}

/**
 * Returns a single word as a list of one name: as a pattern for whole names it could match nothing but that name
 * itself, which the list matches too.
 */
function nameOrPattern(targets: readonly string[] | string): readonly string[] | string {
  return typeof targets === 'string' && /^\w+$/.test(targets) ? [targets] : targets;
}

/**
 * Finds keys of a configuration that do nothing in this run.
 *
 * @param rows - the number of validation rows.
 * @returns a line of text for each.
 * @throws ConfigError for a warm-up that the run does not outlast: its learning rate would not be reached.
 */
export function keysWithoutEffect(
  caller: string,
  { warmup: given, schedule, finalRate, patience, evalRows, minImprovement }: FinetuneConfig,
  { steps, rows }: { readonly steps: number; readonly rows: number },
): readonly string[] {
  const warmup = warmupSteps(given, steps);
  if (warmup >= steps) {
    throw new ConfigError(
      `${caller}: expected a warm-up shorter than the run of ${counted(steps, 'step')}, got warmup ${given}, so that the learning rate would not be reached; warm up for fewer steps, or a fraction of them such as 0.1, or train for more`,
    );
  }
  const idle: (readonly [boolean, string])[] = [
    [schedule === 'constant' && finalRate !== 0, `finalRate ${finalRate} has no effect: the schedule 'constant' ends where it began`],
    [rows === 0 && patience !== undefined, `patience ${patience} has no effect: there are no validation rows`],
    [rows === 0 && evalRows !== undefined, `evalRows ${evalRows} has no effect: there are no validation rows`],
    [rows === 0 && minImprovement !== 0, `minImprovement ${minImprovement} has no effect: there are no validation rows`],
  ];
  return idle.filter(([holds]) => holds).map(([, line]) => line);
}

/** Returns the optimizer options of the configuration. The direction rule has defaults for the others. */
export function optimizerOf({ weightDecay, beta1, beta2, epsilon }: FinetuneConfig): OptimizerOptions {
  const given = Object.entries({ weightDecay, beta1, beta2, epsilon }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

/**
 * Returns the number of steps of the warm-up. A number below 1 is a fraction of all steps, rounded up as long as a step
 * is left.
 */
export function warmupSteps(warmup: number, steps: number): number {
  // Rounding of a product such as 0.07·100 adds no step.
  return warmup < 1 ? Math.max(0, Math.min(steps - 1, Math.ceil(warmup * steps - 1e-9 * steps))) : warmup;
}

/** Returns the learning rate as a function of the step. */
export function scheduleOf({ learningRate, schedule, warmup: given, finalRate }: FinetuneConfig, steps: number): Schedule {
  const warmup = warmupSteps(given, steps);
  if (schedule === 'constant') return warmUp(learningRate, warmup);
  const decay = { from: learningRate, to: finalRate * learningRate, steps: Math.max(1, steps - warmup) };
  return warmUp(schedule === 'linear' ? linearDecay(decay) : cosineDecay(decay), warmup);
}
