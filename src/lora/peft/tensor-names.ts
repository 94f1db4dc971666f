/** PEFT's names of an adapter's arrays in adapter_model.safetensors. */
import type { AdapterLayout } from '../adapter/adapter-layout.js';

/** PEFT's prefix of the model's own names. */
const PREFIX = 'base_model.model.';

/** Returns the names of a module's arrays. PEFT's lora_A is this library's B, its lora_B this library's A. */
export const moduleTensorNames = (module: string) =>
  ({
    A: `${PREFIX}${module}.lora_B.weight`,
    B: `${PREFIX}${module}.lora_A.weight`,
    magnitude: `${PREFIX}${module}.lora_magnitude_vector`,
  }) as const;

/**
 * Returns the name of one of the model's own parameters. The bias of an adapted module is one level deeper, in the
 * layer that the adapter wraps.
 */
export function parameterTensorName({ targets }: AdapterLayout, name: string): string {
  const wrapped = targets.find(({ module }) => name === `${module.name}.bias`);
  return wrapped === undefined ? PREFIX + name : `${PREFIX}${wrapped.module.name}.base_layer.bias`;
}

/** Returns the shapes of the tensors in an adapter's file by name, in the order in which they are written. */
export function expectedTensors(layout: AdapterLayout): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const { module, rank } of layout.targets) {
    const names = moduleTensorNames(module.name);
    shapes.set(names.B, [rank, module.inFeatures]);
    shapes.set(names.A, [module.outFeatures, rank]);
    if (layout.magnitudes) shapes.set(names.magnitude, [module.outFeatures]);
  }
  for (const { names, shape } of layout.parameters) for (const name of names) shapes.set(parameterTensorName(layout, name), shape);
  return shapes;
}
