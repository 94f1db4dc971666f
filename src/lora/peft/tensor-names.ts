/** What PEFT calls an adapter's arrays in adapter_model.safetensors. */
import type { AdapterLayout } from '../adapter/adapter-layout.js';

/** Before every name of the model's own. */
const PREFIX = 'base_model.model.';

/** The arrays of a module. PEFT's lora_A is this library's B, its lora_B this library's A. */
export const moduleTensorNames = (module: string) =>
  ({
    A: `${PREFIX}${module}.lora_B.weight`,
    B: `${PREFIX}${module}.lora_A.weight`,
    magnitude: `${PREFIX}${module}.lora_magnitude_vector`,
  }) as const;

/** A parameter of the model itself: the bias of an adapted module lies one deeper, in the layer that the adapter wraps. */
export function parameterTensorName({ targets }: AdapterLayout, name: string): string {
  const wrapped = targets.find(({ module }) => name === `${module.name}.bias`);
  return wrapped === undefined ? PREFIX + name : `${PREFIX}${wrapped.module.name}.base_layer.bias`;
}

/** What the file of an adapter holds: shapes by name, in the order in which they are written. */
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
