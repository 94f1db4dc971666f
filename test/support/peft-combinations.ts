/** What PEFT makes of two adapters (test/peers/golden_combine.py), beside what this library makes of the same files. */
import path from 'node:path';
import { type HostArray, hostAlgebra } from 'bures';
import { openSafetensors } from 'bures/io';
import { combineAdapters, openAdapter, resizeAdapter } from 'bures/lora';
import { expect } from 'vitest';
import { updatesOf } from '../lora/support/written-adapter.js';

const la = hostAlgebra();
const weights = [0.7, -1.3];
const ranks = [2, 4];

/** The cases of a folder that golden_combine.py made: the adapters that this library writes, under PEFT's names. */
export async function ourCombinations(folder: string, out: string): Promise<ReadonlyMap<string, string>> {
  const [first, second] = [await openAdapter(path.join(folder, 'first')), await openAdapter(path.join(folder, 'second'))];
  const made = new Map<string, string>();
  const place = (name: string): string => {
    made.set(name, path.join(out, name));
    return path.join(out, name);
  };
  await combineAdapters([first, second], place('cat'), { weights });
  for (const rank of ranks) {
    await combineAdapters([first, second], place(`svd${rank}`), { weights, rank });
    await resizeAdapter(second, place(`convert${rank}`), { rank });
  }
  await first.close();
  await second.close();
  return made;
}

/** Reads ΔW of modules from a file that golden_combine.py wrote: those of a case, or all. */
export async function peftUpdates(file: string, of = ''): Promise<ReadonlyMap<string, HostArray>> {
  const store = await openSafetensors(file);
  const updates = new Map<string, HostArray>();
  for (const [name, { shape }] of store.entries) {
    if (!name.startsWith(of)) continue;
    updates.set(name.slice(of.length), la.fromArray(Float64Array.from((await store.read(name)) as Float32Array), shape));
  }
  await store.close();
  return updates;
}

/** Expects that every ΔW is the same to 1e-5 relative to its size. */
export async function expectSameUpdates(adapter: string, theirs: ReadonlyMap<string, HostArray>): Promise<void> {
  const ours = await updatesOf(adapter);
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  for (const [module, update] of theirs) {
    const own = ours.get(module) ?? expect.fail();
    expect(la.shape(own), module).toEqual(la.shape(update));
    expect(la.norm(la.subtract(own, update)) / la.norm(update), `${adapter} ${module}`).toBeLessThan(1e-5);
  }
}
