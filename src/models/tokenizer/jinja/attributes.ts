/** Attributes and elements of values, in the order in which Jinja looks for them. */
import { methodOf } from './methods.js';
import { elementOf } from './operators.js';
import { entriesIn, isDict, isText, kindOf, repr, requireDefined, textOf, undefinedValue } from './runtime.js';
import type { Value } from './template-values.js';

const inside = (value: Value, key: string): Value | undefined =>
  isDict(value) || value.type === 'NamespaceValue' ? entriesIn(value).get(key) : undefined;

/** Reads `value.name`: a method before a key of the name. @throws Error if the value is undefined. */
export function attributeOf(value: Value, name: string): Value {
  requireDefined(value);
  return methodOf(value, name) ?? inside(value, name) ?? missing(value, `'${name}'`);
}

/** Reads `value[index]`: a key before a method of the name. @throws Error if the value is undefined. */
export function itemOf(value: Value, index: Value): Value {
  requireDefined(value);
  if (!isText(index)) return elementOf(value, index) ?? missing(value, repr(index));
  const name = textOf(index);
  return inside(value, name) ?? methodOf(value, name) ?? missing(value, `'${name}'`);
}

const missing = (value: Value, name: string): Value => undefinedValue(`'${kindOf(value)} object' has no attribute ${name}, which`);
