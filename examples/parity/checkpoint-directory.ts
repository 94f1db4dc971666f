/**
 * Golden data of a language model (fixtures README, `tiny-qwen2/`): a checkpoint in `base/`, its logits and greedy continuation, and one folder a training run of an adapter.
 *
 * Tolerances are those published with the data: logits to 1e-4, the continuation exactly, losses to 5e-5 at every step. Where a run depends on the signs that an SVD happens to return (BaLoRA in the
 * gauge of the singular vectors with moments that stay behind), losses up to the first one after a projection to 5e-5, and the last within 5 %.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BuresError, type DirectionRule, sgd } from 'bures';
import { balora, dora, type LoraMethod, loadAdapter, lora, loraPlus, olora, pissa, rslora, scaled, trainer } from 'bures/lora';
import type { CausalLM, ModelOverlay, TokenBatch } from 'bures/models';
import { choice, elements, malformed, member, type Place, parseJson, positive, table } from './reader.js';

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
  yield await checkLogits(root, context);
  yield await checkGreedy(root, context);
  const batches = elements(readPlace(directory, 'batches.json')).map(readBatch);
  for (const { name } of readdirSync(directory, { withFileTypes: true }).sort((a, b) => a.name.localeCompare(b.name))) {
    if (!existsSync(path.join(directory, name, 'trajectory.json'))) continue;
    const run = readRun(readPlace(directory, path.join(name, 'trajectory.json')), name);
    if (run.method === undefined) context.note(`parity: ${name}: skipped, the library has no method '${run.name}'`);
    else yield await checkRun(directory, run, run.method, batches, context);
  }
}

function readPlace(directory: string, file: string): Place {
  return { file, key: '', value: parseJson(file, readFileSync(path.join(directory, file), 'utf8')) };
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
  readonly method: LoraMethod | undefined;
  readonly optimizer: 'adamw' | 'sgd';
  readonly learningRate: number;
  readonly losses: readonly number[];
  readonly finalLogits: readonly number[];
  /** How many losses must agree, where the rest depends on signs. */
  readonly sure: number | undefined;
}

const moments = { none: 'keep', first: 'transport-first', 'first+second': 'transport' } as const;

function readRun(root: Place, folder: string): GoldenRun {
  const name = text(member(root, 'method'));
  const losses = elements(member(root, 'losses')).map(number);
  const optimizer = choice(member(root, 'optimizer'), ['adamw', 'sgd']);
  const method = name.startsWith('balora') ? readBalora(root) : methods[name];
  const signs =
    name.startsWith('balora') &&
    optimizer === 'adamw' &&
    member(root, 'gauge').value === 'svd' &&
    member(root, 'moment_transport').value === null;
  return {
    folder,
    name,
    method,
    optimizer,
    learningRate: positive(member(root, 'lr')),
    losses,
    finalLogits: elements(member(root, 'final_logits_last')).map(number),
    sure: signs ? positive(member(root, 'project_every')) + 1 : undefined,
  };
}

/** By the names that the data has for them. */
const methods: Readonly<Record<string, LoraMethod>> = {
  lora: lora(),
  lora_warm: lora(),
  lora_sgd: lora(),
  rslora: rslora(),
  loraplus: loraPlus({ ratio: 16 }),
  scaled_adamw: scaled({ damping: 1e-2 }),
  dora: dora(),
  olora: olora(),
  pissa: pissa(),
};

function readBalora(root: Place): LoraMethod {
  const transport = member(root, 'moment_transport');
  const key = choice({ ...transport, value: transport.value ?? 'none' }, ['none', 'first', 'first+second']);
  return balora({
    gauge: choice(member(root, 'gauge'), ['svd', 'nearest']),
    moments: moments[key],
    every: positive(member(root, 'project_every')),
  });
}

async function checkRun(
  directory: string,
  run: GoldenRun,
  method: LoraMethod,
  batches: readonly TokenBatch[],
  { model }: CheckpointContext,
): Promise<CheckpointLine> {
  const { folder, name, optimizer, learningRate, losses: golden, finalLogits, sure } = run;
  const [{ length, inputIds }] = batches;
  const probe: TokenBatch = { batch: 1, length, inputIds: inputIds.slice(0, length) };
  const lastLogits = async (overlay: () => ModelOverlay): Promise<number> => {
    const logits = await logitsOf(model, probe, overlay);
    return deviation(logits.slice(-finalLogits.length), finalLogits);
  };
  const final = await loadAdapter(model, path.join(directory, folder, 'final'));
  const logits = await lastLogits(() => final.overlay()).finally(() => final.dispose());
  const adapter = await loadAdapter(model, path.join(directory, folder, 'init'));
  try {
    const direction: { readonly direction?: DirectionRule } = optimizer === 'sgd' ? { direction: sgd() } : {};
    const training = trainer(adapter, {
      method,
      learningRate,
      nextBatch: (k) => batches[k % batches.length],
      steps: golden.length,
      optimizer: { weightDecay: name === 'loraplus' ? 0 : 0.01 },
      ...direction,
    });
    const losses: number[] = [];
    for await (const { loss } of training) losses.push(loss);
    training.dispose();
    const certain = deviation(losses.slice(0, sure), golden.slice(0, sure));
    const lastLoss = Math.abs(losses[losses.length - 1] / golden[golden.length - 1] - 1);
    const trainedLogits = await lastLogits(() => adapter.overlay());
    const lossesPass = certain <= checkpointTolerances.losses && (sure === undefined || lastLoss <= checkpointTolerances.lastLoss);
    const logitsPass = logits <= checkpointTolerances.logits && (sure !== undefined || trainedLogits <= checkpointTolerances.logits);
    return {
      file: folder,
      check: 'run',
      method: name,
      optimizer,
      lr: learningRate,
      losses: finiteOrNull(certain),
      ...(sure === undefined ? { trainedLogits: finiteOrNull(trainedLogits) } : { lastLoss: finiteOrNull(lastLoss) }),
      logits: finiteOrNull(logits),
      pass: lossesPass && logitsPass,
    };
  } catch (error) {
    // A run that breaks down is a failure of that run, not of the data.
    if (!(error instanceof BuresError) || error.code === 'BURES_FORMAT') throw error;
    return { file: folder, check: 'run', method: name, optimizer, lr: learningRate, losses: null, pass: false };
  } finally {
    adapter.dispose();
  }
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
