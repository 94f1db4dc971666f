/** Training whose steps several processes share: the losses of one process, and the same adapter everywhere. */
import { localCommunicators } from 'bures/distributed';
import { describe, expect, it } from 'vitest';
import { balora, createAdapter, galore, type LoraMethod, lora, loraPlus, stella, trainer } from '../../src/lora/index.js';
import { shareOfStep } from '../../src/lora/training/share-of-step.js';
import type { TokenBatch } from '../../src/models/index.js';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { smallBatch, smallModel } from './support/small-model.js';
import { smallTraining, startOptions } from './support/small-training.js';

/** Two uneven batches a step; some rows have labels of their own number, and some have none. */
function batches(k: number): readonly TokenBatch[] {
  const [few, many] = [smallBatch(500 + k, 2, 4), smallBatch(600 + k, 5, 6, 3)];
  few.labels?.fill(-100, 0, 4);
  return [few, many];
}

describe('shareOfStep', () => {
  it.each([1, 2, 3, 7, 10])('divides all rows among %i processes, each row once and in order', (size) => {
    const shares = Array.from({ length: size }, (_, rank) => shareOfStep(batches(0), { rank, size }));
    const rows = shares.flat().map(({ batch, part, rows }) => ({ part, first: rows?.first ?? 0, count: batch.batch }));
    const seen = rows.flatMap(({ part, first, count }) => Array.from({ length: count }, (_, i) => `${part}:${first + i}`));
    expect(seen).toEqual(['0:0', '0:1', '1:0', '1:1', '1:2', '1:3', '1:4']);
    const counts = shares.map((parts) => parts.reduce((sum, { batch }) => sum + batch.batch, 0));
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    for (const { batch, part, rows } of shares.flat()) {
      const whole = batches(0)[part];
      const from = (rows?.first ?? 0) * whole.length;
      expect(batch.inputIds).toEqual(whole.inputIds.subarray(from, from + batch.batch * whole.length));
      expect(batch.labels).toEqual(whole.labels?.subarray(from, from + batch.batch * whole.length));
    }
  });
});

/** What a run differs in: its adapter, and where it is stopped. */
interface Settings {
  readonly dropout?: number;
  readonly stop?: { readonly rank: number; readonly step: number };
}

describe.each(tensorEngines)('on %s', (_name, la) => {
  const { numbers } = smallTraining(la);

  /** Trains in as many ranks at once, each on a model of its own. */
  async function shared(size: number, method: LoraMethod, { stop, ...config }: Settings = {}) {
    return Promise.all(
      localCommunicators(size).map(async (communicator) => {
        const adapter = owned(
          await createAdapter(
            owned(smallModel(la)),
            { method, rank: 2, ...config, ...(method.name === 'galore' ? {} : { alpha: 4 }) },
            startOptions,
          ),
        );
        const controller = new AbortController();
        const run = owned(
          trainer(adapter, {
            nextBatch: batches,
            steps: 5,
            learningRate: 0.005,
            clip: 1,
            seed: 3,
            signal: controller.signal,
            ...(size === 1 ? {} : { communicator }),
          }),
        );
        const steps: { readonly loss: number; readonly gradientNorm: number; readonly tokens: number }[] = [];
        for await (const { step, loss, gradientNorm, tokens } of run) {
          steps.push({ loss, gradientNorm, tokens });
          if (communicator.rank === stop?.rank && step === stop.step) controller.abort('enough');
        }
        return { steps, values: await numbers(adapter) };
      }),
    );
  }

  it.each<[string, () => LoraMethod, Settings]>([
    ['lora', () => lora(), {}],
    ['lora with dropout', () => lora(), { dropout: 0.4 }],
    ['lora+', () => loraPlus(), {}],
    ['balora', () => balora(), {}],
    ['stella', () => stella(), { dropout: 0.2 }],
    ['galore', () => galore(), {}],
  ])('%s has the losses of one process with 2, 3 and 9', async (_, method, settings) => {
    const [alone] = await shared(1, method(), settings);
    for (const size of [2, 3, 9]) {
      const ranks = await shared(size, method(), settings);
      for (const { steps, values } of ranks) {
        expect(steps.map(({ tokens }) => tokens)).toEqual(alone.steps.map(({ tokens }) => tokens));
        for (const [k, { loss, gradientNorm }] of steps.entries()) {
          expect(Math.abs(loss / alone.steps[k].loss - 1)).toBeLessThan(1e-5);
          expect(Math.abs(gradientNorm / alone.steps[k].gradientNorm - 1)).toBeLessThan(1e-3);
        }
        expect(values).toEqual(ranks[0].values);
      }
    }
  });

  it('stops in the same step everywhere when one process is told to', async () => {
    const ranks = await shared(3, lora(), { stop: { rank: 1, step: 2 } });
    expect(ranks.map(({ steps }) => steps.length)).toEqual([2, 2, 2]);
    for (const { values } of ranks) expect(values).toEqual(ranks[0].values);
  });

  it('throws in all processes what one of them meets', async () => {
    const outcomes = await Promise.allSettled(
      localCommunicators(2).map(async (communicator) => {
        const adapter = owned(await createAdapter(owned(smallModel(la)), { method: lora(), rank: 2, alpha: 4 }, startOptions));
        const nextBatch = (k: number) => {
          if (communicator.rank === 1 && k === 1) throw new Error('no data here');
          return batches(k);
        };
        for await (const _step of owned(trainer(adapter, { nextBatch, steps: 4, learningRate: 0.02, communicator })));
      }),
    );
    expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.message)).toEqual([
      expect.stringMatching(/^process 1: no data here/),
      'no data here',
    ]);
  });
});
