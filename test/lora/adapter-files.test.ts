/** Adapters opened and balanced from their files, without a model. The command's tests try what files may hold. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostAlgebra } from 'bures';
import { measurePair } from 'bures/diagnostics';
import { adapterFiles, balanceAdapter, createAdapter, loadAdapter, measureAdapter, openAdapter, saveAdapter, trainer } from 'bures/lora';
import { afterAll, expect, it } from 'vitest';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { smallBatch, smallModel } from './support/small-model.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'bures-adapter-files-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const host = hostAlgebra();
const [[, la]] = tensorEngines;

/** Trains an adapter for a few steps, so that its factors differ in size, and saves it. */
async function trained(name: string): Promise<string> {
  const adapter = owned(await createAdapter(owned(smallModel(la)), { rank: 2, alpha: 6 }, { seed: 4 }));
  const run = trainer(adapter, { nextBatch: smallBatch, steps: 3, learningRate: 0.1 });
  for await (const _step of run);
  run.dispose();
  const folder = path.join(scratch, name);
  await saveAdapter(adapter, folder);
  return folder;
}

it('an adapter is opened, and balanced with the same product, scale and logits', async () => {
  const folder = await trained('pairs');
  const source = await openAdapter(folder);
  const out = path.join(scratch, 'balanced');
  let calls = 0;
  const modules = await balanceAdapter(source, out, { check: async () => void calls++ });
  expect(modules.map(({ module }) => module)).toEqual(source.modules);
  expect(calls).toBeGreaterThanOrEqual(source.modules.length);
  const balanced = await openAdapter(out);
  for (const module of source.modules) {
    const [before, after] = [await source.pair(module), await balanced.pair(module)];
    expect(after.scale).toBe(3);
    expect(host.matmul(after.A, after.B)).toBeAllClose(host.matmul(before.A, before.B), 1e-6);
    expect((await measurePair(host, before)).balanceGap).toBeGreaterThan(1e-2);
    expect((await measurePair(host, after)).balanceGap).toBeLessThan(1e-6);
  }
  await source.close();
  await balanced.close();
  const model = owned(smallModel(la));
  const logits = async (directory: string) => {
    const adapter = owned(await loadAdapter(model, directory));
    return la.tidy(() => model.logits(smallBatch(3), { overlay: adapter.overlay() }).dataSync());
  };
  expect(await logits(out)).toBeAllClose(await logits(folder), 1e-5);
});

it('an adapter on its model is measured as its files are', async () => {
  const folder = await trained('measured');
  const adapter = owned(await loadAdapter(owned(smallModel(la)), folder));
  const measures = await measureAdapter(adapter);
  const files = await openAdapter(folder);
  expect(measures.map(({ module }) => module).sort()).toEqual([...files.modules].sort());
  for (const { module, ...own } of measures) {
    const pair = await files.pair(module);
    expect(own).toEqual(await measurePair(host, pair, { scale: pair.scale }));
  }
  await files.close();
});

it('an error from check ends the work, and nothing is left behind', async () => {
  const source = await openAdapter(await trained('interrupted'));
  const before = readdirSync(scratch);
  const check = async (): Promise<void> => {
    throw new Error('stop');
  };
  await expect(balanceAdapter(source, path.join(scratch, 'never'), { check })).rejects.toThrow('stop');
  await source.close();
  expect(readdirSync(scratch)).toEqual(before);
});

it('errors name the function that was called, or the one that it stands behind', async () => {
  const missing = path.join(scratch, 'nowhere');
  await expect(openAdapter(missing)).rejects.toThrow(/^openAdapter: /);
  await expect(openAdapter(missing, { caller: 'inspect' })).rejects.toThrow(/^inspect: /);
  const source = await openAdapter(await trained('whole'));
  await expect(source.pair('lm_head')).rejects.toThrow(`${adapterFiles.tensors} has no adapter for 'lm_head'`);
  await expect(balanceAdapter(source, missing, { keepDtype: 'yes' as never })).rejects.toThrow(/^balanceAdapter: keepDtype/);
  await source.close();
});
