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
   * If true, each name of a list, each pattern and each number of a layer must have an effect, not only one name of
   * `targetModules`. Default: true. An adapter's file may list names of other architectures.
   */
  readonly everyName?: boolean;
}

/** The shorthand for all linear modules but the head; embeddings are none. */
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
 * @throws ConfigError if no module is left, if a name, a pattern or a number of a layer matches nothing (the message
 * suggests the closest names), or if a pattern is not a regular expression.
 */
export function targetModules(
  caller: string,
  config: TargetConfig,
  modules: Iterable<LinearModule>,
  { everyName = true }: TargetOptions = {},
): readonly TargetModule[] {
  const all = [...modules];
  const wanted = matcher(caller, 'targetModules', config.targetModules);
  const isShorthand = typeof config.targetModules === 'string' && config.targetModules.toLowerCase() === ALL_LINEAR;
  const candidates = all.filter(({ name, embedding }) => wanted(name) && !(isShorthand && embedding === true));
  checkMatches(caller, config.targetModules, all, candidates, everyName);
  const excluded = config.excludeModules === undefined ? () => false : matcher(caller, 'excludeModules', config.excludeModules);
  const saved = pythonPatterns(caller, 'modulesToSave', config.modulesToSave, { before: '(^|.*\\.)', after: '($|\\..*)' });
  const layerOf = layerFinder(caller, config);
  const layers = new Set(layersOf(config));
  const inLayers = (name: string): boolean => {
    const layer = layers.size === 0 ? undefined : layerOf(name);
    return layers.size === 0 || (layer !== undefined && layers.has(layer));
  };
  const kept = candidates.filter(({ name }) => !excluded(name) && !saved.some((pattern) => pattern.test(name)) && inLayers(name));
  if (everyName) {
    checkExcluded(caller, config, all, excluded);
    checkLayerNumbers(caller, layers, new Set(candidates.map(({ name }) => layerOf(name)).filter((layer) => layer !== undefined)));
  }
  if (kept.length === 0) {
    throw new ConfigError(
      `${caller}: all ${candidates.length} modules that targetModules matches were taken out by excludeModules, modulesToSave or layersToTransform; leave one of them in`,
    );
  }
  if (everyName) {
    const names = { adapted: kept.map(({ name }) => name), all: all.map(({ name }) => name) };
    checkPatterns(caller, 'rankPattern', config.rankPattern, names);
    checkPatterns(caller, 'alphaPattern', config.alphaPattern, names);
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
  const wrong = lost ?? (typeof targets === 'string' ? targets : targets.slice(0, 20).join(', '));
  const names = all.map(({ name }) => name);
  const isName = typeof targets === 'string' && names.some((name) => name.endsWith(`.${targets}`));
  throw new ConfigError(
    `${caller}: targetModules must match linear modules of the model, but ${shown(wrong)} matches none; ` +
      (isName
        ? `a single text is a pattern for whole names, as in PEFT: pass the list ['${targets}'], or the pattern '.*\\.${targets}'`
        : `${typeof targets === 'string' ? 'a single text is a pattern for whole names, as in PEFT: for names pass a list, or write .*\\.NAME; ' : ''}${suggestion(wrong, names)}`),
  );
}

/** @throws ConfigError for modules to leave out that the model does not have. */
function checkExcluded(
  caller: string,
  { excludeModules }: TargetConfig,
  all: readonly LinearModule[],
  excluded: (name: string) => boolean,
): void {
  if (excludeModules === undefined) return;
  const lost =
    typeof excludeModules === 'string'
      ? all.some(({ name }) => excluded(name))
        ? undefined
        : excludeModules
      : excludeModules.find((target) => !all.some(({ name }) => name === target || name.endsWith(`.${target}`)));
  if (lost === undefined) return;
  const pattern = typeof excludeModules === 'string' ? 'a single text is a pattern for whole names, as in PEFT; ' : '';
  throw new ConfigError(
    `${caller}: excludeModules must match linear modules of the model, but ${shown(lost)} matches none; ${pattern}${suggestion(
      lost,
      all.map(({ name }) => name),
    )}`,
  );
}

/** @throws ConfigError for a number of a layer that no module has. */
function checkLayerNumbers(caller: string, wanted: ReadonlySet<number>, found: ReadonlySet<number>): void {
  const lost = [...wanted].find((layer) => !found.has(layer));
  if (lost === undefined) return;
  const there = [...found].sort((a, b) => a - b);
  const range =
    there.length === 0
      ? 'no module has a layer by layersPattern; correct that'
      : `the layers are ${there[0]} to ${there[there.length - 1]}`;
  throw new ConfigError(
    `${caller}: layersToTransform must be numbers of layers with modules that targetModules matches, got ${lost}; ${range}`,
  );
}

/**
 * Requires every key of a rank or α pattern to decide for a module.
 *
 * @throws ConfigError for a key that matches no module, none that is adapted, or only those of which an earlier key
 * decides.
 */
function checkPatterns(
  caller: string,
  option: string,
  values: Readonly<Record<string, number>>,
  { adapted, all }: { readonly adapted: readonly string[]; readonly all: readonly string[] },
): void {
  const keys = Object.keys(values);
  const patterns = pythonPatterns(caller, option, keys, PATTERN_FRAME);
  const deciding = adapted.map((name) => patterns.findIndex((pattern) => pattern.test(name)));
  for (const [i, key] of keys.entries()) {
    if (deciding.includes(i)) continue;
    const matched = adapted.findIndex((name) => patterns[i].test(name));
    if (matched >= 0) {
      throw new ConfigError(
        `${caller}: ${option} has the key ${shown(key)} for modules of which ${shown(keys[deciding[matched]])} before it decides already; put it first, or leave it out`,
      );
    }
    const elsewhere = all.find((name) => patterns[i].test(name));
    const problem = elsewhere === undefined ? 'matches no module' : `matches only modules that are not adapted, such as '${elsewhere}'`;
    throw new ConfigError(`${caller}: ${option} has the key ${shown(key)}, which ${problem}; ${suggestion(key, adapted)}`);
  }
}

/** Suggests the names nearest to one that matches nothing, or lists what there is. */
function suggestion(wrong: string, names: readonly string[]): string {
  const lastParts = names.map((name) => name.slice(name.lastIndexOf('.') + 1));
  const near = nearestNames(wrong.slice(0, 200), new Set(names.flatMap((name, i) => [name, lastParts[i]])));
  if (near.length > 0) return `did you mean ${near.map((name) => `'${name}'`).join(' or ')}?`;
  const listed = [...new Set(lastParts)].slice(0, 20).map((part) => part.slice(0, 100));
  return `the model has ${listed.join(', ')}`;
}

const shown = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** Returns the numbers of the selected layers; none for all layers. */
function layersOf({ layersToTransform }: TargetConfig): readonly number[] {
  return typeof layersToTransform === 'number' ? [layersToTransform] : (layersToTransform ?? []);
}

/** Returns the number of the layer that holds a module: that of the first pattern that matches, if any does. */
function layerFinder(caller: string, { layersPattern = [] }: TargetConfig): (name: string) => number | undefined {
  const lists = typeof layersPattern === 'string' ? [layersPattern] : layersPattern;
  const patterns =
    lists.filter((list) => list !== '').length === 0
      ? [pythonPattern(caller, 'layersPattern', '.*?\\.[^.]*\\.(?P<idx>\\d+)\\..*')]
      : pythonPatterns(caller, 'layersPattern', lists, { before: '(?:^|.*?\\.)', after: '\\.(?P<idx>\\d+)\\..*' });
  return (name) => {
    const index = patterns.map((pattern) => pattern.group(name, 'idx')).find((found) => found !== undefined);
    return index === undefined ? undefined : Number(index);
  };
}

/** What PEFT puts around the keys of rank and α patterns. */
const PATTERN_FRAME = { before: '(.*\\.)?(', after: ')' } as const;

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
  const patterns = pythonPatterns(caller, option, Object.keys(values), PATTERN_FRAME);
  return (name) => entries[patterns.findIndex((pattern) => pattern.test(name))];
}
