/** Inspects zod schemas, for what messages and help say about a key. */
import type { z } from 'zod';

/** The parts of a schema's definition that are used here. */
interface Definition {
  readonly innerType?: unknown;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
  readonly entries?: Readonly<Record<string, string>>;
}

const definitionOf = (schema: unknown): Definition => (schema as { readonly def?: Definition } | undefined)?.def ?? {};

/** Unwraps a schema from defaults and optionality. */
function bare(schema: unknown): unknown {
  const { innerType } = definitionOf(schema);
  return innerType === undefined ? schema : bare(innerType);
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
