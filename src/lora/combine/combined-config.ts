/** The configuration of several adapters of one base as one adapter. */
import { ConfigError } from '../../core/errors.js';
import { shownName } from '../../io/files/portable-name.js';
import type { JsonObject } from '../../io/parse-json.js';
import type { ResolvedLoraConfig } from '../adapter/lora-config.js';
import type { BaseName } from '../peft/base-name.js';
import type { SourceAdapter } from '../peft/source-adapter.js';
import { type PairScale, ranksConfig } from './ranks-config.js';

/**
 * Returns the contents of adapter_config.json for a combination.
 *
 * @param pairs - rank and scale of every module of the combination.
 * @param base - the base model that the adapters share.
 */
export function combinedConfig(sources: readonly SourceAdapter[], pairs: ReadonlyMap<string, PairScale>, base: BaseName): JsonObject {
  const [{ content: first, config }] = sources;
  const dropouts = new Set(sources.map((source) => source.config.dropout));
  const content: JsonObject = {
    auto_mapping: null,
    base_model_name_or_path: base.name,
    bias: 'none',
    // A property of some layers, which PEFT corrects for the others; factors are stored in one way for all.
    fan_in_fan_out: sources.some(({ content }) => content.fan_in_fan_out === true),
    inference_mode: true,
    init_lora_weights: true,
    lora_dropout: dropouts.size === 1 ? config.dropout : 0,
    modules_to_save: null,
    peft_type: 'LORA',
    revision: base.revision,
    task_type: first.task_type ?? null,
    use_dora: false,
    use_rslora: false,
    ...sharedSelection(sources, [...pairs.keys()]),
    ...ranksConfig(pairs, false),
  };
  return Object.fromEntries(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Returns the keys that select the modules: those of the adapters, if they select by the same; else their lists joined,
 * as every name of a list stands for itself. Different patterns and exceptions cannot be joined so; the modules are
 * then named one by one.
 */
function sharedSelection(sources: readonly SourceAdapter[], modules: readonly string[]): JsonObject {
  const nothing = { exclude_modules: null, layers_pattern: null, layers_to_transform: null };
  const selections = sources.map(({ config: { targetModules, excludeModules, layersToTransform, layersPattern, modulesToSave } }) =>
    JSON.stringify([targetModules, excludeModules, layersToTransform, layersPattern, modulesToSave]),
  );
  const [{ config, content }] = sources;
  if (new Set(selections).size === 1 && config.modulesToSave.length === 0) {
    const own = Object.entries({ ...nothing, target_modules: null }).map(([key]) => [key, content[key] ?? null]);
    return Object.fromEntries(own);
  }
  return { ...nothing, target_modules: joinedTargets(sources, modules) };
}

function joinedTargets(sources: readonly SourceAdapter[], modules: readonly string[]): readonly string[] {
  const listed = ({ targetModules, excludeModules = [], layersToTransform = [], modulesToSave }: ResolvedLoraConfig): readonly string[] => {
    const plain = excludeModules.length === 0 && modulesToSave.length === 0 && [layersToTransform].flat().length === 0;
    return plain && typeof targetModules !== 'string' ? targetModules : [];
  };
  const lists = sources.map(({ config }) => listed(config));
  if (lists.some((list) => list.length === 0)) return modules;
  const joined = [...new Set(lists.flat())].sort();
  // A name that ends with another selects nothing that the other does not.
  return joined.filter((name) => !joined.some((other) => name.endsWith(`.${other}`)));
}

/**
 * Returns the base model that all adapters name. A path counts by its last folder, and a name without an owner is the
 * same as one with any; adapters that name none agree with all.
 *
 * @throws ConfigError naming two adapters of different bases or revisions.
 */
export function sharedBase(caller: string, sources: readonly SourceAdapter[]): BaseName {
  const named = sources.flatMap(({ name, content: { base_model_name_or_path: base, revision } }) =>
    typeof base === 'string' && base !== ''
      ? [{ adapter: name, name: shownName(base), revision: typeof revision === 'string' ? revision : null }]
      : [],
  );
  if (named.length === 0) return { name: null, revision: null };
  const last = (name: string): string => name.slice(name.lastIndexOf('/') + 1).toLowerCase();
  const differ = (one: BaseName, other: BaseName): boolean => {
    const [a, b] = [one.name ?? '', other.name ?? ''];
    return (
      (a.includes('/') && b.includes('/') ? a !== b : last(a) !== last(b)) ||
      (one.revision ?? other.revision) !== (other.revision ?? one.revision)
    );
  };
  for (const one of named) {
    const other = named.find((two) => differ(one, two));
    if (other === undefined) continue;
    const shown = ({ adapter, name, revision }: typeof one): string =>
      `${adapter} is for ${name}${revision === null ? '' : `@${revision}`}`;
    throw new ConfigError(
      `${caller}: expected adapters of one base model, but ${shown(one)} and ${shown(other)}; if these are the same weights, name the base with ${caller === 'combineAdapters' ? 'baseModel' : '--model'}`,
    );
  }
  // The name that says most: with an owner, then with a revision.
  const [best] = [...named].sort(
    (a, b) => Number(b.name.includes('/')) - Number(a.name.includes('/')) || Number(b.revision !== null) - Number(a.revision !== null),
  );
  const revision = named.find((one) => one.revision !== null)?.revision ?? null;
  return { name: best.name, revision };
}
