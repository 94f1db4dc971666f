/**
 * Every method, and BaLoRA with every start and every direction, from createAdapter through the trainer: the loss
 * falls, nothing is left, and a saved state goes on to the bit.
 */
import { describe, expect, it } from 'vitest';
import { ConfigError, linearDecay } from '../../src/index.js';
import {
  balora,
  createAdapter,
  type LoraConfig,
  type LoraMethod,
  loraDirections,
  loraMethods,
  loraStarts,
  loro,
  reflora,
  type TrainingStep,
  trainer,
} from '../../src/lora/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { smallBatch, smallModel } from './support/small-model.js';
import { nextBatch, smallTraining, startOptions } from './support/small-training.js';

/** What is trained besides the factors, or done to them. */
const extras: Readonly<Record<string, LoraConfig | { readonly magnitudes: true }>> = {
  bias: { bias: 'all' },
  modulesToSave: { modulesToSave: ['head'] },
  dropout: { dropout: 0.3 },
  magnitudes: { magnitudes: true },
};

/** Which of {@link extras} a method refuses. A method that can be combined with all of them is not named. */
const refused: Readonly<Record<string, readonly string[]>> = { galore: ['dropout', 'magnitudes'] };

type Named = readonly [string, LoraMethod];
const methods: readonly Named[] = Object.entries(loraMethods).map(([name, make]) => [name, make()]);
/** Schedules that change between the steps where a state is saved and the end. */
const variants: readonly Named[] = [
  ['balora, nearest gauge, every second step from the second on', balora({ gauge: 'nearest', moments: 'keep', every: 2, start: 1 })],
  ['reflora after four plain steps', reflora({ warmup: 4 })],
  ['loro, every fifth step exact', loro({ every: 5, refresh: 5 })],
  ['reflora, scalar form', reflora({ form: 'scalar' })],
];
/** Starts and directions of pairs: what moves weights themselves has no balanced factors. */
const [starts, directions] = [
  Object.keys(loraStarts).filter((name) => loraStarts[name].trains !== 'weights'),
  Object.keys(loraDirections).filter((name) => loraDirections[name].needsWeights !== true),
];
const combinations: readonly Named[] = starts.flatMap((start) =>
  directions.map(
    (direction): Named => [
      `balora, start ${start}, direction ${direction}`,
      { ...balora(), start: loraStarts[start], direction: loraDirections[direction] },
    ],
  ),
);

/** α of the tests: weights that are trained themselves have none of their own, and take that of their rank. */
const alphaOf = ({ geometry }: LoraMethod): number => (geometry.trains === 'weights' ? 2 : 4);

/** Rates at which twelve steps lower the loss: those of AdamW serve the rules that scale gradients away. */
const RATES: Readonly<Record<string, number>> = { sgd: 0.2, momentum: 0.05 };
const rateOf = ({ direction }: LoraMethod): number => RATES[direction.name] ?? 0.02;

/** A configuration with every extra that the method takes, those named in `only`. */
function withExtras(method: LoraMethod, only = Object.keys(extras)): LoraConfig & { readonly method: LoraMethod } {
  const taken = only.filter((key) => key !== 'magnitudes' && !(refused[method.name] ?? []).includes(key));
  const magnitudes = method.magnitudes || (only.includes('magnitudes') && !(refused[method.name] ?? []).includes('magnitudes'));
  return Object.assign({ method: { ...method, magnitudes }, rank: 2, alpha: alphaOf(method) }, ...taken.map((key) => extras[key]));
}

describe.each(tensorEngines)('on %s', (_name, la) => {
  const { train, numbers, trained } = smallTraining(la);

  /** Twelve steps on one batch. */
  async function expectProgress(config: LoraConfig, method: LoraMethod): Promise<void> {
    const before = liveTensors();
    const learningRate = rateOf(method);
    const { steps } = await trained(config, { nextBatch: () => smallBatch(5), steps: 12, learningRate, method });
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_unused, k) => k + 1));
    expect(steps[11].loss).toBeLessThan(0.95 * steps[0].loss);
    expect(steps[0]).toMatchObject({ tokens: 12, learningRate });
    expect(liveTensors()).toBe(before);
  }

  it.each([...methods, ...variants])('%s lowers the loss, and leaves no tensor behind', async (_, method) => {
    await expectProgress({ alpha: alphaOf(method) }, method);
  });

  const trainedBesides = ['bias', 'modulesToSave', 'magnitudes'];
  it.each([...methods, ...variants, ...combinations])('%s does so with all else that can be trained', async (_, own) => {
    const { method, ...config } = withExtras(own, trainedBesides);
    await expectProgress(config, method);
  });

  it.each([...methods, ...variants, ...combinations])('%s goes on bit for bit from a saved state', async (_, own) => {
    const { method, ...config } = withExtras(own);
    const settings = { method, nextBatch, learningRate: linearDecay({ from: 2 * rateOf(own), steps: 6 }), seed: 3, clip: 0.5 };
    const whole = await trained(config, settings);
    const first = owned(await createAdapter(owned(smallModel(la)), { method, ...config }, startOptions));
    const run = owned(trainer(first, { ...settings, steps: 6 }));
    const steps: TrainingStep[] = [];
    for await (const step of run) {
      steps.push(step);
      if (step.step === 3) break;
    }
    const state = structuredClone(await run.state());
    run.dispose();
    first.dispose();
    const second = owned(await createAdapter(owned(smallModel(la)), { method, ...config }, startOptions));
    steps.push(...(await train(second, { ...settings, state })));
    expect(steps).toEqual(whole.steps);
    expect(await numbers(second)).toEqual(whole.values);
  });

  it.each(starts.filter((name) => loraStarts[name].changesBase))(
    '%s: a saved state goes on with the base that it began with, whatever the start draws now',
    async (name) => {
      const method = { ...balora(), start: loraStarts[name] };
      const settings = { method, nextBatch, learningRate: 0.02, steps: 6 };
      const whole = await trained({ method }, settings);
      const first = owned(await createAdapter(owned(smallModel(la)), { method, rank: 2, alpha: 4 }, startOptions));
      const run = owned(trainer(first, settings));
      for await (const { step } of run) if (step === 3) break;
      const state = structuredClone(await run.state());
      const model = owned(smallModel(la));
      const before = la.tidy(() => model.logits(smallBatch(3)).dataSync());
      const others = { seed: 8, batches: startOptions.batches?.map((_, k) => smallBatch(900 + k)) ?? [] };
      const second = await createAdapter(model, { method, rank: 2, alpha: 4 }, others);
      const rest = await train(second, { ...settings, state });
      for (const [k, { loss }] of rest.entries()) expect(loss).toBeCloseTo(whole.steps[3 + k].loss, 4);
      second.dispose();
      expect(la.tidy(() => model.logits(smallBatch(3)).dataSync())).toBeAllClose(before, 1e-4);
    },
  );

  it('a state whose start left the base alone is refused by an adapter whose start does not', async () => {
    const settings = { nextBatch, learningRate: 0.02, steps: 2 };
    const plain = owned(await createAdapter(owned(smallModel(la)), { rank: 2, alpha: 4 }));
    const reduced = owned(await createAdapter(owned(smallModel(la)), { method: reflora(), rank: 2, alpha: 4 }));
    const saved = await Promise.all([plain, reduced].map((adapter) => owned(trainer(adapter, settings)).state()));
    await expect(train(plain, { ...settings, state: saved[1] })).rejects.toThrow(/^trainer: the saved state is of a training with/);
    // As earlier versions saved them.
    const states = saved.map(({ configuration: _, ...state }) => state);
    await expect(train(plain, { ...settings, state: states[1] })).rejects.toThrow(/'taken\.\S+', but this adapter's start leaves the base/);
    await expect(train(reduced, { ...settings, state: states[0] })).rejects.toThrow(/lacks the array 'taken\./);
  });

  it('a start that would drown the weight in the product that it takes out is refused, and leaves the model alone', async () => {
    const model = owned(smallModel(la));
    const before = la.tidy(() => model.logits(smallBatch(3)).dataSync());
    const made = createAdapter(model, { method: reflora(), rank: 2, alpha: 1e8 });
    await expect(made).rejects.toThrow(/^createAdapter: the start 'compensated' would take a product of norm .* lower alpha/);
    expect(la.tidy(() => model.logits(smallBatch(3)).dataSync())).toEqual(before);
  });

  it.each(['scaled', 'loro'])('%s takes no rule that computes with the factors, and says why', async (name) => {
    const model = owned(smallModel(la));
    for (const direction of directions) {
      const made = createAdapter(
        model,
        { method: { ...loraMethods[name](), direction: loraDirections[direction] }, rank: 2 },
        startOptions,
      );
      if (loraDirections[direction].needsPairs === true)
        await expect(made, direction).rejects.toThrow(/cannot be combined with 'factors, .*', whose/);
      else owned(await made);
    }
  });

  it.each(starts)('balora with the start %s takes the large scale only where the product is zero', async (name) => {
    const method = { ...balora(), start: loraStarts[name] };
    const { config, point } = owned(await createAdapter(owned(smallModel(la)), { method, rank: 2 }, startOptions));
    const zero = Object.values(point.pairs ?? {}).every(({ A }) => A.dataSync().every((value) => value === 0));
    expect(config.alpha).toBe(zero ? 256 : 32);
  });

  it.each(Object.keys(loraMethods))('%s refuses a rank for which a module has no room, before it makes anything of it', async (name) => {
    const model = owned(smallModel(la));
    for (const rank of [7, 1e9])
      await expect(createAdapter(model, { method: loraMethods[name](), rank }, startOptions)).rejects.toThrow(
        new RegExp(`^createAdapter: rank must be at most 6 for 'layers\\.0\\.up', whose weight is 8×6, got ${rank}`),
      );
  });

  it.each(Object.entries(refused))('%s says what it cannot be combined with', async (name, keys) => {
    const model = owned(smallModel(la));
    for (const key of keys) {
      const method = { ...loraMethods[name](), ...(key === 'magnitudes' && { magnitudes: true }) };
      const config = { method, rank: 2, ...(key === 'magnitudes' ? {} : extras[key]) };
      const refusal = createAdapter(model, config, startOptions);
      await expect(refusal, key).rejects.toThrow(ConfigError);
      await expect(refusal, key).rejects.toThrow(new RegExp(key));
    }
  });
});
