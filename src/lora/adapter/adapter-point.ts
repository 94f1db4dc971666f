/** All trained arrays of an adapter as one point of a product manifold, and in parts for a model's overlay. */
import { stack, type Tensor, unstack } from '@tensorflow/tfjs-core';
import { forEachLeaf } from '../../core/tree.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { StackArrays } from '../methods/lora-method.js';
import type { TargetModule } from '../targets/target-modules.js';
import type { AdapterLayout } from './adapter-layout.js';

/** Arrays by the key of their stack. A gradient and an optimizer's moments have the same structure. */
export type AdapterPoint = {
  /**
   * The factors of ΔW = s·A·B, A [k, m, r] (PEFT's lora_B) and B [k, r, n] (its lora_A), or the arrays of a geometry
   * with coordinates of its own ({@link AdapterLayout.coordinates}). Absent if the weights themselves are trained.
   */
  readonly pairs?: Readonly<Record<string, StackArrays>>;
  /** The weights of target modules, { weight: [k, m, n] } as they are stored, if these are trained themselves. */
  readonly weights?: Readonly<Record<string, StackArrays>>;
  /** DoRA's magnitudes [k, m], if there are any. */
  readonly magnitudes?: Readonly<Record<string, Tensor>>;
  /** The model's own parameters [k, …shape], if any are trained whole. */
  readonly parameters?: Readonly<Record<string, Tensor>>;
};

/** Factor pairs by the key of their stack. */
export type StackPairs = Readonly<Record<string, FactorPair<Tensor>>>;

/** The arrays of one adapter: A [m, r], B [r, n], and its magnitudes [m] with DoRA. */
export type ModuleArrays = {
  /** A [m, r], PEFT's lora_B. */
  readonly A: Tensor;
  /** B [r, n], PEFT's lora_A. */
  readonly B: Tensor;
  /** DoRA's lengths of the rows, [m]. */
  readonly magnitude?: Tensor;
};

/** The parts of a point. */
export interface AdapterParts {
  /** Arrays by module; empty if the weights themselves are trained. */
  readonly modules: ReadonlyMap<string, ModuleArrays>;
  /** Arrays by name: trained weights, biases and modules to save. */
  readonly parameters: ReadonlyMap<string, Tensor>;
}

/** Returns the factor pair of a stack, in the current scope if the geometry has coordinates of its own. */
export function stackPair(la: TensorAlgebra, { coordinates }: AdapterLayout, stack: StackArrays): FactorPair<Tensor> {
  return coordinates === undefined ? { A: stack.A, B: stack.B } : coordinates.toPair(la, stack);
}

/** Returns the slices of a point's stacks, as copies. Three launches per stack. */
export function takeApart(la: TensorAlgebra, layout: AdapterLayout, point: AdapterPoint): AdapterParts {
  const modules = new Map<string, ModuleArrays>();
  for (const { key, targets } of layout.stacks) {
    const pair = stackPair(la, layout, stackArrays(point, key));
    const [As, Bs] = [unstack(pair.A), unstack(pair.B)];
    const magnitudes = point.magnitudes === undefined ? undefined : unstack(point.magnitudes[key]);
    for (const [i, { module }] of targets.entries()) {
      modules.set(module.name, { A: As[i], B: Bs[i], ...(magnitudes === undefined ? {} : { magnitude: magnitudes[i] }) });
    }
  }
  const parameters = new Map<string, Tensor>();
  for (const { key, targets } of layout.weights) {
    const values = present(point.weights?.[key]?.weight, `weights.${key}`);
    for (const [i, value] of unstack(values).entries()) parameters.set(`${targets[i].module.name}.weight`, value);
  }
  for (const { key, names } of layout.parameters) {
    const values = point.parameters?.[key];
    if (values === undefined) continue;
    for (const [i, value] of unstack(values).entries()) parameters.set(names[i], value);
  }
  return { modules, parameters };
}

/** Returns the arrays of a stack of adapters, which must exist. */
export function stackArrays({ pairs }: AdapterPoint, key: string): StackArrays {
  const arrays = pairs?.[key];
  if (arrays === undefined) throw new TypeError(`stackArrays: no stack ${key}`);
  return arrays;
}

/**
 * Stacks parts by shape: the inverse of {@link takeApart}. The stacks are factor pairs, or derivatives with respect to
 * them.
 *
 * @param parts - arrays of every module and parameter of the layout.
 */
export function putTogether(layout: AdapterLayout, parts: AdapterParts): AdapterPoint {
  const stacked = (member: keyof ModuleArrays) =>
    layout.stacks.map(({ key, targets }) => [key, stack(targets.map(({ module }) => arrayOf(parts, module.name, member)))] as const);
  const [As, Bs] = [Object.fromEntries(stacked('A')), Object.fromEntries(stacked('B'))];
  const parameters = (names: readonly string[]) => stack(names.map((name) => present(parts.parameters.get(name), name)));
  const weights = layout.weights.map(
    ({ key, targets }) => [key, { weight: parameters(targets.map(({ module }) => `${module.name}.weight`)) }] as const,
  );
  return {
    ...(layout.stacks.length === 0 ? {} : { pairs: Object.fromEntries(layout.stacks.map(({ key }) => [key, { A: As[key], B: Bs[key] }])) }),
    ...(weights.length === 0 ? {} : { weights: Object.fromEntries(weights) }),
    ...(layout.magnitudes ? { magnitudes: Object.fromEntries(stacked('magnitude')) } : {}),
    ...(layout.parameters.length === 0
      ? {}
      : { parameters: Object.fromEntries(layout.parameters.map(({ key, names }) => [key, parameters(names)])) }),
  };
}

/** Stacks the factors alone by shape. */
export function stackPairs(layout: AdapterLayout, factors: ReadonlyMap<string, ModuleArrays>): StackPairs {
  const { pairs = {} } = putTogether(
    { ...layout, weights: [], magnitudes: false, parameters: [] },
    { modules: factors, parameters: new Map() },
  );
  return pairs as unknown as StackPairs;
}

/** Converts a point whose stacks are factor pairs to the coordinates of its geometry. */
export function inCoordinates(la: TensorAlgebra, { coordinates }: AdapterLayout, point: AdapterPoint): AdapterPoint {
  if (coordinates === undefined) return point;
  const pairs = point.pairs as unknown as StackPairs;
  return { ...point, pairs: Object.fromEntries(Object.entries(pairs).map(([key, pair]) => [key, coordinates.fromPair(la, pair)])) };
}

/** Converts a derivative with respect to factor pairs to one with respect to the coordinates of the geometry. */
export function pullBack(la: TensorAlgebra, { coordinates }: AdapterLayout, x: AdapterPoint, derivative: AdapterPoint): AdapterPoint {
  if (coordinates === undefined) return derivative;
  const pairs = derivative.pairs as unknown as StackPairs;
  const pulled = Object.entries(pairs).map(([key, pair]) => [key, coordinates.pullBack(la, stackArrays(x, key), pair)] as const);
  return { ...derivative, pairs: Object.fromEntries(pulled) };
}

/** Returns the arrays of a module, which must exist. */
export function arraysOf(modules: ReadonlyMap<string, ModuleArrays>, { module }: TargetModule): ModuleArrays {
  const arrays = modules.get(module.name);
  if (arrays === undefined) throw new TypeError(`arraysOf: no arrays for ${module.name}`);
  return arrays;
}

/** Exempts all arrays of a tree from the surrounding scopes. */
export function keepArrays(la: TensorAlgebra, tree: unknown): void {
  forEachLeaf<Tensor>(la, tree, (array) => {
    la.keep(array);
  });
}

/** Frees all arrays of a tree. */
export function disposeArrays(la: TensorAlgebra, tree: unknown): void {
  forEachLeaf<Tensor>(la, tree, (array) => la.dispose(array));
}

function arrayOf(parts: AdapterParts, module: string, member: keyof ModuleArrays): Tensor {
  return present(parts.modules.get(module)?.[member], `${module}.${member}`);
}

function present(array: Tensor | undefined, name: string): Tensor {
  if (array === undefined) throw new TypeError(`putTogether: no array for ${name}`);
  return array;
}
