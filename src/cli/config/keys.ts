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
  let current: unknown = schema;
  for (const key of path) {
    const { valueType, element } = definitionOf(bare(current));
    current = shapeOf(current)[String(key)] ?? valueType ?? element;
  }
  return Object.keys(shapeOf(current));
}

/** Returns the values that a key takes, or `undefined` if they cannot be listed. */
export function choicesOf(schema: unknown): readonly string[] | undefined {
  const { entries } = definitionOf(bare(schema));
  return entries === undefined ? undefined : Object.values(entries);
}

/** Keys of PEFT, transformers, mlx-lm and LLaMA-Factory, where the spelling does not lead to ours. */
const namesElsewhere: Readonly<Record<string, string>> = {
  adapterPath: 'out',
  cutoffLen: 'maxLength',
  dataset: 'data',
  evalSteps: 'evalEvery',
  gradAccumulationSteps: 'accumulate',
  gradCheckpoint: 'recompute',
  gradientAccumulationSteps: 'accumulate',
  gradientCheckpointing: 'recompute',
  iters: 'steps',
  loggingSteps: 'logEvery',
  loraR: 'rank',
  loraRank: 'rank',
  loraTarget: 'targetModules',
  lr: 'learningRate',
  lrSchedulerType: 'schedule',
  maxGradNorm: 'clip',
  maxSeqLength: 'maxLength',
  outputDir: 'out',
  perDeviceTrainBatchSize: 'batchSize',
  r: 'rank',
  saveSteps: 'saveEvery',
  saveTotalLimit: 'keepCheckpoints',
  stepsPerEval: 'evalEvery',
  stepsPerReport: 'logEvery',
  valSize: 'validSplit',
};

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

const byPlainName = new Map(Object.entries(namesElsewhere).map(([name, key]) => [plain(name), key]));

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
