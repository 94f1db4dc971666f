/** Selection of the modules that an adapter adapts, with rank and scale, by the rules of PEFT 0.21. */
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import type { LinearModule } from '../../models/model-overlay.js';
import { pythonPattern, pythonPatterns } from './python-pattern.js';

/** A module with an adapter. */
export interface TargetModule extends AdapterScaling {
  /** The module. */
  readonly module: LinearModule;
}

/** The part of an adapter's configuration that selects its modules, ranks and scales. */
export interface TargetConfig extends ScalingConfig {
  readonly targetModules: readonly string[] | string;
  readonly excludeModules?: readonly string[] | string;
  readonly layersToTransform?: readonly number[] | number;
  readonly layersPattern?: readonly string[] | string;
  readonly modulesToSave: readonly string[];
}

/** The part of an adapter's configuration that gives its ranks and scales. */
export interface ScalingConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  readonly scaling: 'rank' | 'root-rank';
}

/** Options of {@link targetModules}. */
export interface TargetOptions {
  /**
   * If true, each name of a list must match a module, not only one of them. Default: true. An adapter's file may list
   * names of other architectures.
   */
  readonly everyName?: boolean;
}

/** The shorthand for all linear modules but the head. */
const ALL_LINEAR = 'all-linear';

/** Name, in all architectures, of the module that gives the logits. */
const HEAD = 'lm_head';

/**
 * Returns the modules that a configuration selects.
 *
 * A list of `targetModules` matches a module by its whole name or by its last parts (`'self_attn.q_proj'`); a string is
 * a regular expression for the whole name, or `'all-linear'`. `excludeModules`, with the same rules, and
 * `modulesToSave` take modules out; `layersToTransform` keeps some layers of a list's matches. In `rankPattern` and
 * `alphaPattern` the first key counts that matches the name, or its last parts, as a regular expression.
 *
 * @param caller - name of the calling function, for error messages.
 * @returns the modules, in the model's order.
 * @throws ConfigError if no module is left, if a name matches nothing (the message suggests the closest names), or if a
 * pattern is not a regular expression.
 */
export function targetModules(
  caller: string,
  config: TargetConfig,
  modules: Iterable<LinearModule>,
  { everyName = true }: TargetOptions = {},
): readonly TargetModule[] {
  const all = [...modules];
  const wanted = matcher(caller, 'targetModules', config.targetModules);
  const candidates = all.filter(({ name }) => wanted(name));
  checkMatches(caller, config.targetModules, all, candidates, everyName);
  const excluded = config.excludeModules === undefined ? () => false : matcher(caller, 'excludeModules', config.excludeModules);
  const saved = pythonPatterns(caller, 'modulesToSave', config.modulesToSave, { before: '(^|.*\\.)', after: '($|\\..*)' });
  const inLayers = layerFilter(caller, config);
  const kept = candidates.filter(({ name }) => !excluded(name) && !saved.some((pattern) => pattern.test(name)) && inLayers(name));
  if (kept.length === 0) {
    throw new ConfigError(
      `${caller}: all ${candidates.length} modules that targetModules matches were taken out by excludeModules, modulesToSave or layersToTransform; leave one of them in`,
    );
  }
  const scaling = scalingOf(caller, config);
  return kept.map((module) => ({ module, ...scaling(module.name) }));
}

/** Rank and scale of an adapter. */
export interface AdapterScaling {
  /** The rank r. */
  readonly rank: number;
  /** The numerator α of the scale. */
  readonly alpha: number;
  /** Factor of the product AB: α/r, or α/√r. */
  readonly scale: number;
}

/**
 * Returns rank and scale by module name: those of the first pattern that matches it, or its last parts.
 *
 * @throws ConfigError if a pattern is not a regular expression.
 */
export function scalingOf(caller: string, config: ScalingConfig): (module: string) => AdapterScaling {
  const rankOf = patternLookup(caller, 'rankPattern', config.rankPattern);
  const alphaOf = patternLookup(caller, 'alphaPattern', config.alphaPattern);
  return (module) => {
    const [rank, alpha] = [rankOf(module) ?? config.rank, alphaOf(module) ?? config.alpha];
    return { rank, alpha, scale: alpha / (config.scaling === 'root-rank' ? Math.sqrt(rank) : rank) };
  };
}

/** Returns a test of whether a name is selected by a list of names or last parts, or by a pattern. */
function matcher(caller: string, option: string, targets: readonly string[] | string): (name: string) => boolean {
  if (typeof targets !== 'string') return (name) => targets.some((target) => name === target || name.endsWith(`.${target}`));
  if (option === 'targetModules' && targets.toLowerCase() === ALL_LINEAR) return (name) => name !== HEAD;
  const pattern = pythonPattern(caller, option, targets);
  return (name) => pattern.test(name);
}

/** @throws ConfigError if nothing matches or, if each must match, one of a list's names does not. */
function checkMatches(
  caller: string,
  targets: readonly string[] | string,
  all: readonly LinearModule[],
  matched: readonly LinearModule[],
  everyName: boolean,
): void {
  const lost =
    typeof targets !== 'string' && everyName
      ? targets.find((target) => !matched.some(({ name }) => name === target || name.endsWith(`.${target}`)))
      : undefined;
  if (matched.length > 0 && lost === undefined) return;
  const shown = (lost ?? (typeof targets === 'string' ? targets : targets.slice(0, 20).join(', '))).slice(0, 200);
  const lastParts = all.flatMap(({ name }) => [name, name.slice(name.lastIndexOf('.') + 1)]);
  const near = nearestNames(shown, lastParts.length === 0 ? [] : new Set(lastParts));
  const there = [...new Set(all.map(({ name }) => name.slice(name.lastIndexOf('.') + 1)))];
  throw new ConfigError(
    `${caller}: targetModules must match linear modules of the model, but ${JSON.stringify(shown)} matches none; ` +
      (typeof targets === 'string'
        ? 'a single text is a pattern for whole names, as in PEFT: for names pass a list, or write .*\\.NAME; '
        : '') +
      (near.length > 0 ? `did you mean ${near.map((name) => `'${name}'`).join(' or ')}?` : `the model has ${there.join(', ')}`),
  );
}

/** Returns a test of whether a module lies in one of the selected layers. */
function layerFilter(caller: string, { layersToTransform, layersPattern = [] }: TargetConfig): (name: string) => boolean {
  const layers = typeof layersToTransform === 'number' ? [layersToTransform] : (layersToTransform ?? []);
  if (layers.length === 0) return () => true;
  const lists = typeof layersPattern === 'string' ? [layersPattern] : layersPattern;
  const patterns =
    lists.filter((list) => list !== '').length === 0
      ? [pythonPattern(caller, 'layersPattern', '.*?\\.[^.]*\\.(?P<idx>\\d+)\\..*')]
      : pythonPatterns(caller, 'layersPattern', lists, { before: '(?:^|.*?\\.)', after: '\\.(?P<idx>\\d+)\\..*' });
  const wanted = new Set(layers);
  return (name) => {
    // The first pattern that matches gives the number of the layer, even if that layer is not selected.
    const index = patterns.map((pattern) => pattern.group(name, 'idx')).find((found) => found !== undefined);
    return index !== undefined && wanted.has(Number(index));
  };
}

/**
 * Returns the value of the first key of a rank or α pattern that matches a name, or its last parts.
 *
 * @param option - the option, for messages.
 * @returns a function of the name; undefined if no key matches.
 * @throws ConfigError if a key is not a pattern.
 */
export function patternLookup<Value>(
  caller: string,
  option: string,
  values: Readonly<Record<string, Value>>,
): (name: string) => Value | undefined {
  const entries = Object.values(values);
  const patterns = pythonPatterns(caller, option, Object.keys(values), { before: '(.*\\.)?(', after: ')' });
  return (name) => entries[patterns.findIndex((pattern) => pattern.test(name))];
}
