import { ConfigError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import { type LoraConfig, type ResolvedLoraConfig, resolveLoraConfig } from '../adapter/lora-config.js';
import { asksForNothing, descriptiveKeys, knownKeys } from './config-keys.js';

/** PEFT's own defaults that differ from this library's. */
const peftDefaults = { r: 8, lora_alpha: 8 } as const;

/** Starts, by PEFT's names, that leave the base as it is: once factors are loaded, they no longer matter. */
const pastStarts: Readonly<Record<string, string>> = {
  true: 'kaiming',
  false: 'random',
  gaussian: 'gaussian',
  eva: 'kaiming',
  orthogonal: 'kaiming',
};

/**
 * Reads an adapter's configuration from the contents of its adapter_config.json.
 *
 * @param file - the file's path, for messages.
 * @throws FormatError if the contents are not a LoRA configuration; ConfigError, naming the key, for unsupported
 * settings.
 */
export function readPeftConfig(caller: string, file: string, content: unknown): ResolvedLoraConfig {
  if (!isJsonObject(content))
    throw new FormatError(`${caller}: ${file} must hold a JSON object, got ${describeValue(content)}; check the file`);
  checkPeftKeys(caller, file, content);
  const value = <Value>(key: string, otherwise: Value): Value =>
    content[key] === undefined || content[key] === null ? otherwise : (content[key] as Value);
  const target = value<unknown>('target_modules', undefined);
  if (target === undefined) {
    throw new FormatError(
      `${caller}: ${file} must say which modules are adapted, but 'target_modules' is null; save the adapter with PEFT again`,
    );
  }
  const optional = <Key extends keyof LoraConfig>(name: Key, key: string): LoraConfig => {
    const given = value<unknown>(key, undefined);
    return given === undefined ? {} : { [name]: given };
  };
  const resolved = resolveLoraConfig(`${caller}: ${file}`, {
    rank: value('r', peftDefaults.r),
    alpha: value('lora_alpha', peftDefaults.lora_alpha),
    dropout: value('lora_dropout', 0),
    bias: value('bias', 'none'),
    rankPattern: value('rank_pattern', {}),
    alphaPattern: value('alpha_pattern', {}),
    modulesToSave: value('modules_to_save', []),
    ...optional('targetModules', 'target_modules'),
    ...optional('excludeModules', 'exclude_modules'),
    ...optional('layersToTransform', 'layers_to_transform'),
    ...optional('layersPattern', 'layers_pattern'),
  });
  return {
    ...resolved,
    scaling: value('use_rslora', false) ? 'root-rank' : 'rank',
    magnitudes: value('use_dora', false),
    start: readStart(caller, file, value<unknown>('init_lora_weights', true)),
  };
}

function checkPeftKeys(caller: string, file: string, content: JsonObject): void {
  if (content.peft_type !== 'LORA') {
    throw new ConfigError(
      `${caller}: ${file} must be of a LoRA adapter, got peft_type ${describeValue(content.peft_type)}; other kinds are not supported`,
    );
  }
  const task = content.task_type;
  if (task !== 'CAUSAL_LM' && task !== null && task !== undefined) {
    throw new ConfigError(
      `${caller}: ${file} must be for a causal language model, got task_type ${describeValue(task)}; other tasks are not supported`,
    );
  }
  for (const [key, value] of Object.entries(content)) {
    if (knownKeys.has(key) || descriptiveKeys.has(key) || asksForNothing(key, value)) continue;
    // The settings of a start that no longer matters.
    if (key === 'eva_config' && content.init_lora_weights === 'eva') continue;
    throw new ConfigError(
      `${caller}: ${file} has '${key}': ${shown(value)}, which the library does not support; leaving it out would compute something else`,
    );
  }
}

function readStart(caller: string, file: string, value: unknown): string {
  const name = String(value).toLowerCase();
  if (Object.hasOwn(pastStarts, name)) return pastStarts[name];
  if (name === 'olora') return 'olora';
  // Not pissa_niter_N: a randomized SVD, whose random numbers no file records.
  if (name === 'pissa') return 'pissa';
  throw new ConfigError(
    `${caller}: ${file} has 'init_lora_weights': ${JSON.stringify(value)}, whose change of the base weights cannot be repeated; save the adapter with PEFT's path_initial_model_for_weight_conversion`,
  );
}

/** Returns the beginning of a value as JSON. A value nested deeper than the stack allows is described instead. */
function shown(value: unknown): string {
  try {
    return JSON.stringify(value).slice(0, 100);
  } catch {
    return describeValue(value);
  }
}
