/** Starts and directions that a configuration names, with their options. */
import { describe, expect, it } from 'vitest';
import { finetuneSchema } from '../../src/cli/config/finetune-config.js';
import { methodOf } from '../../src/cli/training/training-plan.js';

const config = (keys: object) => finetuneSchema.parse({ model: 'm', data: 'd', method: 'balora', ...keys });

describe('parts of a method', () => {
  it('have their own options', () => {
    const method = methodOf(
      config({ start: 'lora-ga', startOptions: { batches: 3, gamma: 4 }, direction: 'loro', directionOptions: { refresh: 7 } }),
    );
    expect(method.start).toMatchObject({ name: 'lora-ga', gradientBatches: 3 });
    expect(method.direction.name).toBe('loro');
    expect(method.geometry.name).toBe('balanced factors, Bures metric');
  });

  it.each([
    [{ start: 'lora-gaa' }, /^finetune: start must be one of .*did you mean 'lora-ga'\?/],
    [{ start: 'lora-ga', startOptions: { batch: 3 } }, /^finetune: startOptions: loraGa: unknown option 'batch'/],
    [{ start: 'pissa', startOptions: { batches: 3 } }, /^finetune: startOptions: pissa: unknown option 'batches'/],
    [{ startOptions: { batches: 3 } }, /startOptions belong to the start that the key 'start' names, but it names none; add that key/],
    [{ direction: 'reflora', directionOptions: { warmup: 0.5 } }, /^finetune: directionOptions: reflora: warmup must be a count/],
    [{ directionOptions: {} }, /directionOptions belong to the direction/],
  ])('%j is refused by its key', (keys, message) => {
    expect(() => methodOf(config(keys))).toThrow(message);
  });
});
