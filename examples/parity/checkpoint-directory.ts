/**
 * Golden data of a language model (fixtures README, `tiny-qwen2/`): a checkpoint in `base/`, its logits and greedy
 * continuation, and one folder a training run of an adapter.
 *
 * Tolerances are those published with the data: logits to 1e-4, the continuation exactly, losses to 5e-5 at every step.
 * Where a run depends on the signs that an SVD happens to return (BaLoRA in the gauge of the singular vectors with
 * moments that stay behind), losses up to the first one after a projection to 5e-5, and the last within 5 %.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BuresError, balancedProjection, FormatError } from 'bures';
import { createAdapter, type LoraAdapter, type LoraConfig, type LoraStart, loadAdapter, trainer } from 'bures/lora';
import type { CausalLM, ModelOverlay, TokenBatch } from 'bures/models';
import { type GoldenMethod, goldenMethod } from './golden-methods.js';
import { elements, malformed, member, type Place, parseJson, positive, table } from './reader.js';

/** What is allowed: absolutely, but for the last loss of a run that depends on signs, which is relative. */
export const checkpointTolerances = { logits: 1e-4, losses: 5e-5, lastLoss: 0.05 } as const;

/** One check of a directory: one line of output. */
export interface CheckpointLine {
  /** The file, or the folder of a run. */
  readonly file: string;
  /** What was compared. */
  readonly check: 'logits' | 'greedy' | 'run';
  readonly method?: string;
  readonly optimizer?: string;
  /** Learning rate. */
  readonly lr?: number;
  /** Largest deviation of the losses that must agree at every step; null if one is not finite. */
  readonly losses?: number | null;
  /** Relative deviation of the last loss, where only that is held against a tolerance. */
  readonly lastLoss?: number | null;
  /** Largest deviation of logits: of the base, or of the final adapter as its file has it. */
  readonly logits?: number | null;
  /** Likewise of the adapter trained here, where the run does not depend on signs. */
  readonly trainedLogits?: number | null;
  readonly pass: boolean;
}

/** Whether a directory is of this format. */
export const isCheckpointDirectory = (directory: string): boolean => existsSync(path.join(directory, 'base', 'config.json'));

/** What the checks need besides the data. */
export interface CheckpointContext {
  /** The model in `base/`. */
  readonly model: CausalLM;
  /** Tells the person watching what is left out. */
  note(text: string): void;
}

/**
 * Makes all checks of a directory, one after another.
 *
 * @throws FormatError naming file and key where the data is not what the format asks for.
 */
export async function* checkDirectory(directory: string, context: CheckpointContext): AsyncGenerator<CheckpointLine, void, undefined> {
  const root = readPlace(directory, 'logits.json');
  const batches = elements(readPlace(directory, 'batches.json')).map(readBatch);
  yield await checkLogits(root, context);
  yield await checkGreedy(root, context);
  for (const { name } of readdirSync(directory, { withFileTypes: true }).sort((a, b) => a.name.localeCompare(b.name))) {
    if (!existsSync(path.join(directory, name, 'trajectory.json'))) continue;
    const run = readRun(readPlace(directory, path.join(name, 'trajectory.json')), name);
    if (run.golden === undefined) context.note(`parity: ${name}: skipped, the library has no method '${run.name}'`);
    else yield await checkRun(directory, run, run.golden, batches, context);
  }
}

function readPlace(directory: string, file: string): Place {
  let text: string;
  try {
    text = readFileSync(path.join(directory, file), 'utf8');
  } catch (cause) {
    throw new FormatError(
      `parity: ${path.join(directory, file)} cannot be read (${(cause as Error).message}); a checkpoint's folder has logits.json and batches.json beside base/`,
      { cause },
    );
  }
  return { file, key: '', value: parseJson(file, text) };
}

async function checkLogits(root: Place, { model }: CheckpointContext): Promise<CheckpointLine> {
  let largest = 0;
  for (const place of elements(member(root, 'cases'))) {
    const ids = Int32Array.from(elements(member(place, 'ids')).map(integer));
    const logits = await logitsOf(model, { batch: 1, length: ids.length, inputIds: ids });
    const last = elements(member(place, 'logits_last')).map(number);
    const first = table(member(place, 'logits_first8'));
    const width = logits.length / ids.length;
    last.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - logits[logits.length - width + i]));
    });
    first.values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - logits[Math.floor(i / first.columns) * width + (i % first.columns)]));
    });
  }
  return { file: root.file, check: 'logits', logits: finiteOrNull(largest), pass: largest <= checkpointTolerances.logits };
}

async function checkGreedy(root: Place, { model }: CheckpointContext): Promise<CheckpointLine> {
  const golden = member(root, 'greedy');
  const prompt = elements(member(golden, 'prompt')).map(integer);
  const out = elements(member(golden, 'out')).map(integer);
  const ours = [...prompt];
  for await (const token of model.generate(prompt, { maxNewTokens: out.length - prompt.length, temperature: 0, stopTokens: [] }))
    ours.push(token);
  return { file: root.file, check: 'greedy', pass: ours.join() === out.join() };
}

/** A golden run. */
interface GoldenRun {
  /** Its folder. */
  readonly folder: string;
  /** As the file calls its method. */
  readonly name: string;
  /** `undefined` where the library has none. */
  readonly golden: GoldenMethod | undefined;
  readonly learningRate: number;
  /** Whether the run starts on W₀ − sA₀B₀, its own start taken out of the base. */
  readonly changesBase: boolean;
  readonly losses: readonly number[];
  readonly finalLogits: readonly number[];
}

function readRun(root: Place, folder: string): GoldenRun {
  const name = text(member(root, 'method'));
  return {
    folder,
    name,
    golden: goldenMethod(root, name),
    learningRate: positive(member(root, 'lr')),
    changesBase: typeof (root.value as Readonly<Record<string, unknown>>).base === 'string',
    losses: elements(member(root, 'losses')).map(number),
    finalLogits: elements(member(root, 'final_logits_last')).map(number),
  };
}

async function checkRun(
  directory: string,
  run: GoldenRun,
  golden: GoldenMethod,
  batches: readonly TokenBatch[],
  { model }: CheckpointContext,
): Promise<CheckpointLine> {
  const { folder, name, learningRate, losses: published, finalLogits } = run;
  const { method, optimizer, direction, sure } = golden;
  const about = {
    file: folder,
    check: 'run',
    method: name,
    optimizer: direction === undefined ? 'adamw' : 'sgd',
    lr: learningRate,
  } as const;
  const [{ length, inputIds }] = batches;
  const probe: TokenBatch = { batch: 1, length, inputIds: inputIds.slice(0, length) };
  const lastLogits = async (overlay: () => ModelOverlay): Promise<number> => {
    const logits = await logitsOf(model, probe, overlay);
    return deviation(logits.slice(-finalLogits.length), finalLogits);
  };
  // On the original base: an adapter whose start changed the base has a portable form beside it.
  const final = await loadAdapter(model, path.join(directory, folder, run.changesBase ? 'portable' : 'final'));
  const logits = await lastLogits(() => final.overlay()).finally(() => final.dispose());
  const { targetModules } = final.config;
  const adapter = await startOf(path.join(directory, folder, 'init'), model, golden, { changesBase: run.changesBase, targetModules });
  try {
    const training = trainer(adapter, {
      method,
      learningRate,
      nextBatch: (k) => batches[k % batches.length],
      steps: published.length,
      optimizer,
      ...(direction === undefined ? {} : { direction }),
    });
    const losses: number[] = [];
    for await (const { loss } of training) losses.push(loss);
    training.dispose();
    const certain = deviation(losses.slice(0, sure), published.slice(0, sure));
    const lastLoss = Math.abs(losses[losses.length - 1] / published[published.length - 1] - 1);
    const trainedLogits = await lastLogits(() => adapter.overlay());
    const lossesPass = certain <= checkpointTolerances.losses && (sure === undefined || lastLoss <= checkpointTolerances.lastLoss);
    const logitsPass = logits <= checkpointTolerances.logits && (sure !== undefined || trainedLogits <= checkpointTolerances.logits);
    return {
      ...about,
      losses: finiteOrNull(certain),
      ...(sure === undefined ? { trainedLogits: finiteOrNull(trainedLogits) } : { lastLoss: finiteOrNull(lastLoss) }),
      logits: finiteOrNull(logits),
      pass: lossesPass && logitsPass,
    };
  } catch (error) {
    // A run that breaks down is a failure of that run, not of the data.
    if (!(error instanceof BuresError) || error.code === 'BURES_FORMAT') throw error;
    return { ...about, losses: null, pass: false };
  } finally {
    adapter.dispose();
  }
}

/**
 * The adapter that a run starts with; its product is taken out of the base, or its factors balanced, where the run says
 * so. Trained weights start as they are, with the modules of `final`.
 */
async function startOf(
  folder: string,
  model: CausalLM,
  { method, rank: trainedRank, balancedStart = false }: GoldenMethod,
  { changesBase, targetModules: trained }: { readonly changesBase: boolean; readonly targetModules: LoraConfig['targetModules'] },
): Promise<LoraAdapter> {
  if (method.geometry.trains === 'weights') {
    return createAdapter(model, {
      method,
      ...(trainedRank === undefined ? {} : { rank: trainedRank }),
      ...(trained === undefined ? {} : { targetModules: trained }),
    });
  }
  const loaded = await loadAdapter(model, folder, { method });
  if (!changesBase && !balancedStart) return loaded;
  const la = model.algebra;
  const { pairs = {} } = loaded.point;
  const factors = new Map(
    await Promise.all(
      loaded.layout.stacks.map(async ({ key, targets }) => {
        const { A, B } = pairs[key];
        return [key, { A: await la.toArray(A), B: await la.toArray(B), targets }] as const;
      }),
    ),
  );
  const { rank, alpha, targetModules } = loaded.config;
  loaded.dispose();
  const start: LoraStart = {
    name: 'golden',
    changesBase,
    factors({ target }) {
      for (const { A, B, targets } of factors.values()) {
        const at = targets.findIndex(({ module }) => module.name === target.module.name);
        if (at < 0) continue;
        const slice = (values: Float64Array, rows: number, columns: number) =>
          la.fromArray(values.subarray(at * rows * columns, (at + 1) * rows * columns), [rows, columns]);
        const pair = { A: slice(A, target.module.outFeatures, target.rank), B: slice(B, target.rank, target.module.inFeatures) };
        return balancedStart ? balancedProjection(la, pair) : pair;
      }
      throw new FormatError(`parity: ${folder} has no adapter for ${target.module.name}; check the data`);
    },
  };
  return createAdapter(model, { method: { ...method, start }, rank, alpha, targetModules });
}

async function logitsOf(model: CausalLM, batch: TokenBatch, overlay?: () => ModelOverlay): Promise<Float64Array> {
  const la = model.algebra;
  return la.tidy(() => la.toArray(model.logits(batch, overlay === undefined ? {} : { overlay: overlay() })));
}

function readBatch(place: Place): TokenBatch {
  const [ids, mask, labels] = (['input_ids', 'attention_mask', 'labels'] as const).map((name) => table(member(place, name)));
  if (mask.values.length !== ids.values.length || labels.values.length !== ids.values.length) {
    throw malformed(place, 'input_ids, attention_mask and labels of one shape');
  }
  return {
    batch: ids.rows,
    length: ids.columns,
    inputIds: Int32Array.from(ids.values),
    attentionMask: Uint8Array.from(mask.values),
    labels: Int32Array.from(labels.values),
  };
}

function deviation(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) return Number.NaN;
  return Math.max(0, ...Array.from(ours, (value, i) => Math.abs(value - theirs[i])));
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

function text(place: Place): string {
  if (typeof place.value !== 'string') throw malformed(place, 'a text');
  return place.value;
}

function number(place: Place): number {
  if (typeof place.value !== 'number') throw malformed(place, 'a number');
  return place.value;
}

function integer(place: Place): number {
  if (!Number.isInteger(place.value)) throw malformed(place, 'an integer');
  return place.value as number;
}
