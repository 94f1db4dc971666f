/**
 * Layout of a model's adapters in memory: those of one shape form one stack, one component of the product manifold on
 * which they are trained.
 */
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import type { CausalLM } from '../../models/causal-lm.js';
import type { PairCoordinates } from '../methods/lora-method.js';
import { type TargetModule, type TargetOptions, targetModules } from '../targets/target-modules.js';
import type { ResolvedLoraConfig } from './lora-config.js';

/**
 * The adapters of one shape, m×r and r×n each, as arrays [k, m, r] and [k, r, n]; or, if the weights themselves are
 * trained, the weights of one shape, as an array [k, m, n] in their stored layout.
 */
export interface AdapterStack {
  /** Its name in an {@link AdapterPoint}, such as `'64x32r4'`. */
  readonly key: string;
  /** Number of outputs, or of rows of a weight as it is stored. */
  readonly m: number;
  /** Number of inputs, or of columns of a weight as it is stored. */
  readonly n: number;
  /** Rank r of the adapters, or of the subspace on which a direction rule may project. */
  readonly rank: number;
  /** The modules, in the order of the first axis. */
  readonly targets: readonly TargetModule[];
}

/** Parameters of the model itself of one shape, trained whole: an array [k, …shape]. */
export interface ParameterStack {
  /** Its name in an {@link AdapterPoint}, such as `'64'` or `'384x64'`. */
  readonly key: string;
  /** Shape of one parameter. */
  readonly shape: readonly number[];
  /** Names of the parameters, in the order of the first axis. */
  readonly names: readonly string[];
}

/** All that is trained, by shape. */
export interface AdapterLayout {
  /** The modules that are adapted, in the model's order. */
  readonly targets: readonly TargetModule[];
  /** The stacks of their factor pairs; empty if the weights themselves are trained. */
  readonly stacks: readonly AdapterStack[];
  /** The stacks of their weights, if these are trained themselves; else empty. */
  readonly weights: readonly AdapterStack[];
  /** True if each adapter has a vector of m magnitudes. */
  readonly magnitudes: boolean;
  /** Length of the model's hidden states. */
  readonly hiddenSize: number;
  /** The coordinates in which stacks are held, if they are not factor pairs. */
  readonly coordinates?: PairCoordinates;
  /** Biases and modules trained whole. */
  readonly parameters: readonly ParameterStack[];
}

/**
 * Lays out the adapters that a configuration asks for.
 *
 * @throws ConfigError if targets, biases or modules to save are not in the model, or a weight cannot be trained itself.
 */
export function layOutAdapter(
  caller: string,
  model: Pick<CausalLM, 'config' | 'linearModules' | 'embeddings' | 'parameters'>,
  config: ResolvedLoraConfig,
  options: TargetOptions = {},
): AdapterLayout {
  const modules = [...model.linearModules.values(), ...(model.embeddings?.values() ?? [])];
  const targets = targetModules(caller, config, modules, options);
  const biases = trainedBiases(model, config, targets);
  if (biases.length === 0 && config.bias !== 'none' && options.everyName !== false) {
    throw new ConfigError(
      `${caller}: bias '${config.bias}' must find biases to train, but ${config.bias === 'all' ? 'this model has none' : 'no adapted module has one'}; take bias 'none'`,
    );
  }
  const names = new Set([...biases, ...savedParameters(caller, model, config)]);
  return {
    targets,
    hiddenSize: model.config.hiddenSize,
    magnitudes: config.magnitudes,
    stacks: config.trains === 'weights' ? [] : stacksOf(targets, ({ outFeatures, inFeatures }) => [outFeatures, inFeatures]),
    weights: config.trains === 'weights' ? weightStacks(caller, model, targets) : [],
    parameters: [...groupBy(names, (name) => parameterShape(model, name).join('x'))].map(([key, members]) => ({
      key,
      shape: parameterShape(model, members[0]),
      names: members,
    })),
  };
}

/** Groups modules of the same shape and rank. */
function stacksOf(
  targets: readonly TargetModule[],
  shapeOf: (module: TargetModule['module']) => readonly [number, number],
): readonly AdapterStack[] {
  return [...groupBy(targets, ({ module, rank }) => `${shapeOf(module).join('x')}r${rank}`)].map(([key, members]) => {
    const [{ module, rank }] = members;
    const [m, n] = shapeOf(module);
    return { key, m, n, rank, targets: members };
  });
}

/** @throws ConfigError for a head that is tied to the embedding, and for that. */
function weightStacks(
  caller: string,
  model: Pick<CausalLM, 'config' | 'parameters'>,
  targets: readonly TargetModule[],
): readonly AdapterStack[] {
  for (const { module } of targets) {
    const { name } = module;
    if (isTied(model, name)) {
      throw new ConfigError(
        `${caller}: the weight of '${name}' is that of the ${storedName(model, HEAD_WEIGHT) === `${name}.weight` ? 'head' : 'embedding'}, so it cannot be trained itself without changing both; take '${name}' out of targetModules, or choose a method with factors`,
      );
    }
  }
  return stacksOf(targets, ({ outFeatures, inFeatures, fanInFanOut }) =>
    fanInFanOut ? [inFeatures, outFeatures] : [outFeatures, inFeatures],
  );
}

/** Returns true if a module's weight is also that of another, as for a head tied to the embedding, and for this one. */
export function isTied(model: Pick<CausalLM, 'config' | 'parameters'>, module: string): boolean {
  if (!model.config.tiedHead) return false;
  const shared = storedName(model, HEAD_WEIGHT);
  return shared !== HEAD_WEIGHT && storedName(model, `${module}.weight`) === shared;
}

/** Returns the modules with factor pairs, in the model's order. */
export function pairTargets({ targets, weights }: AdapterLayout): readonly TargetModule[] {
  return weights.length === 0 ? targets : [];
}

/** Returns the names of all parameters that are trained as they are: target weights, biases, modules to save. */
export function trainedParameters({ weights, parameters }: AdapterLayout): readonly string[] {
  return [
    ...weights.flatMap(({ targets }) => targets.map(({ module }) => `${module.name}.weight`)),
    ...parameters.flatMap(({ names }) => names),
  ];
}

/** PEFT's name of the weight of a tied head. */
export const HEAD_WEIGHT = 'lm_head.weight';
const EMBEDDING = /\.(embed_tokens|wte)\.weight$/;

/** Returns the parameter that holds the values of a name: the embedding for a tied head. */
export function storedName(model: Pick<CausalLM, 'config' | 'parameters'>, name: string): string {
  if (model.parameters.has(name) || name !== HEAD_WEIGHT || !model.config.tiedHead) return name;
  return [...model.parameters.keys()].find((each) => EMBEDDING.test(each)) ?? name;
}

function parameterShape(model: Pick<CausalLM, 'config' | 'parameters'>, name: string): readonly number[] {
  return model.parameters.get(storedName(model, name))?.shape ?? [];
}

function trainedBiases(
  model: Pick<CausalLM, 'parameters'>,
  { bias }: ResolvedLoraConfig,
  targets: readonly TargetModule[],
): readonly string[] {
  if (bias === 'none') return [];
  if (bias === 'lora_only') return targets.filter(({ module }) => module.bias).map(({ module }) => `${module.name}.bias`);
  return [...model.parameters.keys()].filter((name) => name.endsWith('.bias'));
}

/** Returns the parameters in the modules to save; as in PEFT, any end of a module's name selects it. */
function savedParameters(
  caller: string,
  model: Pick<CausalLM, 'config' | 'parameters'>,
  { modulesToSave }: ResolvedLoraConfig,
): readonly string[] {
  const names = [...model.parameters.keys(), ...(model.config.tiedHead ? [HEAD_WEIGHT] : [])];
  return modulesToSave.flatMap((end) => {
    const found = names.filter((name) => {
      const parts = name.split('.');
      return parts.some((_, depth) => depth > 0 && parts.slice(0, depth).join('.').endsWith(end));
    });
    if (found.length > 0) return found;
    const modules = new Set(names.map((name) => name.slice(0, name.lastIndexOf('.'))));
    const near = nearestNames(end, modules);
    throw new ConfigError(
      `${caller}: modulesToSave must name modules of the model, but '${end}' is the end of none; did you mean ${near.map((name) => `'${name}'`).join(' or ') || 'another'}?`,
    );
  });
}

function groupBy<Item>(items: Iterable<Item>, keyOf: (item: Item) => string): Map<string, [Item, ...Item[]]> {
  const groups = new Map<string, [Item, ...Item[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
