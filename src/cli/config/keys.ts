/** The keys of a zod schema: what messages, flags and help say of them. */
import { z } from 'zod';
import { nearestNames } from '../../core/nearest-names.js';

/** Schemas of common values, with their placeholders in the help. */
export const text = z.string().min(1);
export const folder = text.meta({ placeholder: 'DIR' });
export const modelName = text.meta({ placeholder: 'MODEL' });
export const named = text.meta({ placeholder: 'NAME' });
export const count = (least: number) => z.int().min(least);

/** What a schema says about a key for the help and for runs that are resumed. */
export interface KeyMeta {
  readonly placeholder?: string;
  readonly group?: string;
  readonly role?: string;
  /** True for a list of texts whose flag is given once for each. */
  readonly repeats?: boolean;
}

/** The parts of a schema's definition that are used here. */
interface Definition {
  readonly innerType?: unknown;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
  readonly entries?: Readonly<Record<string, string>>;
}

const definitionOf = (schema: unknown): Definition => (schema as { readonly def?: Definition } | undefined)?.def ?? {};

/** Returns the flag of a key, without dashes: `learning-rate` for `learningRate`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

/** Returns true if a schema takes a value. */
export function accepts(schema: z.core.$ZodType, value: unknown): boolean {
  return (schema as z.ZodType).safeParse(value).success;
}

/** Unwraps a schema from defaults and optionality. */
export function bare(schema: unknown): unknown {
  const { innerType } = definitionOf(schema);
  return innerType === undefined ? schema : bare(innerType);
}

/** Returns the metadata of a key: of its schema, and of what is within defaults and optionality. */
export function metaOf(schema: unknown): KeyMeta {
  const { innerType } = definitionOf(schema);
  return { ...(innerType === undefined ? {} : metaOf(innerType)), ...(schema as z.ZodType).meta() };
}

/** Returns the keys of an object schema, or of all objects among its alternatives. */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> {
  const object = bare(schema);
  const alternatives = (definitionOf(object).options ?? []).map(shapeOf);
  return Object.assign({}, ...alternatives, (object as Partial<z.ZodObject> | undefined)?.shape);
}

/** Returns the keys of the object at a path; empty if there is no such object. */
export function keysAt(schema: z.ZodObject, path: readonly PropertyKey[]): readonly string[] {
  return Object.keys(shapeOf(path.reduce<unknown>(within, schema)));
}

/** Returns the schema of what lies at a key of a value, in whichever alternative has one. */
function within(schema: unknown, key: PropertyKey): unknown {
  const { valueType, element, options = [] } = definitionOf(bare(schema));
  const own = shapeOf(schema)[String(key)] ?? valueType ?? element;
  return own ?? options.map((option) => within(option, key)).find((found) => found !== undefined);
}

/** Returns the values that a key takes, or `undefined` if they cannot be listed. */
export function choicesOf(schema: unknown): readonly string[] | undefined {
  const { entries } = definitionOf(bare(schema));
  return entries === undefined ? undefined : Object.values(entries);
}

/** Keys of PEFT, transformers, mlx-lm and LLaMA-Factory, where the spelling does not lead to ours. */
const namesElsewhere: Readonly<Record<string, string>> = {
  adapterDropout: 'dropout',
  adapterPath: 'out',
  baseModel: 'model',
  baseModelNameOrPath: 'model',
  cutoffLen: 'maxLength',
  dataset: 'data',
  datasetName: 'data',
  datasetPath: 'data',
  datasets: 'data',
  datasetWeights: 'dataWeights',
  earlyStoppingPatience: 'patience',
  evalSteps: 'evalEvery',
  evalStrategy: 'evalEvery',
  evaluationStrategy: 'evalEvery',
  gradAccumulationSteps: 'accumulate',
  gradCheckpoint: 'recompute',
  gradientAccumulationSteps: 'accumulate',
  gradientCheckpointing: 'recompute',
  initLoraWeights: 'start',
  interleaveProbs: 'dataWeights',
  iters: 'steps',
  loggingSteps: 'logEvery',
  loadIn4bit: 'quantize',
  loadIn8bit: 'quantize',
  loraAlpha: 'alpha',
  loraDropout: 'dropout',
  loraModulesToSave: 'modulesToSave',
  loraR: 'rank',
  loraRank: 'rank',
  loraTarget: 'targetModules',
  lr: 'learningRate',
  lrSchedulerType: 'schedule',
  maxGradNorm: 'clip',
  maxSeqLength: 'maxLength',
  maxSteps: 'steps',
  microBatchSize: 'batchSize',
  mixtureWeights: 'dataWeights',
  modelNameOrPath: 'model',
  modelName: 'model',
  numEpochs: 'epochs',
  numTrainEpochs: 'epochs',
  outputDir: 'out',
  peftType: 'method',
  perDeviceEvalBatchSize: 'batchSize',
  perDeviceTrainBatchSize: 'batchSize',
  r: 'rank',
  samplePacking: 'packing',
  saveSteps: 'saveEvery',
  saveTotalLimit: 'keepCheckpoints',
  sequenceLen: 'maxLength',
  stepsPerEval: 'evalEvery',
  stepsPerReport: 'logEvery',
  testSize: 'validSplit',
  trainBatchSize: 'batchSize',
  trainData: 'data',
  trainOnInputs: 'maskPrompt',
  valSetSize: 'validSplit',
  valSize: 'validSplit',
  warmupRatio: 'warmup',
  warmupSteps: 'warmup',
};

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

const byPlainName = new Map(Object.entries(namesElsewhere).map(([name, key]) => [plain(name), key]));

/** Keys of other tools that are no key here, with what does the same. */
const doneElsewhere: Readonly<Record<string, string>> = {
  adamBeta1: 'name it beta1',
  adamBeta2: 'name it beta2',
  adamEpsilon: 'name it epsilon',
  bf16: 'training computes in float32; frozen weights keep the format of their file with weights: keep',
  ddpFindUnusedParameters: 'mpirun -n N bures finetune shares the steps among processes',
  deepspeed: 'mpirun -n N bures finetune shares the steps among processes',
  device: 'name the backend',
  fp16: 'training computes in float32; frozen weights keep the format of their file with weights: keep',
  fsdp: 'mpirun -n N bures finetune shares the steps among processes',
  groupByLength: 'set order to length, which is the default',
  loadBestModelAtEnd: 'the best adapter is always kept, in RUN/best',
  logToWandb: 'a run writes metrics.jsonl and, with tensorboard, event files',
  metricForBestModel: 'the best adapter is that of the lowest validation loss',
  optim: 'name the direction, such as adamw or sgd',
  overwriteOutputDir: 'a run is never written over: choose another out',
  pushToHub: 'the adapter in RUN/best is in the format of PEFT, and can be uploaded as it is',
  reportTo: 'a run writes metrics.jsonl and, with tensorboard, event files',
  resume: 'a run is continued with: bures resume RUN',
  resumeAdapterFile: 'a run is continued with: bures resume RUN',
  resumeFromCheckpoint: 'a run is continued with: bures resume RUN',
  taskType: 'all models are causal language models',
  tokenizer: 'the tokenizer is that of the model',
  trustRemoteCode: 'code of a checkpoint is never run',
};

const byPlainElsewhere = new Map(Object.entries(doneElsewhere).map(([name, remedy]) => [plain(name), remedy]));

/** Returns what does the same as a key of another tool that no key here is like; undefined for any other name. */
export function remedyElsewhere(name: string): string | undefined {
  return byPlainElsewhere.get(plain(name));
}

/**
 * Finds the key of a configuration that an unknown one probably meant.
 *
 * @param name - the key as written, in any case: `max_grad_norm`, `max-grad-norm`.
 * @param known - the valid keys.
 * @returns the key that other tools call so, else the nearest in spelling; `undefined` if none is near.
 */
export function nearestKey(name: string, known: readonly string[]): string | undefined {
  const meant = byPlainName.get(plain(name));
  if (meant !== undefined && known.includes(meant)) return meant;
  const spellings = new Map(known.map((key) => [plain(key), key]));
  const [nearest] = nearestNames(plain(name), spellings.keys(), 1);
  return nearest === undefined ? undefined : spellings.get(nearest);
}
