/** Adapters and mergings that cannot be: the error says why, and model and memory are as they were. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BackendError, NumericalError, scaleTree } from '../../src/index.js';
import {
  createAdapter,
  type LoraMethod,
  loadAdapter,
  lora,
  mergeAdapter,
  olora,
  pissa,
  randomStart,
  saveAdapter,
} from '../../src/lora/index.js';
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
  const starts: readonly { readonly method: LoraMethod; readonly at: number; readonly value: number }[] = [
    { method: pissa(), at: 5, value: Number.NaN },
    { method: pissa(), at: 0, value: Number.POSITIVE_INFINITY },
    { method: olora(), at: 0, value: Number.NaN },
    { method: olora(), at: 5, value: Number.NaN },
    { method: olora(), at: 5, value: Number.NEGATIVE_INFINITY },
  ];
  it.each(starts)('$method.name names the weight whose entry $at is $value', async ({ method, at, value }) => {
    const sound = owned(smallModel(la));
    const folder = mkdtempSync(path.join(tmpdir(), 'bures-starts-'));
    await saveAdapter(owned(await createAdapter(sound, { rank: 2 })), folder, { baseModel: 'small' });
    // As PEFT saves an adapter that is not portable.
    const configFile = path.join(folder, 'adapter_config.json');
    const config = JSON.parse(readFileSync(configFile, 'utf8')) as object;
    writeFileSync(configFile, JSON.stringify({ ...config, init_lora_weights: method.name }));
    const model = owned(smallModel(la));
    spoil(model, at, value);
    const [before, tensors] = [weightsOf(model), liveTensors()];
    const named = (caller: string): string =>
      `${caller}: the start '${method.name}' cannot be computed: the weight '${weight}' [8, 6] of the base model holds ${value} (entry ${at}), `;
    await expect(createAdapter(model, { rank: 2, method })).rejects.toThrow(NumericalError);
    await expect(createAdapter(model, { rank: 2, method })).rejects.toThrow(named('createAdapter'));
    await expect(loadAdapter(model, folder)).rejects.toThrow(named('loadAdapter'));
    rmSync(folder, { recursive: true });
    expect(weightsOf(model)).toEqual(before);
    expect(liveTensors()).toBe(tensors);
  });

  it.each([lora(), pissa(), olora()])('$name that fails half way leaves the base as it was', async (method) => {
    const model = owned(smallModel(la));
    const [before, tensors] = [weightsOf(model), liveTensors()];
    const config = { rank: 2, method: { ...method, magnitudes: true }, modulesToSave: ['head'] };
    const exchange = model.replaceParameter.bind(model);
    const replaced = vi.spyOn(model, 'replaceParameter');
    (await createAdapter(model, config)).dispose();
    const exchanges = replaced.mock.calls.length / 2;
    expect(exchanges).toBe(method.start.changesBase ? 4 : 0);
    for (let failing = 0; failing < exchanges; failing++) {
      let calls = 0;
      replaced.mockImplementation((name, value) => {
        if (calls++ !== failing) return exchange(name, value);
        value.dispose();
        throw new BackendError('wasm: expected room');
      });
      await expect(createAdapter(model, config)).rejects.toThrow('wasm: expected room');
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
    await expect(createAdapter(model, config)).rejects.toThrow('wasm: expected room');
    vi.restoreAllMocks();
    expect(weightsOf(model)).toBeAllClose(before, tolerance(la, 100));
    expect(liveTensors()).toBe(tensors);
  });

  it('a merging whose logits are not finite changes nothing', async () => {
    const model = owned(smallModel(la));
    const adapter = owned(await createAdapter(model, { rank: 2, method: { ...lora(), start: randomStart } }));
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
