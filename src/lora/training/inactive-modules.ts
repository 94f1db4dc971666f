import type { Tensor } from '@tensorflow/tfjs-core';
import { NumericalError } from '../../core/errors.js';
import { takeApart } from '../adapter/adapter-point.js';
import { weightOf } from '../adapter/base-weights.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';

/**
 * Finds the modules that no gradient reaches: after a step their A (PEFT's lora_B) is still zero or, if the weights
 * themselves are trained, the weight has not changed.
 *
 * @throws NumericalError if no module is trained at all.
 */
export async function inactiveModules(adapter: LoraAdapter): Promise<readonly string[]> {
  const { layout } = adapter;
  const inactive = [...(await stillZero(adapter)), ...(await unchanged(adapter))];
  if (inactive.length === layout.targets.length) {
    const still = layout.weights.length > 0 ? 'weight is what it was' : 'adapter is still zero';
    throw new NumericalError(
      `trainer: after the first step every ${still}, so no gradient reaches them; check that the labels are not all alike masked, and that the learning rate is not zero`,
    );
  }
  return inactive;
}

async function stillZero(adapter: LoraAdapter): Promise<readonly string[]> {
  const { model, layout } = adapter;
  const norms = await Promise.all(
    layout.stacks.map(async ({ key, targets }) => {
      const each = model.algebra.tidy(() => model.algebra.normEach(adapter.pair(key).A));
      const values = await model.algebra.toArray(each);
      each.dispose();
      return targets.filter((_, i) => values[i] === 0).map(({ module }) => module.name);
    }),
  );
  return norms.flat();
}

async function unchanged({ model, layout, point }: LoraAdapter): Promise<readonly string[]> {
  const la = model.algebra;
  return la.tidy(async () => {
    if (layout.weights.length === 0) return [];
    const { parameters } = takeApart(la, layout, point);
    const names: string[] = [];
    for (const target of layout.targets) {
      const { name } = target.module;
      const change = await la.tidy(() => la.norm(la.subtract(parameters.get(`${name}.weight`) as Tensor, weightOf(model, target))));
      if (change === 0) names.push(name);
    }
    return names;
  });
}
