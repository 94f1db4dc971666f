/** Looking into schemas of zod: what messages and help say of a key that a value alone does not tell. */
import type { z } from 'zod';

/** What of a schema's definition is looked at. */
interface Definition {
  readonly innerType?: unknown;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
  readonly entries?: Readonly<Record<string, string>>;
}

const definitionOf = (schema: unknown): Definition => (schema as { readonly def?: Definition } | undefined)?.def ?? {};

/** A schema without what is wrapped around it: a default, an option. */
function bare(schema: unknown): unknown {
  const { innerType } = definitionOf(schema);
  return innerType === undefined ? schema : bare(innerType);
}

/** The keys of an object's schema, or of all the objects among its alternatives. */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> {
  const object = bare(schema);
  const alternatives = (definitionOf(object).options ?? []).map(shapeOf);
  return Object.assign({}, ...alternatives, (object as Partial<z.ZodObject> | undefined)?.shape);
}

/** The keys that the object at a path knows; none where there is no such object. */
export function keysAt(schema: z.ZodObject, path: readonly PropertyKey[]): readonly string[] {
  let current: unknown = schema;
  for (const key of path) {
    const { valueType, element } = definitionOf(bare(current));
    current = shapeOf(current)[String(key)] ?? valueType ?? element;
  }
  return Object.keys(shapeOf(current));
}

/** The only values that a key takes; `undefined` if they cannot be listed. */
export function choicesOf(schema: unknown): readonly string[] | undefined {
  const { entries } = definitionOf(bare(schema));
  return entries === undefined ? undefined : Object.values(entries);
}
