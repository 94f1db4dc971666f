/**
 * The configuration of an adapter: its method, modules, rank and scale. It is PEFT's `LoraConfig` with this library's
 * names.
 */
import { ConfigError } from '../../core/errors.js';
import { checkNumber, checkPositiveInteger, choice, declareOptions, describeValue, number, option, size } from '../../core/options.js';
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
  /** Rank r of the adapters. Default: 16. */
  readonly rank?: number;
  /** α: the adapter's product is multiplied by α/r, or α/√r. Default: set by the method, given the rank. */
  readonly alpha?: number;
  /**
   * Linear modules to adapt: a list of names or of their last parts, a pattern for the whole name, or `'all-linear'`
   * for all but the head. Default: `'all-linear'`.
   */
  readonly targetModules?: readonly string[] | string;
  /** Modules to leave out: a list or a pattern, as in `targetModules`. Default: none. */
  readonly excludeModules?: readonly string[] | string;
  /** Layers to adapt, by number. Only for a list of `targetModules`. Default: all layers. */
  readonly layersToTransform?: readonly number[] | number;
  /** Name of the list of layers in module names (`'layers'`, `'h'`), for `layersToTransform`. Default: any name. */
  readonly layersPattern?: readonly string[] | string;
  /** Ranks that differ from `rank`, by name or pattern; the first match counts. Default: none. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** Values of α that differ from `alpha`, by name or pattern; the first match counts. Default: none. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Dropout rate of the adapters' inputs in training, in [0, 1). Default: 0. */
  readonly dropout?: number;
  /** Biases that are trained. Default: `'none'`. */
  readonly bias?: LoraBias;
  /** Modules trained whole, by the ends of their names. Default: none. */
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

const checkNamesOrPattern: typeof checkNames = (caller, name, value) => {
  if (typeof value !== 'string') checkNames(caller, name, value, ' or a pattern');
};

const loraConfig = declareOptions<LoraConfig>()({
  method: option({ optional: true }, (caller, _name, method) => checkMethod(caller, method)),
  rank: size({ default: 16 }),
  alpha: number({ optional: true, above: 0 }),
  dropout: number({ default: 0, min: 0, below: 1 }),
  bias: choice(loraBiases, { default: 'none' }),
  targetModules: option({ default: 'all-linear' }, checkNamesOrPattern),
  excludeModules: option({ optional: true }, checkNamesOrPattern),
  layersPattern: option({ optional: true }, checkNamesOrPattern),
  modulesToSave: option({ default: [] }, checkNames),
  rankPattern: option({ default: {} }, (caller, name, value) => checkPatterns(caller, name, value, checkPositiveInteger)),
  alphaPattern: option({ default: {} }, (caller, name, value) =>
    checkPatterns(caller, name, value, (by, key, alpha) => checkNumber(by, key, alpha, { above: 0 })),
  ),
  // Checked together with the modules.
  layersToTransform: option({ optional: true }),
});

/** Defaults of {@link LoraConfig}, except for method and α. */
export const loraDefaults: Required<Omit<LoraConfig, 'method' | 'alpha' | 'excludeModules' | 'layersToTransform' | 'layersPattern'>> =
  loraConfig.defaults;

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws ConfigError naming the option; ShapeError if a rank is not a positive integer.
 */
export function resolveLoraConfig(caller: string, config: LoraConfig): ResolvedLoraConfig {
  const { method = lora(), ...given } = loraConfig.read(caller, config);
  const { scaling, magnitudes, start, geometry } = method;
  const resolved: ResolvedLoraConfig = {
    alpha: method.alpha(given.rank, method.start),
    ...given,
    scaling,
    magnitudes,
    trains: geometry.trains ?? 'pairs',
    start: start.name,
  };
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

function checkNames(caller: string, option: string, value: unknown, orElse = ''): void {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== '')) return;
  throw new ConfigError(
    `${caller}: ${option} must be a list of names${orElse}, got ${describeValue(value)}; pass, say, ['q_proj', 'v_proj']`,
  );
}

function checkPatterns(caller: string, option: string, value: unknown, check: typeof checkPositiveInteger): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError(`${caller}: ${option} must be an object of patterns, got ${describeValue(value)}; pass, say, { q_proj: 8 }`);
  for (const [pattern, entry] of Object.entries(value)) check(caller, `${option}['${pattern}']`, entry);
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
      `${caller}: layersToTransform needs a list of targetModules, got ${describeValue(targetModules)}; ${
        targetModules.toLowerCase() === 'all-linear'
          ? "give names, such as ['q_proj', 'v_proj'] (--target-modules q_proj,v_proj)"
          : 'put the layers into the pattern, or give a list of names'
      }`,
    );
  }
}
