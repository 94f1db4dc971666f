/** The product manifold on which an adapter is trained. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import { euclidean } from '../../manifolds/euclidean.js';
import type { Manifold } from '../../manifolds/manifold.js';
import { type Component, product } from '../../manifolds/product.js';
import type { BlockFactors } from '../../solvers/directions/scaled-blocks.js';
import type { AdapterLayout } from '../adapter/adapter-layout.js';
import type { AdapterPoint } from '../adapter/adapter-point.js';
import type { LoraMethod } from '../methods/lora-method.js';

/** A manifold whose points are the trained arrays of an adapter. */
export type AdapterManifold = Manifold<Tensor, AdapterPoint, AdapterPoint, unknown, unknown>;

/**
 * Returns the product manifold of an adapter: the stacks of adapters, or of weights that are trained themselves, in the
 * method's geometry, one component for each shape; magnitudes and parameters trained whole in flat space.
 */
export function trainingManifold(la: TensorAlgebra, layout: AdapterLayout, method: LoraMethod): AdapterManifold {
  const components: Record<string, Component> = {};
  for (const [name, stacks] of [
    ['pairs', layout.stacks],
    ['weights', layout.weights],
  ] as const) {
    if (stacks.length === 0) continue;
    components[name] = product(
      Object.fromEntries(
        stacks.map(({ key, m, n, rank, targets }) => [
          key,
          method.geometry.manifold({ m, n, rank, batch: [targets.length], algebra: la }, layout),
        ]),
      ),
    );
  }
  if (layout.magnitudes) {
    components.magnitudes = product(
      Object.fromEntries(layout.stacks.map(({ key, m, targets }) => [key, euclidean({ shape: [targets.length, m], algebra: la })])),
    );
  }
  if (layout.parameters.length > 0) {
    components.parameters = product(
      Object.fromEntries(
        layout.parameters.map(({ key, shape, names }) => [key, euclidean({ shape: [names.length, ...shape], algebra: la })]),
      ),
    );
  }
  // The components have the names of a point's members, which the type of a product with variable names cannot express.
  return product(components) as unknown as AdapterManifold;
}

/** Returns a method's rates in the structure of an adapter's point; `undefined` if all parts move at one rate. */
export function blockFactors(layout: AdapterLayout, { rates }: LoraMethod): BlockFactors | undefined {
  if (rates === undefined) return undefined;
  const { A = 1, B = 1, vectors = 1 } = rates;
  const byKey = (stacks: readonly { readonly key: string }[], factors: BlockFactors) =>
    Object.fromEntries(stacks.map(({ key }) => [key, factors]));
  const flat = layout.parameters.filter(({ shape }) => shape.length === 1);
  return {
    ...(layout.stacks.length > 0 ? { pairs: byKey(layout.stacks, { A, B }) } : {}),
    ...(layout.magnitudes ? { magnitudes: byKey(layout.stacks, vectors) } : {}),
    ...(flat.length > 0 ? { parameters: byKey(flat, vectors) } : {}),
  };
}
