/** How a model's adapters are laid out in memory: those of one shape are one stack, one component of the product manifold that is trained on. */
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import type { CausalLM } from '../../models/causal-lm.js';
import type { PairCoordinates } from '../methods/lora-method.js';
import { type TargetModule, type TargetOptions, targetModules } from '../targets/target-modules.js';
import type { ResolvedLoraConfig } from './lora-config.js';

/** The adapters of one shape, m×r and r×n each: arrays [k, m, r] and [k, r, n]. */
export interface AdapterStack {
  /** Its name in an {@link AdapterPoint}, such as `'64x32r4'`. */
  readonly key: string;
  /** Outputs. */
  readonly m: number;
  /** Inputs. */
  readonly n: number;
  /** r. */
  readonly rank: number;
  /** In order of their place on the first axis. */
  readonly targets: readonly TargetModule[];
}

/** Parameters of the model itself of one shape, trained whole: an array [k, …shape]. */
export interface ParameterStack {
  /** Its name in an {@link AdapterPoint}, such as `'64'` or `'384x64'`. */
  readonly key: string;
  /** Of one parameter. */
  readonly shape: readonly number[];
  /** In order of their place on the first axis. */
  readonly names: readonly string[];
}

/** All that is trained, by shape. */
export interface AdapterLayout {
  /** The modules with adapters, in the model's order. */
  readonly targets: readonly TargetModule[];
  /** Their stacks. */
  readonly stacks: readonly AdapterStack[];
  /** Whether each adapter has a vector of magnitudes, m long. */
  readonly magnitudes: boolean;
  /** The coordinates in which stacks are held, where they are no factor pairs. */
  readonly coordinates?: PairCoordinates;
  /** Biases and modules trained whole. */
  readonly parameters: readonly ParameterStack[];
}

/**
 * Lays out the adapters that a configuration asks for.
 *
 * @throws ConfigError if targets, biases or modules to save are not in the model.
 */
export function layOutAdapter(
  caller: string,
  model: Pick<CausalLM, 'config' | 'linearModules' | 'parameters'>,
  config: ResolvedLoraConfig,
  options: TargetOptions = {},
): AdapterLayout {
  const targets = targetModules(caller, config, model.linearModules.values(), options);
  const names = new Set([...trainedBiases(model, config, targets), ...savedParameters(caller, model, config)]);
  return {
    targets,
    magnitudes: config.magnitudes,
    stacks: [...groupBy(targets, ({ module, rank }) => `${module.outFeatures}x${module.inFeatures}r${rank}`)].map(([key, members]) => {
      const [{ module, rank }] = members;
      return { key, m: module.outFeatures, n: module.inFeatures, rank, targets: members };
    }),
    parameters: [...groupBy(names, (name) => parameterShape(model, name).join('x'))].map(([key, members]) => ({
      key,
      shape: parameterShape(model, members[0]),
      names: members,
    })),
  };
}

/** The tied head's own weight, as PEFT calls it. */
export const HEAD_WEIGHT = 'lm_head.weight';
const EMBEDDINGS = ['model.embed_tokens.weight', 'transformer.wte.weight'];

/** The parameter that holds the values of a name: a tied head has those of the embedding. */
export function storedName(model: Pick<CausalLM, 'config' | 'parameters'>, name: string): string {
  if (model.parameters.has(name) || name !== HEAD_WEIGHT || !model.config.tiedHead) return name;
  return EMBEDDINGS.find((embedding) => model.parameters.has(embedding)) ?? name;
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

/** The parameters of the modules to save and of those inside them; as in PEFT, a module is meant by any end of its name. */
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
