/** Deals inputs to workers until there have been enough, or the time is up. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadClass } from './classes/registry.js';
import type { FuzzClass } from './fuzz-class.js';
import type { Verdict } from './judge.js';
import { type Batch, whereFile } from './messages.js';
import { ReferenceReaders, valuesBeside } from './reference-readers.js';
import { Tally } from './tally.js';
import { type BatchEnd, type Limits, WorkerProcess } from './worker-process.js';

/** What to try. */
export interface CampaignSettings {
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** The first seed of each class. */
  readonly seed: number;
  /** Inputs of each class, at most. */
  readonly count: number;
  /** Seconds after which no further input is begun. */
  readonly seconds: number;
  /** Processes at a time. */
  readonly workers: number;
  readonly limits: Limits;
  /** Whether every input's files are kept. */
  readonly keepAll: boolean;
  /** Ends it early. */
  readonly signal?: AbortSignal;
  /** Told of each input; `undefined` to watch nothing. */
  readonly onVerdict?: (fuzzClass: string, seed: number, verdict: Verdict) => void;
}

/** What came of it. */
export interface CampaignResult {
  readonly tally: Tally;
  /** The folder with the inputs that failed. */
  readonly findings: string;
  /** Which reference readers there were. */
  readonly notice: string;
}

/** Inputs in a batch: enough that switching between classes costs nothing. */
const batchSize = 40;

/** Runs until the counts or the time are used up. */
export async function runCampaign(settings: CampaignSettings): Promise<CampaignResult> {
  const references = new Map<string, FuzzClass['reference']>();
  for (const name of settings.classes) references.set(name, (await loadClass(name)).reference);
  const campaign = new Campaign(settings, references);
  try {
    await Promise.all(Array.from({ length: settings.workers }, (_, index) => campaign.work(index)));
    return { tally: campaign.tally, findings: campaign.findings, notice: campaign.readers.notice };
  } finally {
    campaign.close();
  }
}

class Campaign {
  readonly tally: Tally;
  readonly findings = mkdtempSync(path.join(tmpdir(), 'bures-fuzz-findings-'));
  readonly readers = new ReferenceReaders();
  readonly #settings: CampaignSettings;
  readonly #references: ReadonlyMap<string, FuzzClass['reference']>;
  readonly #scratch = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bures-fuzz-'));
  readonly #deadline: number;
  readonly #dealt: Map<string, number>;
  /** What is left of batches whose worker died. */
  readonly #returned: Batch[] = [];
  readonly #running = new Set<WorkerProcess>();

  constructor(settings: CampaignSettings, references: ReadonlyMap<string, FuzzClass['reference']>) {
    this.#settings = settings;
    this.#references = references;
    this.tally = new Tally(settings.classes);
    this.#deadline = performance.now() + 1000 * settings.seconds;
    this.#dealt = new Map(settings.classes.map((name) => [name, 0]));
    mkdirSync(path.join(this.#scratch, 'accepted'));
  }

  /** One worker after another, each until it dies or asks to be replaced. */
  async work(index: number): Promise<void> {
    let worker: WorkerProcess | undefined;
    for (let batch = this.#next(); batch !== undefined; batch = this.#next()) {
      worker ??= this.#start(index);
      const before = worker.seconds;
      const end = await this.#runBatch(worker, batch);
      this.tally.spend(batch.fuzzClass, worker.seconds - before);
      if (this.#settle(batch, end, index)) {
        worker.kill();
        this.#running.delete(worker);
        worker = undefined;
      }
    }
    worker?.kill();
  }

  close(): void {
    for (const worker of this.#running) worker.kill();
    this.readers.close();
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  /** The class that has had the fewest inputs comes next. */
  #next(): Batch | undefined {
    if (performance.now() >= this.#deadline || this.#settings.signal?.aborted) return undefined;
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    const [fuzzClass, dealt] = [...this.#dealt].reduce((least, one) => (one[1] < least[1] ? one : least));
    const count = Math.min(batchSize, this.#settings.count - dealt);
    if (count <= 0) return undefined;
    this.#dealt.set(fuzzClass, dealt + count);
    return { fuzzClass, first: this.#settings.seed + dealt, count };
  }

  #start(index: number): WorkerProcess {
    const { keepAll, limits, classes } = this.#settings;
    const compared = classes.filter((name) => {
      const reference = this.#references.get(name);
      return reference !== undefined && this.readers.kinds.has(reference.kind);
    });
    const worker = new WorkerProcess(
      {
        scratch: path.join(this.#scratch, String(index)),
        findings: this.findings,
        accepted: path.join(this.#scratch, 'accepted'),
        compared,
        lookAfter: 0.6 * limits.seconds,
        retireAbove: limits.bytes / 2,
        keepAll,
      },
      limits,
    );
    this.#running.add(worker);
    return worker;
  }

  async #runBatch(worker: WorkerProcess, batch: Batch): Promise<BatchEnd> {
    const name = batch.fuzzClass;
    const accepted: { readonly seed: number; readonly file: string }[] = [];
    const left = this.#deadline - performance.now();
    const stop = (): void => worker.stop();
    const timer = Number.isFinite(left) ? setTimeout(stop, Math.max(0, left)) : undefined;
    this.#settings.signal?.addEventListener('abort', stop);
    const end = await worker.run(batch, ({ seed, verdict, accepted: file }) => {
      this.tally.add(name, verdict.kind);
      if (verdict.kind === 'raw') this.tally.find('raw', name, seed, verdict.signature ?? '', verdict.message ?? '');
      if (file !== undefined) accepted.push({ seed, file });
      this.#settings.onVerdict?.(name, seed, verdict);
    });
    clearTimeout(timer);
    this.#settings.signal?.removeEventListener('abort', stop);
    for (const { seed, file } of accepted) await this.#compare(name, seed, file);
    return end;
  }

  async #compare(name: string, seed: number, file: string): Promise<void> {
    const reference = this.#references.get(name);
    if (reference === undefined) return;
    const refusal = await this.readers.refusal(reference.kind, file);
    if (refusal !== null) {
      this.tally.withdraw(name);
      this.tally.add(name, 'raw');
      const cause = refusal.replaceAll(/\d+/g, '#').replaceAll(/"[^"]*"|'[^']*'/g, '…');
      this.tally.find('raw', name, seed, `${name}: accepted, but the reference reader refuses it: ${cause.slice(0, 100)}`, refusal);
      cpSync(file, path.join(this.findings, `${name}-${seed}`, reference.file), { recursive: true });
    }
    for (const one of [file, valuesBeside(file)]) rmSync(one, { force: true });
  }

  /** Counts how a batch ended. @returns whether the worker has to be replaced. */
  #settle(batch: Batch, end: BatchEnd, index: number): boolean {
    const last = batch.first + batch.count;
    if (end.kind === 'done') {
      if (end.next < last) this.#giveBack({ ...batch, first: end.next, count: last - end.next });
      return end.retire;
    }
    if (end.seed === undefined) throw new Error(`a worker died between inputs of '${batch.fuzzClass}': ${end.reason}`);
    this.tally.add(batch.fuzzClass, end.kind);
    const scratch = path.join(this.#scratch, String(index));
    const reason = end.kind === 'hang' ? `${end.reason}${whereItHangs(path.join(scratch, whereFile))}` : end.reason;
    this.tally.find(end.kind, batch.fuzzClass, end.seed, `${batch.fuzzClass}: ${end.kind}: ${reason.replaceAll(/\d+/g, '#')}`, reason);
    cpSync(path.join(scratch, 'input'), path.join(this.findings, `${batch.fuzzClass}-${end.seed}`), { recursive: true });
    this.#settings.onVerdict?.(batch.fuzzClass, end.seed, { kind: 'raw', message: `${end.kind}: ${reason}` });
    if (end.seed + 1 < last) this.#giveBack({ ...batch, first: end.seed + 1, count: last - end.seed - 1 });
    return true;
  }

  #giveBack(batch: Batch): void {
    this.#returned.push(batch);
  }
}

/** The innermost function of the project that was running, and the package that it had called, if it had. */
function whereItHangs(file: string): string {
  if (!existsSync(file)) return '';
  const frames = readFileSync(file, 'utf8').split('\n');
  rmSync(file);
  const own = frames.find((frame) => frame.includes('/src/') && !frame.includes('node_modules')) ?? frames[0];
  const space = own.lastIndexOf(' ');
  const place = `${own.slice(0, space)} (${path.relative(process.cwd(), own.slice(space + 1))})`;
  const [, called] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(frames[0]) ?? [];
  return ` in ${called === undefined ? place : `${called}, called by ${place}`}`;
}
