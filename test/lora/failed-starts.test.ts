/** Adapters and mergings that cannot be: the error says why, and model and memory are as they were. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BackendError, NumericalError, scaleTree } from '../../src/index.js';
import { createAdapter, type LoraInitialization, loadAdapter, mergeAdapter, saveAdapter } from '../../src/lora/index.js';
import type { CausalLM } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { tolerance } from '../support/tolerance.js';
import { smallModel } from './support/small-model.js';

afterEach(() => void vi.restoreAllMocks());

const weight = 'layers.1.up.weight';

describe.each(tensorEngines)('on %s', (_name, la) => {
  const weightsOf = (model: CausalLM): number[] => [...model.parameters.keys()].flatMap((name) => [...model.parameter(name).dataSync()]);

  /** Puts a number into a weight of a model. */
  function spoil(model: CausalLM, at: number, value: number): void {
    const values = model.parameter(weight).dataSync().slice() as Float32Array;
    values[at] = value;
    model.replaceParameter(weight, la.keep(la.fromArray(values, model.parameters.get(weight)?.shape ?? [])));
  }

  // OLoRA factors the first two columns only; entry 5 is in the last.
  const starts: readonly (readonly [LoraInitialization, number, number])[] = [
    ['pissa', 5, Number.NaN],
    ['pissa', 0, Number.POSITIVE_INFINITY],
    ['olora', 0, Number.NaN],
    ['olora', 5, Number.NaN],
    ['olora', 5, Number.NEGATIVE_INFINITY],
  ];
  it.each(starts)('%s names the weight whose entry %d is %d', async (initialization, at, value) => {
    const sound = owned(smallModel(la));
    const folder = mkdtempSync(path.join(tmpdir(), 'bures-starts-'));
    await saveAdapter(owned(createAdapter(sound, { rank: 2 })), folder, { baseModel: 'small' });
    // As PEFT saves an adapter that is not portable.
    const configFile = path.join(folder, 'adapter_config.json');
    const config = JSON.parse(readFileSync(configFile, 'utf8')) as object;
    writeFileSync(configFile, JSON.stringify({ ...config, init_lora_weights: initialization }));
    const model = owned(smallModel(la));
    spoil(model, at, value);
    const [before, tensors] = [weightsOf(model), liveTensors()];
    const named = (caller: string): string =>
      `${caller}: the start '${initialization}' cannot be computed: the weight '${weight}' [8, 6] of the base model holds ${value} (entry ${at}), `;
    expect(() => createAdapter(model, { rank: 2, initialization })).toThrow(NumericalError);
    expect(() => createAdapter(model, { rank: 2, initialization })).toThrow(named('createAdapter'));
    await expect(loadAdapter(model, folder)).rejects.toThrow(named('loadAdapter'));
    rmSync(folder, { recursive: true });
    expect(weightsOf(model)).toEqual(before);
    expect(liveTensors()).toBe(tensors);
  });

  it.each<LoraInitialization>(['kaiming', 'pissa', 'olora'])(
    '%s that fails at any allocation leaves the base as it was',
    (initialization) => {
      const model = owned(smallModel(la));
      const [before, tensors] = [weightsOf(model), liveTensors()];
      const config = { rank: 2, initialization, useDora: true, modulesToSave: ['head'] };
      const exchange = model.replaceParameter.bind(model);
      const replaced = vi.spyOn(model, 'replaceParameter');
      createAdapter(model, config).dispose();
      const exchanges = replaced.mock.calls.length / 2;
      expect(exchanges).toBe(initialization === 'kaiming' ? 0 : 4);
      for (let failing = 0; failing < exchanges; failing++) {
        let calls = 0;
        replaced.mockImplementation((name, value) => {
          if (calls++ !== failing) return exchange(name, value);
          value.dispose();
          throw new BackendError('wasm: expected room');
        });
        expect(() => createAdapter(model, config)).toThrow('wasm: expected room');
        expect(calls).toBe(2 * failing + 1);
        replaced.mockImplementation(exchange);
        expect(weightsOf(model)).toBeAllClose(before, tolerance(la, 100));
        expect(liveTensors()).toBe(tensors);
      }
      // After the base was changed, where the rest of the adapter is put together.
      const parameter = model.parameter.bind(model);
      vi.spyOn(model, 'parameter').mockImplementation((name) => {
        if (name === 'head.weight') throw new BackendError('wasm: expected room');
        return parameter(name);
      });
      expect(() => createAdapter(model, config)).toThrow('wasm: expected room');
      vi.restoreAllMocks();
      expect(weightsOf(model)).toBeAllClose(before, tolerance(la, 100));
      expect(liveTensors()).toBe(tensors);
    },
  );

  it('a merging whose logits are not finite changes nothing', async () => {
    const model = owned(smallModel(la));
    const adapter = owned(createAdapter(model, { rank: 2, initialization: 'random' }));
    const before = weightsOf(model);
    adapter.setPoint(scaleTree(la, Number.NaN, adapter.point));
    const tensors = liveTensors();
    await expect(mergeAdapter(adapter)).rejects.toThrow(
      'mergeAdapter: the logits of model and adapter are not finite, though all weights of the base model are finite; check the adapter',
    );
    expect(weightsOf(model)).toEqual(before);
    expect(liveTensors()).toBe(tensors);
    expect(() => la.tidy(() => void adapter.overlay())).not.toThrow();
    spoil(model, 3, Number.NaN);
    const spoilt = weightsOf(model);
    await expect(mergeAdapter(adapter)).rejects.toThrow(`the weight '${weight}' [8, 6] of the base model holds NaN (entry 3)`);
    expect(weightsOf(model)).toEqual(spoilt);
  });
});
