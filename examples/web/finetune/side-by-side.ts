/**
 * LoRA and BaLoRA trained side by side: on one model, from the same start of the random numbers, on the same batches, a
 * step of the one and a step of the other in turn. What it writes into the browser's files lets it go on after a reload
 * as if there had been none.
 */
import type { Files } from 'bures/io';
import {
  balora,
  createAdapter,
  type LoraAdapter,
  type LoraTrainer,
  loadTrainingState,
  lora,
  measureAdapter,
  saveAdapter,
  saveTrainingState,
  type TrainingStep,
  trainer,
} from 'bures/lora';
import { type BatchStreamState, batchStream, type CausalLM, meanLoss, type TokenBatch } from 'bures/models';
import { folderOf, removeFolder, writeRun } from './kept.js';
import { type MethodName, type MethodRecord, methodNames, type RunSettings, type SavedRun, type Told } from './protocol.js';
import type { DividedRows } from './rows.js';

/** Steps between measurements of the factors, of the validation loss, and of what is kept. */
const every = { measure: 5, validate: 20, keep: 20 } as const;

/** Parts of a run. */
export interface SideBySideOptions {
  readonly model: CausalLM;
  readonly padId: number;
  readonly rows: DividedRows;
  /** What is known of the run: from an earlier visit, or with step 0. */
  readonly run: SavedRun;
  /** Where it is kept. */
  readonly own: Files;
  readonly tell: (told: Told) => void;
}

/** One of the two. */
interface Side {
  readonly method: MethodName;
  readonly adapter: LoraAdapter;
  readonly training: LoraTrainer;
  readonly steps: AsyncIterator<TrainingStep, string>;
}

/** Two trainings that take turns. Made by {@link openSideBySide}; `dispose` frees them. */
export class SideBySide {
  readonly #options: SideBySideOptions;
  readonly #batches: Batches;
  readonly #sides: readonly Side[];
  #run: SavedRun;
  /** The step that is kept. */
  #kept: number;

  constructor(options: SideBySideOptions, batches: Batches, sides: readonly Side[]) {
    this.#options = options;
    this.#batches = batches;
    this.#sides = sides;
    this.#run = options.run;
    this.#kept = options.run.step;
  }

  /** The run as it is now. */
  get run(): SavedRun {
    return this.#run;
  }

  /** The adapter of a method. */
  adapter(method: MethodName): LoraAdapter {
    return (this.#sides.find((side) => side.method === method) as Side).adapter;
  }

  /** Takes a step of each method. @returns false if all steps are done. */
  async step(): Promise<boolean> {
    const { tell, run } = this.#options;
    for (const { method, steps } of this.#sides) {
      const next = await steps.next();
      if (next.done === true) return false;
      const { step, loss } = next.value;
      run.records[method].losses.push(loss);
      tell({ kind: 'step', method, step, loss });
    }
    this.#run = { ...this.#run, step: this.#run.step + 1 };
    const { step } = this.#run;
    const isLast = step === run.settings.steps;
    if (step % every.measure === 0 || step === 1 || isLast) await this.#measure();
    if (step % every.validate === 0 || isLast) await this.#validate();
    if (step % every.keep === 0 || isLast) await this.keep();
    return !isLast;
  }

  async #measure(): Promise<void> {
    const { step, records } = this.#run;
    for (const { method, adapter } of this.#sides) {
      const measures = await measureAdapter(adapter);
      const gap = median(measures.map(({ balanceGap }) => balanceGap));
      const spectra = measures.map(({ module, singularValues }) => ({ module, values: singularValues }));
      records[method].gaps.push([step, gap]);
      records[method].spectra = spectra;
      this.#options.tell({ kind: 'measured', method, step, gap, spectra });
    }
  }

  async #validate(): Promise<void> {
    const { model, padId, rows, tell } = this.#options;
    if (rows.validation.length === 0) return;
    const { step, records } = this.#run;
    for (const { method, adapter } of this.#sides) {
      const { loss } = await model.algebra.tidy(() => meanLoss(model, rows.validation, { padId, overlay: adapter.overlay() }));
      records[method].validation.push([step, loss]);
      tell({ kind: 'validated', method, step, loss });
    }
  }

  /** Writes what a later visit goes on from: the adapters, the optimizers' memory, and the place in the rows. */
  async keep(): Promise<void> {
    const { own, tell } = this.#options;
    const { step, model } = this.#run;
    if (step === this.#kept) return;
    for (const { method, adapter, training } of this.#sides) {
      const folder = stepFolder(this.#run, method, step);
      await saveAdapter(adapter, folder, { files: own, baseModel: model.name, card: { method, steps: step } });
      await saveTrainingState(folder, await training.state(), { files: own, progress: this.#batches.before(step) });
    }
    await writeRun(own, this.#run);
    for (const method of methodNames) await removeFolder(own, stepFolder(this.#run, method, this.#kept));
    this.#kept = step;
    tell({ kind: 'kept', step });
  }

  /** Frees adapters and optimizers; the model stays. */
  dispose(): void {
    disposeSides(this.#sides);
  }
}

/** Begins a run, or goes on with one that was kept. */
export async function openSideBySide(options: SideBySideOptions): Promise<SideBySide> {
  const { model, rows, padId, run, own } = options;
  const { rank, steps, batchSize, methods } = run.settings;
  const saved =
    run.step === 0
      ? undefined
      : await Promise.all(methodNames.map((name) => loadTrainingState(stepFolder(run, name, run.step), { files: own })));
  const batches = new Batches(rows, { padId, batchSize }, run.step, saved?.[0].progress as BatchStreamState | undefined);
  const sides: Side[] = [];
  try {
    for (const [i, method] of methodNames.entries()) {
      const adapter = await createAdapter(
        model,
        { method: method === 'lora' ? lora() : balora(), rank, alpha: methods[method].alpha },
        { seed: 0 },
      );
      const training = trainer(adapter, {
        nextBatch: (k) => batches.at(k),
        steps,
        learningRate: warmedUp(methods[method].learningRate, steps),
        clip: 1,
        ...(saved === undefined ? {} : { state: saved[i].state }),
      });
      sides.push({ method, adapter, training, steps: training[Symbol.asyncIterator]() as AsyncIterator<TrainingStep, string> });
    }
  } catch (error) {
    disposeSides(sides);
    throw error;
  }
  return new SideBySide(options, batches, sides);
}

function disposeSides(sides: readonly Side[]): void {
  for (const { training, adapter } of sides) {
    training.dispose();
    adapter.dispose();
  }
}

const stepFolder = (run: SavedRun, method: MethodName, step: number): string => `${folderOf(run)}/${method}-${step}`;

/** Ten steps of warm-up, and a linear descent to zero. */
function warmedUp(rate: number, steps: number): (k: number) => number {
  const warm = Math.min(10, steps / 2);
  return (k) => rate * Math.min((k + 1) / warm, (steps - k) / steps);
}

/** The batches of both methods: each is drawn once, and the place before it remembered. */
class Batches {
  readonly #stream: ReturnType<typeof batchStream>;
  readonly #drawn = new Map<number, { readonly batch: TokenBatch; readonly before: BatchStreamState }>();
  #next: number;

  constructor(
    { training }: DividedRows,
    sizes: { readonly padId: number; readonly batchSize: number },
    first: number,
    state: BatchStreamState | undefined,
  ) {
    this.#stream = batchStream(training, { ...sizes, seed: 0, ...(state === undefined ? {} : { state }) });
    this.#next = first;
  }

  /** Returns the batch of step k; both methods ask for it before either asks for the one after the next. */
  at(k: number): TokenBatch {
    while (this.#next <= k) {
      const before = this.#stream.state();
      this.#drawn.set(this.#next++, { batch: this.#stream.next(), before });
    }
    this.#drawn.delete(k - 2);
    const found = this.#drawn.get(k);
    if (found === undefined) throw new Error(`batch ${k} is gone`);
    return found.batch;
  }

  /** Returns the place of the stream before the batch of step k. */
  before(k: number): BatchStreamState {
    return this.#drawn.get(k)?.before ?? this.#stream.state();
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Returns the record of a method that has taken no step. */
export const noRecord = (): MethodRecord => ({ losses: [], validation: [], gaps: [], spectra: [] });

/** Returns the run before its first step. */
export function newRun(model: SavedRun['model'], rows: SavedRun['rows'], settings: RunSettings): SavedRun {
  // Two runs of one moment do not begin: a page trains one at a time.
  return { id: Date.now().toString(36), model, settings, rows, step: 0, records: { lora: noRecord(), balora: noRecord() } };
}
