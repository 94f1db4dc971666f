/** The product manifold that an adapter is trained on. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import { euclidean } from '../../manifolds/euclidean.js';
import type { Manifold } from '../../manifolds/manifold.js';
import { type Component, product } from '../../manifolds/product.js';
import type { AdapterLayout } from '../adapter/adapter-layout.js';
import type { AdapterPoint } from '../adapter/adapter-point.js';
import type { LoraMethod } from '../methods/lora-method.js';

/** A manifold of adapters. */
export type AdapterManifold = Manifold<Tensor, AdapterPoint, AdapterPoint, unknown, unknown>;

/**
 * The stacks of factor pairs in the method's geometry, one component a shape; magnitudes and parameters trained whole in flat space.
 */
export function trainingManifold(la: TensorAlgebra, layout: AdapterLayout, method: LoraMethod): AdapterManifold {
  const components: Record<string, Component> = {
    pairs: product(
      Object.fromEntries(
        layout.stacks.map(({ key, m, n, rank, targets }) => [key, method.geometry({ m, n, rank, batch: [targets.length], algebra: la })]),
      ),
    ),
  };
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
  // The components are named as the members of a point, which the type of a product of components by variable names cannot say.
  return product(components) as unknown as AdapterManifold;
}
