/** The start at another adapter: its ΔW stays, whatever α is; what is no adapter of pairs is refused by name. */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, hostAlgebra, seededRandom } from 'bures';
import { type TensorData, writeSafetensors } from 'bures/io';
import { adapterStart, balora, createAdapter, loadAdapter, lora, openAdapter, saveAdapter, trainer } from 'bures/lora';
import { describe, expect, it } from 'vitest';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { tolerance } from '../support/tolerance.js';
import { smallBatch, smallModel } from './support/small-model.js';
import { writtenAdapter } from './support/written-adapter.js';

const folder = temporaryFolder('adapter-start');
const host = hostAlgebra();
let folders = 0;

it('the folder of a run is refused by name, with the adapter in it that is meant', async () => {
  const adapter = await writtenAdapter(path.join(folder, 'run', 'best'), { 'l.0.q_proj': { m: 5, n: 4, rank: 2 } });
  await writtenAdapter(path.join(folder, 'unvalidated', 'checkpoints', 'step-3'), { 'l.0.q_proj': { m: 5, n: 4, rank: 2 } });
  const [run, unvalidated] = [path.dirname(adapter), path.join(folder, 'unvalidated')];
  const model = smallModel(tensorEngines[0][1]);
  const calls: Readonly<Record<string, (place: string) => Promise<unknown>>> = {
    adapterStart,
    openAdapter,
    loadAdapter: (place) => loadAdapter(model, place),
  };
  for (const [name, call] of Object.entries(calls)) {
    await expect(call(run)).rejects.toThrow(
      `${name}: expected the folder of an adapter, got that of a run, ${run}; pass its best adapter, ${adapter}`,
    );
    await expect(call(unvalidated)).rejects.toThrow(`${unvalidated}, which has no best adapter; pass one of its checkpoints, in `);
    await expect(call(path.join(folder, 'nowhere'))).rejects.toThrow(/cannot read .*adapter_config\.json/);
  }
  model.dispose();
});

describe.each(tensorEngines)('adapterStart on %s', (_name, la) => {
  /** An adapter with products, trained for a few steps. */
  async function trained(config: Parameters<typeof createAdapter>[1] = {}): Promise<string> {
    const model = smallModel(la);
    const adapter = await createAdapter(model, { method: lora(), rank: 3, alpha: 5, ...config });
    const training = trainer(adapter, { nextBatch: () => smallBatch(5), steps: 4, learningRate: 0.05 });
    for await (const _step of training);
    const saved = path.join(folder, `adapter-${folders++}`);
    await saveAdapter(adapter, saved);
    for (const owner of [training, adapter, model]) owner.dispose();
    return saved;
  }

  async function products(saved: string): Promise<Map<string, Float64Array>> {
    const adapter = await openAdapter(saved);
    const found = new Map<string, Float64Array>();
    for (const module of adapter.modules) {
      const { A, B, scale } = await adapter.pair(module);
      found.set(module, Float64Array.from(host.peek(host.scale(scale, host.matmul(A, B)))));
    }
    await adapter.close();
    return found;
  }

  it.each([false, true])('keeps ΔW with another α, balanced: %s', async (balanced) => {
    const before = liveTensors();
    const saved = await trained();
    const start = await adapterStart(saved, { balanced });
    expect([...start.ranks.values()].every((rank) => rank === 3)).toBe(true);
    const model = smallModel(la);
    const method = { ...(balanced ? balora() : lora()), start };
    const adapter = await createAdapter(model, { method, rank: 3, alpha: 96, targetModules: [...start.ranks.keys()] });
    const again = path.join(folder, `again-${folders++}`);
    await saveAdapter(adapter, again);
    const [wanted, found] = [await products(saved), await products(again)];
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [module, product] of wanted) {
      const size = Math.hypot(...product);
      expect(size).toBeGreaterThan(0);
      expect(found.get(module)).toBeAllClose(product, tolerance(la, 50, size));
    }
    if (balanced) {
      const opened = await openAdapter(again);
      for (const module of opened.modules) {
        const { A, B } = await opened.pair(module);
        const [left, right] = [host.matmul(A, A, { transposeA: true }), host.matmul(B, B, { transposeB: true })];
        expect(host.peek(left)).toBeAllClose(host.peek(right), tolerance(la, 200, Math.hypot(...host.peek(left))));
      }
      await opened.close();
    }
    for (const owner of [adapter, model]) owner.dispose();
    expect(liveTensors()).toBe(before);
  });

  it('names what does not fit', async () => {
    const saved = await trained();
    const start = await adapterStart(saved);
    const model = smallModel(la);
    const [name] = start.ranks.keys();
    const make = (config: Parameters<typeof createAdapter>[1]) => createAdapter(model, { method: { ...lora(), start }, ...config });
    await expect(make({ rank: 2, targetModules: [name] })).rejects.toThrow(/expected an adapter of rank 2 for the .*, got one of rank 3/);
    const pruned = path.join(folder, `pruned-${folders++}`);
    mkdirSync(pruned);
    const random = seededRandom(1);
    const { outFeatures, inFeatures } = [...model.linearModules.values()].find((module) => module.name === name) ?? {
      outFeatures: 0,
      inFeatures: 0,
    };
    const data = (shape: readonly number[]): TensorData => ({
      dtype: 'F32',
      shape,
      data: Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal()),
    });
    const pair: [string, TensorData][] = [
      [`base_model.model.${name}.lora_A.weight`, data([3, inFeatures])],
      [`base_model.model.${name}.lora_B.weight`, data([outFeatures, 3])],
    ];
    writeFileSync(
      path.join(pruned, 'adapter_config.json'),
      JSON.stringify({ peft_type: 'LORA', r: 3, lora_alpha: 3, target_modules: [name] }),
    );
    await writeSafetensors(path.join(pruned, 'adapter_model.safetensors'), new Map(pair));
    const one = await adapterStart(pruned);
    await expect(createAdapter(model, { method: { ...lora(), start: one }, rank: 3 })).rejects.toThrow(
      /has no adapter for '.*', only for 1 module such as/,
    );
    await writeSafetensors(
      path.join(pruned, 'adapter_model.safetensors'),
      new Map([
        ...pair,
        [
          `base_model.model.${name}.lora_magnitude_vector`,
          { dtype: 'F32', shape: [outFeatures], data: new Float32Array(outFeatures) } as TensorData,
        ],
      ]),
    );
    await expect(adapterStart(pruned)).rejects.toThrow(
      /adapterStart: expected an adapter that adds a product of factors to the weights, got .* with magnitudes .*lora_magnitude_vector.*merge it/,
    );
    // Their files do not hold what the start took out of the base, or what calls the adapter.
    for (const [keys, message] of [
      [{ init_lora_weights: 'pissa' }, /with init_lora_weights "pissa".*portable form/],
      [{ init_lora_weights: 'olora' }, /with init_lora_weights "olora"/],
      [{ alora_invocation_tokens: [5, 6] }, /has 'alora_invocation_tokens'/],
      [{ use_qalora: true }, /has 'use_qalora'/],
    ] as const) {
      const content = { peft_type: 'LORA', r: 3, lora_alpha: 3, target_modules: [name], ...keys };
      writeFileSync(path.join(pruned, 'adapter_config.json'), JSON.stringify(content));
      await writeSafetensors(path.join(pruned, 'adapter_model.safetensors'), new Map(pair));
      await expect(adapterStart(pruned)).rejects.toThrow(message);
    }
    await expect(adapterStart('nowhere')).rejects.toThrow(/adapterStart/);
    await expect(adapterStart(saved, { balanced: 1 as unknown as boolean })).rejects.toThrow(ConfigError);
    const loaded = await loadAdapter(model, saved);
    loaded.dispose();
    model.dispose();
  });
});
