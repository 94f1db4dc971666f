/** Looking for adapters that are not trained. */
import { NumericalError } from '../../core/errors.js';
import { stackPair } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';

/**
 * The modules whose A (PEFT's lora_B) is still zero after a step: no gradient reaches them.
 *
 * @throws NumericalError if none is trained at all.
 */
export async function inactiveModules({ model, layout, point }: LoraAdapter): Promise<readonly string[]> {
  const norms = await Promise.all(
    layout.stacks.map(async ({ key, targets }) => {
      const each = model.algebra.tidy(() => model.algebra.normEach(stackPair(model.algebra, layout, point.pairs[key]).A));
      const values = await model.algebra.toArray(each);
      each.dispose();
      return targets.filter((_, i) => values[i] === 0).map(({ module }) => module.name);
    }),
  );
  const inactive = norms.flat();
  if (inactive.length === layout.targets.length) {
    throw new NumericalError(
      'trainer: after the first step every adapter is still zero, so no gradient reaches them; check that the labels are not all alike masked, and that the learning rate is not zero',
    );
  }
  return inactive;
}
