/**
 * The keys of PEFT's adapter_config.json, as PEFT 0.21 writes them, and the values with which this library computes the
 * same.
 */

/** Keys that do not affect the numbers: any value passes. */
export const descriptiveKeys: ReadonlySet<string> = new Set([
  'auto_mapping',
  'base_model_name_or_path',
  'inference_mode',
  'peft_version',
  'revision',
  // The core that a model was built on does not affect the numbers.
  'megatron_core',
]);

/** Keys that are read. */
export const knownKeys: ReadonlySet<string> = new Set([
  'alpha_pattern',
  'bias',
  'ensure_weight_tying',
  'exclude_modules',
  'fan_in_fan_out',
  'init_lora_weights',
  'layers_pattern',
  'layers_to_transform',
  'lora_alpha',
  'lora_dropout',
  'modules_to_save',
  'peft_type',
  'r',
  'rank_pattern',
  'target_modules',
  'task_type',
  'use_dora',
  'use_rslora',
]);

/** Defaults of keys of unsupported features, if not simply empty. */
const defaults: Readonly<Record<string, unknown>> = { qalora_group_size: 16 };

/**
 * Returns true if an unknown key holds a value that asks for nothing: PEFT's default, or an empty value (null, false,
 * zero, or an empty list, text or object).
 */
export function asksForNothing(key: string, value: unknown): boolean {
  if (value === null || value === false || value === 0 || value === '' || value === defaults[key]) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
