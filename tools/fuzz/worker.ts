/**
 * A process that tries one input after another. Whoever started it watches its time and memory, and replaces it when it
 * dies.
 */
import { copyFileSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { loadClass } from './classes/registry.js';
import type { FuzzClass, FuzzTarget } from './fuzz-class.js';
import { tryInput } from './judge.js';
import { type Batch, type Order, type Report, type WorkerSettings, whereFile } from './messages.js';
import { valuesBeside } from './reference-readers.js';
import { watchThisProcess } from './watch-thread.js';

const settings = JSON.parse(process.argv[2]) as WorkerSettings;
const prepared = new Map<string, FuzzTarget>();
/** How many inputs of each cause have been kept. */
const kept = new Map<string, number>();
const keptAtMost = 2;
let stopped = false;
/** Counts inputs, for the thread that watches. */
const inputs = new Int32Array(new SharedArrayBuffer(4));
watchThisProcess({ inputs, seconds: settings.lookAfter, file: path.join(settings.scratch, whereFile) });

function tell(report: Report): void {
  process.send?.(report);
}

async function prepare(fuzzClass: FuzzClass): Promise<FuzzTarget> {
  const target = prepared.get(fuzzClass.name) ?? (await fuzzClass.prepare());
  prepared.set(fuzzClass.name, target);
  return target;
}

async function work({ fuzzClass: name, first, count }: Batch): Promise<void> {
  const fuzzClass = await loadClass(name);
  const target = await prepare(fuzzClass);
  const folder = path.join(settings.scratch, 'input');
  tell({ kind: 'ready' });
  for (let seed = first; seed < first + count; seed++) {
    // Lets an order to stop come in.
    await setImmediate();
    const full = process.memoryUsage.rss() > settings.retireAbove;
    if (stopped || full) return tell({ kind: 'done', next: seed, retire: full });
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    Atomics.add(inputs, 0, 1);
    tell({ kind: 'begin', seed });
    const verdict = await tryInput(fuzzClass, target, seed, folder);
    if (verdict.kind === 'raw') keep(name, seed, folder, verdict.signature ?? '');
    else if (settings.keepAll) keep(name, seed, folder, String(seed));
    const accepted = verdict.kind === 'accepted' ? copyForReader(fuzzClass, seed, folder) : undefined;
    tell({ kind: 'verdict', seed, verdict, ...(accepted === undefined ? {} : { accepted }) });
  }
  tell({ kind: 'done', next: first + count, retire: false });
}

function keep(name: string, seed: number, folder: string, signature: string): void {
  const before = kept.get(signature) ?? 0;
  if (before >= keptAtMost) return;
  kept.set(signature, before + 1);
  cpSync(folder, path.join(settings.findings, `${name}-${seed}`), { recursive: true });
}

function copyForReader({ name, reference }: FuzzClass, seed: number, folder: string): string | undefined {
  if (reference === undefined || !settings.compared.includes(name)) return undefined;
  const copy = path.join(settings.accepted, `${name}-${seed}-${reference.file}`);
  copyFileSync(path.join(folder, reference.file), copy);
  if (reference.values !== undefined) copyFileSync(path.join(folder, reference.values), valuesBeside(copy));
  return copy;
}

process.on('message', (order: Order) => {
  if (order.kind === 'stop') {
    stopped = true;
    return;
  }
  // A failure outside an input is the fuzzer's own: the process ends with it.
  void work(order.batch);
});
process.on('disconnect', () => process.exit());
