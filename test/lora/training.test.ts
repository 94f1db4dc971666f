/** Training of adapters on a small model: steps, state, accumulation, and what happens to data that is not right. */
import { describe, expect, it } from 'vitest';
import { ConfigError, DomainError, linearDecay, NumericalError, sgd } from '../../src/index.js';
import {
  balora,
  createAdapter,
  dora,
  type LoraAdapter,
  type LoraConfig,
  type LoraMethod,
  lora,
  loraPlus,
  olora,
  pissa,
  rslora,
  scaled,
  type TrainerOptions,
  type TrainingStep,
  trainer,
} from '../../src/lora/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { smallBatch, smallModel } from './support/small-model.js';

const methods: readonly LoraMethod[] = [
  lora(),
  rslora(),
  loraPlus(),
  olora(),
  pissa(),
  dora(),
  scaled(),
  balora(),
  balora({ gauge: 'nearest', moments: 'keep', every: 2, start: 1 }),
];

const nextBatch = (k: number) => smallBatch(100 + k);

describe.each(tensorEngines)('on %s', (_name, la) => {
  /** Runs a training to its end. */
  async function train(adapter: LoraAdapter, options: Partial<TrainerOptions> & Pick<TrainerOptions, 'method'>): Promise<TrainingStep[]> {
    const run = trainer(adapter, { nextBatch, steps: 6, learningRate: 0.02, ...options });
    const steps: TrainingStep[] = [];
    for await (const step of run) steps.push(step);
    run.dispose();
    return steps;
  }

  async function numbers(adapter: LoraAdapter): Promise<number[]> {
    const { arrays } = await trainer(adapter, { method: lora(), nextBatch, learningRate: 1 }).state();
    return Object.values(arrays).flatMap(({ data }) => [...data]);
  }

  /** A new adapter on a new model, trained. */
  async function trained(config: LoraConfig, options: Partial<TrainerOptions> & { readonly method: LoraMethod }) {
    const model = smallModel(la);
    const adapter = await createAdapter(model, { method: options.method, rank: 2, alpha: 4, ...config }, { seed: 7 });
    const steps = await train(adapter, options);
    const values = await numbers(adapter);
    adapter.dispose();
    model.dispose();
    return { steps, values };
  }

  it.each(methods.map((method) => [method.name, method] as const))('%s lowers the loss, and leaves no tensor behind', async (_, method) => {
    const before = liveTensors();
    const { steps } = await trained({ bias: 'all', modulesToSave: ['head'] }, { method, nextBatch: () => smallBatch(5), steps: 12 });
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_unused, k) => k + 1));
    expect(steps[11].loss).toBeLessThan(0.95 * steps[0].loss);
    expect(steps[0]).toMatchObject({ tokens: 12, learningRate: 0.02 });
    expect(liveTensors()).toBe(before);
  });

  it.each(methods.map((method) => [method.name, method] as const))('%s goes on bit for bit from a saved state', async (_, method) => {
    const config: LoraConfig = { method, rank: 2, alpha: 4, dropout: 0.3, bias: 'lora_only' };
    const settings = { method, nextBatch, steps: 6, learningRate: linearDecay({ from: 0.05, steps: 6 }), seed: 3, clip: 0.5 };
    const whole = await trained({ dropout: 0.3, bias: 'lora_only' }, settings);
    const model = owned(smallModel(la));
    const first = owned(await createAdapter(model, config, { seed: 7 }));
    const run = owned(trainer(first, settings));
    const steps: TrainingStep[] = [];
    for await (const step of run) {
      steps.push(step);
      if (step.step === 3) break;
    }
    const state = structuredClone(await run.state());
    run.dispose();
    first.dispose();
    const second = owned(await createAdapter(owned(smallModel(la)), config, { seed: 7 }));
    steps.push(...(await train(second, { ...settings, state })));
    expect(steps).toEqual(whole.steps);
    expect(await numbers(second)).toEqual(whole.values);
  });

  describe('gradients are steps', () => {
    /** An adapter on a model whose gradients are counted. */
    async function counted() {
      const model = owned(smallModel(la));
      let gradients = 0;
      const watched: typeof model = {
        ...model,
        lossAndGradient(...given) {
          gradients++;
          return model.lossAndGradient(...given);
        },
      };
      const adapter = owned(await createAdapter(watched, { rank: 2, alpha: 4 }, { seed: 7 }));
      return { adapter, gradients: () => gradients };
    }
    const settings = { method: balora(), learningRate: 0.02, nextBatch };
    const controller = new AbortController();

    it.each<[string, Partial<TrainerOptions>, number]>([
      ['the steps are reached', { steps: 4 }, 4],
      ['there are none', { steps: 0 }, 0],
      ['the data ends', { nextBatch: (k) => (k < 3 ? nextBatch(k) : undefined) }, 3],
      ['it is aborted', { signal: controller.signal }, 2],
      ['a batch is bad', { nextBatch: (k) => (k === 3 ? [] : nextBatch(k)) }, 3],
    ])('where %s', async (_, options, expected) => {
      const { adapter, gradients } = await counted();
      const run = owned(trainer(adapter, { ...settings, ...options }));
      let steps = 0;
      try {
        for await (const { step } of run) {
          steps = step;
          if (options.signal !== undefined && step === 2) controller.abort();
        }
      } catch (error) {
        expect((error as Error).message).toMatch(/^trainer: nextBatch must return a batch/);
      }
      expect([steps, gradients(), (await run.state()).step]).toEqual([expected, expected, expected]);
    });

    it('where it is resumed from the state before the first step and after each', async () => {
      const whole = await trained({}, { method: balora(), steps: 4 });
      const { adapter, gradients } = await counted();
      let state = await trainer(adapter, settings).state();
      expect([state.step, Object.keys(state).includes('learningRate'), state.numbers]).toEqual([0, false, {}]);
      for (let steps = 1; steps <= 4; steps++) {
        const run = trainer(adapter, { ...settings, steps, state });
        for await (const _step of run);
        state = structuredClone(await run.state());
        run.dispose();
      }
      expect(gradients()).toBe(4);
      expect(await numbers(adapter)).toEqual(whole.values);
    });
  });

  it('goes on in the same trainer after a break', async () => {
    const whole = await trained({}, { method: balora() });
    const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2, alpha: 4 }, { seed: 7 }));
    const run = owned(trainer(adapter, { method: balora(), nextBatch, steps: 6, learningRate: 0.02 }));
    for await (const { step } of run) if (step === 2) break;
    for await (const _step of run);
    expect(await numbers(adapter)).toEqual(whole.values);
  });

  it('adds up the gradients of parts by their tokens: two uneven batches are one', async () => {
    const batch = smallBatch(9, 4, 5);
    const [few, many] = [
      { batch: 1, length: 5, inputIds: batch.inputIds.slice(0, 5), labels: batch.labels?.slice(0, 5) ?? new Int32Array() },
      { batch: 3, length: 5, inputIds: batch.inputIds.slice(5), labels: batch.labels?.slice(5) ?? new Int32Array() },
    ];
    few.labels.fill(-100, 0, 3);
    const labels = Int32Array.from([...few.labels, ...many.labels]);
    const one = await trained({}, { method: lora(), nextBatch: () => ({ ...batch, labels }), direction: sgd() });
    const parts = await trained({}, { method: lora(), nextBatch: () => [few, many], direction: sgd() });
    expect(parts.values).toBeAllClose(one.values, 2e-6);
    expect(parts.steps[0].tokens).toBe(one.steps[0].tokens);
    expect(parts.steps.map(({ loss }) => loss)).toBeAllClose(
      one.steps.map(({ loss }) => loss),
      2e-6,
    );
  });

  it('drops inputs out in training only, anew at each step, by its seed', async () => {
    const plain = await trained({}, { method: lora() });
    const [first, same, other] = await Promise.all([1, 1, 2].map((seed) => trained({ dropout: 0.5 }, { method: lora(), seed })));
    expect(first.values).toEqual(same.values);
    expect(first.values).not.toEqual(other.values);
    expect(first.values).not.toEqual(plain.values);
  });

  describe('data that is not right', () => {
    const bad = { labels: smallBatch(1, 3, 5, 5), nan: smallBatch(2) };

    it.each<[string, Partial<TrainerOptions>, new (message: string) => Error, RegExp]>([
      ['a batch without labels', { nextBatch: (k) => (k === 2 ? bad.labels : nextBatch(k)) }, DomainError, /no token of step 3 counts/],
      ['no batch in a list', { nextBatch: (k) => (k === 2 ? [] : nextBatch(k)) }, ConfigError, /batch or a list of batches for step 3/],
      ['a rate that overflows', { learningRate: (k) => (k === 1 ? 1e38 : 0.02), direction: sgd() }, NumericalError, /step 3/],
    ])('%s ends training before anything has moved: the step before stands', async (_, options, kind, message) => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2, alpha: 4 }, { seed: 7 }));
      const run = owned(trainer(adapter, { method: lora(), nextBatch, learningRate: 0.02, steps: 6, ...options }));
      const steps: TrainingStep[] = [];
      const all = async (): Promise<void> => {
        for await (const step of run) steps.push(step);
      };
      await expect(all()).rejects.toThrow(kind);
      await expect(all()).rejects.toThrow(message);
      const { step, arrays } = await run.state();
      expect(step).toBe(2);
      expect(steps.map((one) => one.step)).toEqual([1, 2]);
      for (const { data } of Object.values(arrays)) expect(data.every(Number.isFinite)).toBe(true);
      expect(Object.keys(arrays)).toContain('point.pairs.8x6r2.A');
    });

    it('an adapter that stays zero is an error after the first step', async () => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
      const frozen = owned(trainer(adapter, { method: lora(), nextBatch, learningRate: 1e-50, direction: sgd() }));
      await expect(frozen[Symbol.asyncIterator]().next()).rejects.toThrow(/every adapter is still zero/);
    });

    it('a state of another adapter is refused', async () => {
      const other = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
      const small = await trainer(other, { method: lora(), nextBatch, learningRate: 1 }).state();
      const run = trainer(owned(await createAdapter(owned(smallModel(la)), { rank: 3 })), {
        method: lora(),
        nextBatch,
        learningRate: 1,
        state: small,
      });
      await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(/lacks the array 'point.pairs.8x6r3.A'/);
    });

    it('options that are none are refused', async () => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
      expect(() => trainer(adapter, { method: lora(), nextBatch, learningRate: 1, epochs: 3 } as TrainerOptions)).toThrow(
        /unknown option 'epochs'/,
      );
      expect(() => trainer(adapter, { method: lora as unknown as LoraMethod, nextBatch, learningRate: 1 })).toThrow(
        /method must be a LoRA method/,
      );
      expect(() => trainer(adapter, { method: lora(), nextBatch, learningRate: 0 })).toThrow(ConfigError);
    });
  });

  it('an abort ends the loop after the step', async () => {
    const controller = new AbortController();
    const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
    const steps: number[] = [];
    const run = owned(trainer(adapter, { method: lora(), nextBatch, learningRate: 0.01, signal: controller.signal }));
    for await (const { step } of run) {
      steps.push(step);
      if (step === 2) controller.abort();
    }
    expect(steps).toEqual([1, 2]);
  });
});
