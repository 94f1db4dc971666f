/** Training of adapters on a small model: steps, state, accumulation, and what happens to data that is not right. */
import { describe, expect, it } from 'vitest';
import { ConfigError, DomainError, NumericalError, sgd } from '../../src/index.js';
import {
  balora,
  createAdapter,
  dora,
  type LoraConfig,
  type LoraMethod,
  lora,
  loraPlus,
  loraRite,
  rslora,
  type TrainerOptions,
  type TrainingState,
  type TrainingStep,
  trainer,
} from '../../src/lora/index.js';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { smallBatch, smallModel } from './support/small-model.js';
import { nextBatch, smallTraining } from './support/small-training.js';

describe.each(tensorEngines)('on %s', (_name, la) => {
  const { numbers, trained } = smallTraining(la);

  it.each<[string, Partial<TrainerOptions>, string | RegExp]>([
    ['the steps are done', { steps: 2 }, 'all 2 steps are done'],
    ['the data ends', { nextBatch: (k) => (k < 2 ? nextBatch(k) : undefined) }, /data/],
    ['it is aborted', { signal: { aborted: true, reason: 'enough' } }, /abort.*enough/],
  ])('says why it ends: %s', async (_, options, reason) => {
    const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2, alpha: 4 }));
    const steps = owned(trainer(adapter, { method: balora(), learningRate: 0.02, nextBatch, ...options }))[Symbol.asyncIterator]();
    let next = await steps.next();
    while (next.done !== true) next = await steps.next();
    expect(next.value).toMatch(reason);
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

    it.each<[string, LoraMethod, LoraConfig, string]>([
      ['lora', lora(), {}, 'method balora, and this one has lora'],
      ['rsLoRA', rslora(), {}, 'method balora, and this one has rslora'],
      ['LoRA+', loraPlus(), {}, 'method balora, and this one has lora+'],
      ['LoRA-RITE', loraRite(), {}, 'method balora, and this one has'],
      ['another α', balora(), { alpha: 7 }, 'alpha 4, and this one has 7'],
      ['α by module', balora(), { alphaPattern: { up: 3 } }, 'alphaPattern {}, and this one has {"up":3}'],
      ['dropout', balora(), { dropout: 0.1 }, 'dropout 0, and this one has 0.1'],
    ])('a state of balora is refused by %s', async (_, method, config, message) => {
      const [own, other] = [
        { rank: 2, alpha: 4, method: balora() },
        { rank: 2, alpha: 4, method, ...config },
      ];
      const first = owned(trainer(owned(await createAdapter(owned(smallModel(la)), own)), { nextBatch, learningRate: 0.02, steps: 2 }));
      for await (const _step of first);
      const state = await first.state();
      const run = trainer(owned(await createAdapter(owned(smallModel(la)), other)), { nextBatch, learningRate: 0.02, state });
      await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(`trainer: the saved state is of a training with ${message}`);
    });

    it('nothing is taken of a training that was disposed of', async () => {
      const run = trainer(owned(await createAdapter(owned(smallModel(la)), { rank: 2 })), { nextBatch, learningRate: 0.02, steps: 4 });
      const steps = run[Symbol.asyncIterator]();
      await steps.next();
      await steps.return?.('enough');
      run.dispose();
      await expect(run.state()).rejects.toThrow(/^trainer: state was asked for after dispose/);
      await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(/^trainer: the loop was asked for after dispose/);
    });

    it.each<[string, Partial<TrainerOptions>, RegExp]>([
      ['a learning rate of zero', { learningRate: 0 }, /^trainer: learningRate must be a finite number above 0, got 0/],
      ['a clip below zero', { clip: -1 }, /^trainer: clip must be a finite number above 0, got -1/],
      ['a beta of one', { optimizer: { beta1: 1 } }, /^trainer: optimizer\.beta1 must be a finite number at least 0 and below 1, got 1/],
      ['half a step', { steps: 2.5 }, /^trainer: steps must be a count/],
      ['an option of the optimizer that is none', { optimizer: { momentum: 1 } as never }, /^trainer: unknown option 'momentum'/],
    ])('%s is refused by the name of the trainer', async (_, options, message) => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
      expect(() => trainer(adapter, { method: lora(), nextBatch, learningRate: 1, ...options })).toThrow(message);
    });

    it.each<[string, (state: TrainingState) => unknown, RegExp]>([
      ['nothing', () => null, /^trainer: state must be a saved state, got null/],
      ['no arrays', ({ step }) => ({ step, numbers: {} }), /^trainer: state\.arrays must be a record of arrays/],
      ['a step before the first', (state) => ({ ...state, step: -1 }), /^trainer: state\.step must be a count of steps, got -1/],
      ['a step that is no number', (state) => ({ ...state, step: Number.NaN }), /^trainer: state\.step must be/],
      [
        'arrays that went through JSON',
        (state) => JSON.parse(JSON.stringify(state)),
        /^trainer: state\.arrays\['point\.\S+'\] must be \{ shape, data \}/,
      ],
      [
        'a counter that is infinite',
        (state) => ({ ...state, numbers: { 'direction.step': Number.POSITIVE_INFINITY } }),
        /^trainer: state\.numbers\['direction\.step'\] must be a finite number/,
      ],
    ])('a saved state of %s is refused by the name of the trainer', async (_, spoil, message) => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
      const state = spoil(structuredClone(await trainer(adapter, { nextBatch, learningRate: 1 }).state())) as TrainingState;
      expect(() => trainer(adapter, { nextBatch, learningRate: 1, state })).toThrow(message);
    });

    it('a method with magnitudes is refused for an adapter that has none', async () => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
      expect(() => trainer(adapter, { method: dora(), nextBatch, learningRate: 1 })).toThrow(
        /'dora' trains a magnitude for each row, and the adapter has none/,
      );
    });

    it('a step that breaks down says which, by the name of the trainer', async () => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2, alpha: 4 }));
      const run = owned(trainer(adapter, { method: balora(), nextBatch, learningRate: 1e20, steps: 9 }));
      const all = async (): Promise<void> => {
        for await (const _step of run);
      };
      await expect(all()).rejects.toThrow(/^trainer: /);
    });

    it('a schedule that gives no rate is refused by the name of the trainer', async () => {
      const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2 }));
      const run = owned(trainer(adapter, { method: lora(), nextBatch, learningRate: () => -1 }));
      await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(/^trainer: learningRate gave -1 for step 0/);
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
