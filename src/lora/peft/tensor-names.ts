/** PEFT's names of an adapter's arrays in adapter_model.safetensors. */
import type { LinearModule } from '../../models/model-overlay.js';
import type { AdapterLayout } from '../adapter/adapter-layout.js';

/** PEFT's prefix of the model's own names. */
const PREFIX = 'base_model.model.';

/** Returns the names of a module's arrays. PEFT's lora_A is this library's B, its lora_B this library's A. */
export function moduleTensorNames({ name, embedding = false }: Pick<LinearModule, 'name' | 'embedding'>) {
  const [lora, end] = embedding ? ['lora_embedding', ''] : ['lora', '.weight'];
  return {
    A: `${PREFIX}${name}.${lora}_B${end}`,
    B: `${PREFIX}${name}.${lora}_A${end}`,
    magnitude: `${PREFIX}${name}.lora_magnitude_vector`,
  } as const;
}

/**
 * Returns the name of one of the model's own parameters. That of an adapted module is one level deeper, in the layer
 * that the adapter wraps.
 */
export function parameterTensorName({ targets }: AdapterLayout, name: string): string {
  const [, module, kind] = /^(.*)\.(bias|weight)$/.exec(name) ?? [];
  const isWrapped = targets.some((target) => target.module.name === module);
  return isWrapped ? `${PREFIX}${module}.base_layer.${kind}` : PREFIX + name;
}

/** Returns the shapes of the tensors in an adapter's file by name, in the order in which they are written. */
export function expectedTensors(layout: AdapterLayout): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const { module, rank } of layout.targets) {
    const names = moduleTensorNames(module);
    shapes.set(names.B, [rank, module.inFeatures]);
    shapes.set(names.A, [module.outFeatures, rank]);
    if (layout.magnitudes) shapes.set(names.magnitude, [module.outFeatures]);
  }
  for (const { names, shape } of layout.parameters) for (const name of names) shapes.set(parameterTensorName(layout, name), shape);
  return shapes;
}
