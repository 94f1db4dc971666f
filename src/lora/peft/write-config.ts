/** Writing of adapter_config.json. */
import type { CausalLM } from '../../models/causal-lm.js';
import { layOutAdapter } from '../adapter/adapter-layout.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import type { ResolvedLoraConfig } from '../adapter/lora-config.js';

/** PEFT's names of the starts that leave the base as it is. No other start matters once the adapter is saved. */
const startNames: ReadonlyMap<string, boolean | string> = new Map<string, boolean | string>([
  ['gaussian', 'gaussian'],
  ['random', false],
]);

/**
 * Returns the contents of adapter_config.json: keys that all recent versions of PEFT know, in alphabetical order as
 * PEFT writes them.
 *
 * @param config - the configuration to write: that of {@link portableConfig} for an adapter that changed its base.
 * @param base - the model that PEFT will load the adapter onto, and its revision on the hub.
 */
export function peftConfig(
  { model, layout }: Pick<LoraAdapter, 'model' | 'layout'>,
  config: ResolvedLoraConfig,
  base: { readonly name: string | null; readonly revision: string | null },
): string {
  const content = {
    alpha_pattern: config.alphaPattern,
    auto_mapping: null,
    base_model_name_or_path: base.name,
    bias: config.bias,
    exclude_modules: config.excludeModules ?? null,
    fan_in_fan_out: layout.targets.some(({ module }) => module.fanInFanOut),
    inference_mode: true,
    init_lora_weights: startNames.get(config.start) ?? true,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: config.modulesToSave.length === 0 ? null : config.modulesToSave,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern,
    revision: base.revision,
    target_modules: writtenTargets(
      model,
      config,
      layout.targets.map(({ module }) => module.name),
    ),
    task_type: 'CAUSAL_LM',
    use_dora: config.magnitudes,
    use_rslora: config.scaling === 'root-rank',
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Returns the configuration of twice the rank with the same scale: α doubles with r, or grows by √2 with √r. */
export function portableConfig(config: ResolvedLoraConfig): ResolvedLoraConfig {
  const growth = config.scaling === 'root-rank' ? Math.SQRT2 : 2;
  const times = (values: Readonly<Record<string, number>>, factor: number) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, factor * value]));
  return {
    ...config,
    rank: 2 * config.rank,
    alpha: growth * config.alpha,
    rankPattern: times(config.rankPattern, 2),
    alphaPattern: times(config.alphaPattern, growth),
    start: 'kaiming',
  };
}

/**
 * Returns the modules as they are written: `'all-linear'` as PEFT writes it, as a list, and whole names in a list, such
 * as those that an adapter to start from gives, as last parts. Last parts are written where the adapter has all modules
 * of the model that end with them, so that PEFT adapts the same modules; the others keep their whole names.
 */
function writtenTargets(model: CausalLM, config: ResolvedLoraConfig, names: readonly string[]): readonly string[] | string {
  const { targetModules, excludeModules, layersToTransform } = config;
  const all = [...model.linearModules.keys(), ...(model.embeddings?.keys() ?? [])];
  const isWhole = (name: string): boolean => name.includes('.') && all.includes(name);
  if (typeof targetModules === 'string') {
    if (targetModules.toLowerCase() !== 'all-linear') return targetModules;
    const lastParts = [...new Set(names.map(lastPart))].sort();
    const { targets } = layOutAdapter('saveAdapter', model, { ...config, targetModules: lastParts }, { everyName: false });
    if (targets.length === names.length) return lastParts;
  } else if (!targetModules.some(isWhole) || excludeModules !== undefined || layersToTransform !== undefined) return targetModules;
  const adapted = new Set(names);
  const others = new Set(all.filter((name) => !adapted.has(name)).map(lastPart));
  const written = typeof targetModules === 'string' ? names : targetModules;
  return [...new Set(written.map((name) => (isWhole(name) && !others.has(lastPart(name)) ? lastPart(name) : name)))].sort();
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
