/** Adapters of another rank, against the singular value decomposition of ΔW multiplied out. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, type HostArray, hostAlgebra, NumericalError } from 'bures';
import { measurePair } from 'bures/diagnostics';
import { openSafetensors, writeSafetensors } from 'bures/io';
import { createAdapter, loadAdapter, lora, openAdapter, type ResizeAdapterOptions, resizeAdapter, saveAdapter, trainer } from 'bures/lora';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { smallBatch, smallModel } from './support/small-model.js';
import { dtypesOf, type PairSpec, pairTensors, updatesOf, writtenAdapter, writtenTensors } from './support/written-adapter.js';

const scratch = temporaryFolder('resize');
let folders = 0;
const fresh = (): string => path.join(scratch, String(folders++));
const la = hostAlgebra();
const [[, tensors]] = tensorEngines;

async function resize(folder: string, options: ResizeAdapterOptions, out = fresh()) {
  const adapter = await openAdapter(folder);
  try {
    return { out, ...(await resizeAdapter(adapter, out, options)) };
  } finally {
    await adapter.close();
  }
}

const configOf = (folder: string) => JSON.parse(readFileSync(path.join(folder, 'adapter_config.json'), 'utf8'));

/** The best approximation of a rank, by the SVD of the whole matrix, and its relative error. */
function bestOf(matrix: HostArray, rank: number): { readonly best: HostArray; readonly error: number } {
  const { U, S, V } = la.svd(matrix);
  const kept = { columns: [0, rank] } as const;
  const sigmas = la.toArray(S);
  const best = la.matmul(
    la.scaleColumns(la.slice(U, kept), la.fromArray(sigmas.slice(0, rank), [rank])),
    la.transpose(la.slice(V, kept)),
    {},
  );
  return { best, error: Math.hypot(...sigmas.slice(rank)) / Math.hypot(...sigmas) };
}

const specs = fc
  .record({
    rank: fc.integer({ min: 2, max: 7 }),
    more: fc.tuple(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 2, max: 13 })),
    grading: fc.constantFrom(1, 30, 1e4),
    imbalance: fc.constantFrom(1, 2 ** 9, 2 ** -9),
    repeated: fc.integer({ min: 0, max: 2 }),
  })
  .filter(({ rank, more: [down, across] }) => down !== across && rank + down !== rank + across)
  .map(({ rank, more: [down, across], repeated, ...rest }): PairSpec => {
    return { rank, m: rank + down, n: rank + across, repeated: Math.min(repeated, rank - 1), ...rest };
  });

describe('a lower rank', () => {
  it('is the best approximation of ΔW, with balanced factors and the error that was reported', async () => {
    await fc.assert(
      fc.asyncProperty(specs, fc.nat(), async (spec, draw) => {
        const rank = 1 + (draw % (spec.rank - 1));
        const folder = await writtenAdapter(fresh(), { 'l.0.q_proj': spec });
        const [[, before]] = await updatesOf(folder);
        const { out, modules, error } = await resize(folder, { rank });
        const [[, after]] = await updatesOf(out);
        const { best, error: least } = bestOf(before, rank);
        const size = la.norm(before);
        // Where singular values are equal the best approximation is not unique, its error is.
        expect(la.norm(la.subtract(before, after)) / size).toBeCloseTo(least, 5);
        if (least > 1e-3 && (spec.grading ?? 1) > 1) expect(la.norm(la.subtract(after, best)) / size).toBeLessThan(1e-3);
        expect(modules[0].error).toBeCloseTo(least, 7);
        expect(error).toBe(modules[0].error);
        const resized = await openAdapter(out);
        const pair = await resized.pair('l.0.q_proj');
        await resized.close();
        expect(pair.scale).toBe(2);
        expect(la.shape(pair.A)).toEqual([spec.m, rank]);
        if (rank <= spec.rank - (spec.repeated ?? 0)) expect((await measurePair(la, pair)).balanceGap).toBeLessThan(1e-5);
      }),
      { numRuns: 40 },
    );
  });

  it('of a rank that ΔW does not have leaves it as it is, and its other directions can be trained', async () => {
    const folder = await writtenAdapter(fresh(), { q_proj: { m: 13, n: 9, rank: 6, repeated: 3 } });
    const [[, before]] = await updatesOf(folder);
    const { out, error } = await resize(folder, { rank: 5 });
    const [[, after]] = await updatesOf(out);
    expect(after).toBeAllClose(before, 1e-5);
    expect(error).toBeLessThan(1e-7);
    const resized = await openAdapter(out);
    const { A, B } = await resized.pair('q_proj');
    await resized.close();
    expect(la.norm(la.slice(A, { columns: [3, 5] }))).toBe(0);
    expect(la.norm(la.slice(B, { rows: [3, 4] }))).toBeGreaterThan(0.1);
  });

  it('of factors that are larger than ΔW, m < r, and of ΔW = 0', async () => {
    const folder = await writtenAdapter(fresh(), { q_proj: { m: 4, n: 11, rank: 6 }, k_proj: { m: 5, n: 7, rank: 3, imbalance: 0 } }, {});
    const zero = new Map([
      ...pairTensors('q_proj', 1, { m: 4, n: 11, rank: 6 }),
      ['base_model.model.k_proj.lora_A.weight', { dtype: 'F32', shape: [3, 7], data: new Float32Array(21).fill(1) }],
      ['base_model.model.k_proj.lora_B.weight', { dtype: 'F32', shape: [5, 3], data: new Float32Array(15) }],
    ] as const);
    await writtenTensors(folder, zero, { r: 6, lora_alpha: 12, rank_pattern: { k_proj: 3 }, target_modules: ['q_proj', 'k_proj'] });
    const before = await updatesOf(folder);
    const { out, modules } = await resize(folder, { rank: 2 });
    const after = await updatesOf(out);
    const { error } = bestOf(before.get('q_proj') as HostArray, 2);
    expect(modules.map((one) => [one.module, one.rank, Number(one.error.toFixed(7))])).toEqual([
      ['k_proj', { before: 3, after: 2 }, 0],
      ['q_proj', { before: 6, after: 2 }, Number(error.toFixed(7))],
    ]);
    expect(la.norm(after.get('k_proj') as HostArray)).toBe(0);
  });

  it('within an error is the least of each module, and the error holds for all together', async () => {
    const modules = {
      'model.layers.0.q_proj': { m: 23, n: 17, rank: 8, grading: 1e3 },
      'model.layers.1.q_proj': { m: 23, n: 17, rank: 8, grading: 10 },
      'model.layers.11.q_proj': { m: 23, n: 17, rank: 6 },
      'model.layers.0.v_proj': { m: 11, n: 17, rank: 4, grading: 1e5 },
    };
    const folder = await writtenAdapter(fresh(), modules, { use_rslora: true, lora_alpha: 5, alpha_pattern: { v_proj: 3 } });
    const before = await updatesOf(folder);
    const { out, modules: resized, error } = await resize(folder, { error: 0.1 });
    const after = await updatesOf(out);
    expect(error).toBeLessThanOrEqual(0.1);
    expect(error).toBeGreaterThan(0);
    expect(new Set(resized.map(({ rank }) => rank.after)).size).toBeGreaterThan(1);
    for (const { module, rank, error: own } of resized) {
      const matrix = before.get(module) as HostArray;
      expect(own).toBeLessThanOrEqual(0.1);
      if (rank.after > 1) expect(bestOf(matrix, rank.after - 1).error).toBeGreaterThan(0.1);
      expect(la.norm(la.subtract(after.get(module) as HostArray, matrix)) / la.norm(matrix)).toBeCloseTo(own, 6);
    }
    const { rank_pattern: ranks, alpha_pattern: alphas, r } = configOf(out);
    expect(Object.keys(ranks).length).toBeGreaterThan(0);
    expect(Object.values(ranks)).not.toContain(r);
    expect(Object.keys(alphas).length).toBeGreaterThan(0);
  });
});

describe('a higher rank', () => {
  it('leaves ΔW and the old factors as they are, to the bit', async () => {
    const folder = await writtenAdapter(fresh(), { q_proj: { m: 19, n: 13, rank: 3, imbalance: 50 }, o_proj: { m: 8, n: 21, rank: 5 } });
    const { out, modules, error } = await resize(folder, { rank: 7 });
    expect([error, ...modules.map((one) => one.error)]).toEqual([0, 0, 0]);
    const [source, grown] = [await openAdapter(folder), await openAdapter(out)];
    for (const module of source.modules) {
      const [before, after] = [await source.pair(module), await grown.pair(module)];
      const rank = la.shape(before.A)[1];
      expect(after.scale).toBe(before.scale);
      expect(la.toArray(la.slice(after.A, { columns: [0, rank] }))).toEqual(la.toArray(before.A));
      expect(la.toArray(la.slice(after.B, { rows: [0, rank] }))).toEqual(la.toArray(before.B));
      expect(la.norm(la.slice(after.A, { columns: [rank, 7] }))).toBe(0);
      const rows = la.toArray(la.slice(after.B, { rows: [rank, 7] }));
      expect(Math.max(...rows.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(la.shape(before.B)[1]));
      expect(new Set(rows).size).toBe(rows.length);
    }
    await source.close();
    await grown.close();
    // The modules had scales of their own, α/3 and α/5.
    expect(configOf(out)).toMatchObject({ r: 7, rank_pattern: {} });
    const [again, other] = [await resize(folder, { rank: 7 }), await resize(folder, { rank: 7, seed: 1 })];
    const bytes = (of: string): string => readFileSync(path.join(of, 'adapter_model.safetensors')).toString('latin1');
    expect(bytes(again.out)).toBe(bytes(out));
    expect(bytes(other.out)).not.toBe(bytes(out));
  });

  it('of an adapter on its model gives the same logits, and its new directions train from the first step', async () => {
    const model = owned(smallModel(tensors));
    const adapter = owned(await createAdapter(model, { rank: 2, alpha: 6, bias: 'lora_only' }, { seed: 4 }));
    const first = trainer(adapter, { nextBatch: smallBatch, steps: 3, learningRate: 0.1 });
    for await (const _step of first);
    first.dispose();
    const folder = fresh();
    await saveAdapter(adapter, folder);
    const logitsOf = async (directory: string) => {
      const loaded = owned(await loadAdapter(model, directory));
      return tensors.tidy(() => model.logits(smallBatch(3), { overlay: loaded.overlay() }).dataSync());
    };
    const { out } = await resize(folder, { rank: 5 });
    expect(await logitsOf(out)).toBeAllClose(await logitsOf(folder), 1e-6);
    const grown = owned(await loadAdapter(model, out));
    const run = trainer(grown, { method: lora(), nextBatch: smallBatch, steps: 1, learningRate: 0.1 });
    for await (const _step of run);
    run.dispose();
    const trained = fresh();
    await saveAdapter(grown, trained);
    const files = await openAdapter(trained);
    for (const module of files.modules) {
      const { A } = await files.pair(module);
      for (const column of [2, 3, 4]) expect(la.norm(la.slice(A, { columns: [column, column + 1] }))).toBeGreaterThan(1e-3);
    }
    await files.close();
    // Down again: at full rank of the first, what was there comes back.
    const { out: back, error } = await resize(out, { rank: 2 });
    expect(error).toBeLessThan(1e-7);
    expect(await logitsOf(back)).toBeAllClose(await logitsOf(folder), 1e-5);
  });
});

describe('the files', () => {
  it('keep their format when asked, other tensors byte for byte, and no path', async () => {
    const tensorsOf = new Map([
      ...pairTensors('q_proj', 3, { m: 12, n: 7, rank: 4, dtype: 'BF16' }),
      ...pairTensors('v_proj', 4, { m: 5, n: 7, rank: 4, dtype: 'F16' }),
      ['base_model.model.q_proj.base_layer.bias', { dtype: 'F16', shape: [12], data: Float32Array.from({ length: 12 }, (_, i) => i / 7) }],
    ] as const);
    const config = {
      r: 4,
      lora_alpha: 4,
      target_modules: ['q_proj', 'v_proj'],
      bias: 'lora_only',
      base_model_name_or_path: '/home/me/base',
    };
    const folder = await writtenTensors(fresh(), tensorsOf, config);
    const [wide, kept] = [(await resize(folder, { rank: 2 })).out, (await resize(folder, { rank: 2, keepDtype: true })).out];
    expect(new Set(Object.values(await dtypesOf(wide)))).toEqual(new Set(['F32', 'F16']));
    expect(await dtypesOf(kept)).toEqual(await dtypesOf(folder));
    for (const out of [wide, kept]) {
      const [source, store] = [
        await openSafetensors(path.join(folder, 'adapter_model.safetensors')),
        await openSafetensors(path.join(out, 'adapter_model.safetensors')),
      ];
      const bias = 'base_model.model.q_proj.base_layer.bias';
      expect(await store.readBytes(bias)).toEqual(await source.readBytes(bias));
      await store.close();
      await source.close();
      expect(configOf(out)).toMatchObject({ base_model_name_or_path: 'base', bias: 'lora_only', r: 2, lora_alpha: 2 });
    }
    const [exact, rounded] = [await updatesOf(wide), await updatesOf(kept)];
    for (const [module, matrix] of exact) {
      const change = la.norm(la.subtract(rounded.get(module) as HostArray, matrix)) / la.norm(matrix);
      expect(change).toBeLessThan(2 ** -7);
      expect(change).toBeGreaterThan(1e-6);
    }
  });

  it('that cannot hold the factors are refused by the tensor, and nothing is left', async () => {
    const large = pairTensors('q_proj', 5, { m: 40, n: 30, rank: 2, dtype: 'F16' });
    const scaled = (factor: number) =>
      new Map(large.map(([name, t]) => [name, { ...t, data: (t.data as Float32Array).map((x) => factor * x) }]));
    const config = { r: 2, lora_alpha: 2, target_modules: ['q_proj'] };
    const [long, value] = [4000, 60_000];
    const filled = new Map([
      ['base_model.model.q_proj.lora_A.weight', { dtype: 'F16', shape: [2, long], data: new Float32Array(2 * long).fill(value, 0, long) }],
      ['base_model.model.q_proj.lora_B.weight', { dtype: 'F16', shape: [3, 2], data: new Float32Array(6).fill(value) }],
    ] as const);
    const beyond = await writtenTensors(fresh(), filled, config);
    const out = fresh();
    await expect(resize(beyond, { rank: 1, keepDtype: true }, out)).rejects.toThrow(NumericalError);
    await expect(resize(beyond, { rank: 1, keepDtype: true }, out)).rejects.toThrow(
      /q_proj\.lora_[AB]\.weight' would hold .* when resized, and F16 holds/,
    );
    const below = await writtenTensors(fresh(), scaled(2 ** -22), config);
    await expect(resize(below, { rank: 1, keepDtype: true }, out)).rejects.toThrow(/would change by .* in F16 .*too small for the format/);
    expect(() => readdirSync(out)).toThrow('ENOENT');
    expect((await resize(below, { rank: 1 }, out)).modules).toHaveLength(1);
  });
});

describe('misuse', () => {
  const plain = () => writtenAdapter(fresh(), { q_proj: { m: 9, n: 6, rank: 3 } });

  it.each<[string, object, RegExp]>([
    ['neither', {}, /^resizeAdapter: expected rank or error, one of them, got neither/],
    ['both', { rank: 2, error: 0.1 }, /^resizeAdapter: expected rank or error, one of them, got both/],
    ['a rank above the sizes', { rank: 7 }, /rank must be at most 6 for 'q_proj', which is 9×6, got 7/],
    ['a rank of 0', { rank: 0 }, /rank must be a positive integer, got 0/],
    ['an error of 1', { error: 1 }, /error must be a finite number above 0 and below 1, got 1/],
    ['a seed', { rank: 2, seed: 0.5 }, /seed must be an integer, got 0\.5/],
    ['a caller', { rank: 9, caller: 'resize' }, /^resize: rank must be at most 6/],
  ])('%s', async (_what, options, message) => {
    await expect(resize(await plain(), options)).rejects.toThrow(message);
  });

  it.each<[string, object, RegExp]>([
    ['DoRA', { use_dora: true }, /with magnitudes \(DoRA: use_dora\), whose change of a weight is no product; merge it into its base/],
    ['PiSSA', { init_lora_weights: 'pissa' }, /with init_lora_weights "pissa", which took a part of the base weights out.*portable form/],
    ['a key that changes the product', { use_qalora: true }, /'use_qalora': true, which the library does not support/],
  ])('%s is refused by name', async (_what, config, message) => {
    const folder = await writtenAdapter(fresh(), { q_proj: { m: 9, n: 6, rank: 3 } }, config);
    await expect(resize(folder, { rank: 2 })).rejects.toThrow(ConfigError);
    await expect(resize(folder, { rank: 2 })).rejects.toThrow(message);
  });

  it('its own folder, and weights beside it', async () => {
    const folder = await plain();
    await expect(resize(folder, { rank: 2 }, folder)).rejects.toThrow(/expected another folder than that of the adapter/);
    const trained = await plain();
    await writeSafetensors(
      path.join(trained, 'trained_weights.safetensors'),
      new Map([['w', { dtype: 'F32', shape: [1], data: Float32Array.of(1) }]]),
    );
    await expect(resize(trained, { rank: 2 })).rejects.toThrow(/weights that were trained themselves .*--adapter-rank/);
  });

  it('an error from check leaves nothing', async () => {
    const folder = await plain();
    const before = readdirSync(scratch);
    const check = async (): Promise<void> => {
      throw new Error('stop');
    };
    await expect(resize(folder, { rank: 2, check }, path.join(scratch, 'never'))).rejects.toThrow('stop');
    expect(readdirSync(scratch)).toEqual(before);
  });
});
