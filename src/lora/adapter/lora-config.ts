/**
 * The configuration of an adapter: its method, modules, rank and scale. It is PEFT's `LoraConfig` with this library's
 * names.
 */
import { ConfigError } from '../../core/errors.js';
import { checkChoice, checkKeys, checkNumber, checkPositiveInteger, describeValue } from '../../core/options.js';
import { lora } from '../methods/lora.js';
import { checkMethod, type LoraMethod } from '../methods/lora-method.js';
import type { TrainedArrays } from '../methods/start.js';

/** Biases that are trained too: none, all of the model's, or those of the adapted modules only (`'lora_only'`). */
export type LoraBias = (typeof loraBiases)[number];

/** All values of {@link LoraBias}. */
export const loraBiases = ['none', 'all', 'lora_only'] as const;

/**
 * Configuration of an adapter; defaults are in {@link loraDefaults}. Patterns are Python's regular expressions, as in
 * PEFT.
 */
export interface LoraConfig {
  /** The method: geometry, direction rule and start, with its rule for α. Default: `lora()`. */
  readonly method?: LoraMethod;
  /** Rank r of the adapters. */
  readonly rank?: number;
  /** α: the adapter's product is multiplied by α/r, or α/√r. Default: set by the method, given the rank. */
  readonly alpha?: number;
  /**
   * Linear modules to adapt: a list of names or of their last parts, a pattern for the whole name, or `'all-linear'`
   * for all but the head.
   */
  readonly targetModules?: readonly string[] | string;
  /** Modules to leave out: a list or a pattern, as in `targetModules`. */
  readonly excludeModules?: readonly string[] | string;
  /** Layers to adapt, by number. Only for a list of `targetModules`. Default: all layers. */
  readonly layersToTransform?: readonly number[] | number;
  /** Name of the list of layers in module names (`'layers'`, `'h'`), for `layersToTransform`. Default: any name. */
  readonly layersPattern?: readonly string[] | string;
  /** Ranks that differ from `rank`, by name or pattern; the first match counts. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** Values of α that differ from `alpha`, by name or pattern; the first match counts. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Dropout rate of the adapters' inputs in training, in [0, 1). */
  readonly dropout?: number;
  /** Biases that are trained. */
  readonly bias?: LoraBias;
  /** Modules trained whole, by the ends of their names. */
  readonly modulesToSave?: readonly string[];
}

/** An adapter as its file describes it: a complete {@link LoraConfig}, with the file's data in place of the method. */
export interface ResolvedLoraConfig
  extends Required<Omit<LoraConfig, 'method' | 'excludeModules' | 'layersToTransform' | 'layersPattern'>>,
    Pick<LoraConfig, 'excludeModules' | 'layersToTransform' | 'layersPattern'>,
    Pick<LoraMethod, 'scaling' | 'magnitudes'> {
  /** Arrays that are trained: factor pairs, or the weights of the target modules themselves. */
  readonly trains: TrainedArrays;
  /** The name of the start. */
  readonly start: string;
}

/** Defaults of {@link LoraConfig}, except for method and α. */
export const loraDefaults: Required<Omit<LoraConfig, 'method' | 'alpha' | 'excludeModules' | 'layersToTransform' | 'layersPattern'>> = {
  rank: 16,
  targetModules: 'all-linear',
  rankPattern: {},
  alphaPattern: {},
  dropout: 0,
  bias: 'none',
  modulesToSave: [],
};

const keys: readonly (keyof LoraConfig)[] = [
  'method',
  'alpha',
  'excludeModules',
  'layersToTransform',
  'layersPattern',
  ...(Object.keys(loraDefaults) as (keyof typeof loraDefaults)[]),
];

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws ConfigError naming the option; ShapeError if a rank is not a positive integer.
 */
export function resolveLoraConfig(caller: string, config: LoraConfig): ResolvedLoraConfig {
  checkKeys(caller, config, keys);
  const { method = lora(), ...given } = config;
  checkMethod(caller, method);
  const { scaling, magnitudes, start, geometry } = method;
  const rank = given.rank ?? loraDefaults.rank;
  checkPositiveInteger(caller, 'rank', rank);
  const resolved: ResolvedLoraConfig = {
    ...loraDefaults,
    alpha: method.alpha(rank, method.start),
    ...withoutUndefined(given),
    scaling,
    magnitudes,
    trains: geometry.trains ?? 'pairs',
    start: start.name,
  };
  checkNumber(caller, 'alpha', resolved.alpha, { above: 0 });
  checkNumber(caller, 'dropout', resolved.dropout, { min: 0, below: 1 });
  checkChoice(caller, 'bias', resolved.bias, loraBiases);
  for (const option of ['targetModules', 'excludeModules', 'layersPattern'] as const) checkNames(caller, option, resolved[option], true);
  checkNames(caller, 'modulesToSave', resolved.modulesToSave, false);
  for (const option of ['rankPattern', 'alphaPattern'] as const) checkPatterns(caller, option, resolved[option]);
  for (const [pattern, rank] of Object.entries(resolved.rankPattern)) checkPositiveInteger(caller, `rankPattern['${pattern}']`, rank);
  for (const [pattern, alpha] of Object.entries(resolved.alphaPattern))
    checkNumber(caller, `alphaPattern['${pattern}']`, alpha, { above: 0 });
  checkLayers(caller, resolved);
  if (resolved.trains === 'weights') checkWeights(caller, method, resolved);
  return resolved;
}

/** @throws ConfigError for options of factors, if the weights themselves are trained. */
function checkWeights(caller: string, { name, alpha, start }: LoraMethod, config: ResolvedLoraConfig): void {
  const refuse = (option: string, because: string): never => {
    throw new ConfigError(
      `${caller}: ${option} cannot be combined with '${name}', which trains the weights themselves: ${because}; leave it out`,
    );
  };
  if (config.dropout > 0) refuse(`dropout ${config.dropout}`, 'it drops inputs of the factors, and there are none');
  const because = "no product of factors is scaled (the method's option scale multiplies its steps)";
  if (config.alpha !== alpha(config.rank, start)) refuse(`alpha ${config.alpha}`, because);
  if (Object.keys(config.alphaPattern).length > 0) refuse('alphaPattern', because);
}

function withoutUndefined(config: LoraConfig): LoraConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function checkNames(caller: string, option: string, value: unknown, mayBeText: boolean): void {
  if (value === undefined || (mayBeText && typeof value === 'string')) return;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== '')) return;
  throw new ConfigError(
    `${caller}: ${option} must be a list of names${mayBeText ? ' or a pattern' : ''}, got ${describeValue(value)}; pass, say, ['q_proj', 'v_proj']`,
  );
}

function checkPatterns(caller: string, option: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new ConfigError(`${caller}: ${option} must be an object of patterns, got ${describeValue(value)}; pass, say, { q_proj: 8 }`);
}

function checkLayers(caller: string, { targetModules, layersToTransform, layersPattern }: ResolvedLoraConfig): void {
  if (layersToTransform === undefined) {
    if (layersPattern !== undefined && layersPattern.length > 0)
      throw new ConfigError(`${caller}: layersPattern was given without layersToTransform; say which layers, or leave it out`);
    return;
  }
  const layers: readonly unknown[] = typeof layersToTransform === 'number' ? [layersToTransform] : layersToTransform;
  if (!Array.isArray(layers) || !layers.every((layer) => Number.isInteger(layer))) {
    throw new ConfigError(
      `${caller}: layersToTransform must be a number or a list of numbers, got ${describeValue(layersToTransform)}; pass, say, [0, 1]`,
    );
  }
  if (typeof targetModules === 'string') {
    throw new ConfigError(
      `${caller}: layersToTransform needs a list of targetModules, got ${describeValue(targetModules)}; put the layers into the pattern`,
    );
  }
}
