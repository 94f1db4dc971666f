/** The values of flags, read from what was typed. */
import { LineCounter } from 'yaml';
import type { z } from 'zod';
import { accepts, bare } from './config/keys.js';
import { parseYaml } from './config/yaml.js';

/** Matches names separated by commas. A pattern, which may also contain commas, has other characters. */
const nameList = /^[\w.-]+(\s*,\s*[\w.-]+)+$/;

/**
 * Reads a value as YAML, or keeps it as text if the key takes text and not that value. If the key takes a list, `a,b`
 * is a list of names or numbers, and a single value is a list of one.
 *
 * @param schema - schema of the key; `undefined` for what lies within one.
 */
export function flagValue(schema: z.core.$ZodType | undefined, text: string): unknown {
  const document = parseYaml(text, new LineCounter());
  let value: unknown = text;
  try {
    // For YAML nothing is null.
    if (text.trim() !== '' && !('message' in document)) value = document.toJS({ maxAliasCount: 100 });
  } catch {
    // An alias without a target, such as `*`, is plain text.
  }
  if (schema === undefined) return value;
  // In a list of texts, a comma belongs to the text.
  if (nameList.test(text) && accepts(schema, ['x']) && !accepts(schema, ['x y'])) return text.split(/\s*,\s*/);
  const numbers = accepts(schema, [1, 1]) ? text.split(',').map(numberOrText) : undefined;
  if (numbers !== undefined && numbers.length > 1 && accepts(schema, numbers)) return numbers;
  // YAML would take quotes and spaces away from a text.
  if (typeof value !== 'string' && accepts(schema, value)) return value;
  if (typeof value !== 'string' && accepts(schema, [value])) return [value];
  if (accepts(schema, text)) return text;
  if (accepts(schema, [text])) return [text];
  return faultyValue(schema, { text, value, numbers });
}

/**
 * Returns a value that the key does not take in the form in which the fault is seen: the text, or the list, as typed.
 */
function faultyValue(
  schema: z.core.$ZodType,
  { text, value, numbers }: { readonly text: string; readonly value: unknown; readonly numbers: readonly unknown[] | undefined },
): unknown {
  if (typeof value === 'object' && value !== null) return value;
  if (takesText(schema)) return text;
  if (numbers !== undefined && (numbers.length > 1 || !accepts(schema, 1))) return numbers;
  return accepts(schema, ['x']) ? [text] : value;
}

/** Returns true if a key takes texts, perhaps not all of them. */
function takesText(schema: unknown): boolean {
  const { type, options = [] } = (bare(schema) as { readonly def: { readonly type: string; readonly options?: readonly unknown[] } }).def;
  return type === 'string' || options.some(takesText);
}

/** Reads a number; what is none stays text. */
function numberOrText(part: string): number | string {
  const text = part.trim();
  return text === '' || Number.isNaN(Number(text)) ? text : Number(text);
}
