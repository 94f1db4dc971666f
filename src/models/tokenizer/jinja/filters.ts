/** The filters of Jinja 3.1 that templates of conversations use, as Python has them. */
import { WholeArguments } from './arguments.js';
import { toJson } from './json.js';
import { capitalized, lineEnds, replaced, stripped } from './methods.js';
import { binary, formatted, pairsOf } from './operators.js';
import {
  charactersOf,
  compare,
  entriesIn,
  equal,
  float,
  generator,
  integer,
  isBool,
  isDict,
  isFloat,
  isGenerator,
  isInteger,
  isList,
  isNone,
  isNumber,
  isText,
  isUndefined,
  itemsOf,
  iterate,
  kindOf,
  list,
  numberOf,
  requireDefined,
  str,
  text,
  textOf,
  truth,
  tuple,
  undefinedValue,
} from './runtime.js';
import type { Value } from './template-values.js';
import { test } from './tests.js';

/** What filters need of the interpreter. */
export interface FilterContext {
  /** Reads an attribute or a key of a value, as `environment.getitem` does. */
  attribute(value: Value, name: Value): Value;
  /** Applies another filter, as {@link filter} does, and pays for it. */
  apply(name: string, value: Value, args: WholeArguments): Value;
}

type Filter = (value: Value, args: WholeArguments, context: FilterContext) => Value;

/** Reads an attribute by its path, such as `function.name` or `parts.0`. */
function reader(path: Value | undefined, context: FilterContext, otherwise?: Value): (item: Value) => Value {
  if (path === undefined || isNone(path)) return (item) => item;
  const steps = isText(path)
    ? textOf(path)
        .split('.')
        .map((step) => (/^\d+$/.test(step) ? integer(Number(step)) : text(step)))
    : [path];
  return (item) => {
    let value = item;
    for (const step of steps) {
      value = context.attribute(value, step);
      if (isUndefined(value) && otherwise !== undefined) value = otherwise;
    }
    return value;
  };
}

const lowered = (value: Value): Value => (isText(value) ? text(textOf(value).toLowerCase()) : value);

function sorted(items: readonly Value[], key: (item: Value) => Value, reverse: boolean): readonly Value[] {
  const keyed = items.map((item) => ({ item, by: key(item) }));
  // Python keeps the order of equal elements in reverse as well.
  keyed.sort((one, other) => (reverse ? -1 : 1) * compare(one.by, other.by));
  return keyed.map(({ item }) => item);
}

/** Elements for filters that take any false value for an empty list. */
const elementsOf = (value: Value): readonly Value[] => (truth(value) ? iterate(value) : []);

function chosen(value: Value, args: WholeArguments, keep: boolean, read: (item: Value) => Value): Value {
  const [name, ...rest] = args.positional;
  const passes = (item: Value): boolean => (name === undefined ? truth(item) : test(str(name), item, rest));
  return generator(elementsOf(value).filter((item) => passes(read(item)) === keep));
}

function extreme(value: Value, args: WholeArguments, context: FilterContext, sign: number): Value {
  const read = reader(args.optional(1, 'attribute'), context);
  const key = (item: Value): Value => (args.flag(0, 'case_sensitive', false) ? read(item) : lowered(read(item)));
  const items = iterate(value);
  if (items.length === 0) return undefinedValue('No aggregated item, sequence was empty.');
  return items.reduce((best, item) => (sign * compare(key(item), key(best)) < 0 ? item : best));
}

function lengthOf(value: Value): number {
  if (isText(value)) return charactersOf(textOf(value)).length;
  if (isList(value) && !isGenerator(value)) return itemsOf(value).length;
  if (isDict(value)) return entriesIn(value).size;
  if (isUndefined(value)) return 0;
  throw new Error(`object of type '${kindOf(value)}' has no len()`);
}

function toInteger(value: Value, args: WholeArguments): Value {
  requireDefined(value);
  const otherwise = args.optional(0, 'default') ?? integer(0);
  if (isInteger(value)) return value;
  if (isBool(value)) return integer(Number(value.value));
  if (isFloat(value)) return Number.isFinite(numberOf(value)) ? integer(BigInt(Math.trunc(numberOf(value)))) : otherwise;
  if (!isText(value)) return otherwise;
  const trimmed = stripped(textOf(value), undefined, 'both').replace(/(?<=\d)_(?=\d)/g, '');
  const base = args.integer(1, 'base', 10);
  if (base !== 10) {
    const parsed = Number.parseInt(trimmed, base);
    return Number.isNaN(parsed) ? otherwise : integer(parsed);
  }
  if (/^[+-]?\d+$/.test(trimmed)) return integer(BigInt(trimmed.replace(/^\+/, '')));
  const parsed = floatIn(trimmed);
  return parsed === undefined || !Number.isFinite(parsed) ? otherwise : integer(BigInt(Math.trunc(parsed)));
}

function floatIn(value: string): number | undefined {
  const trimmed = stripped(value, undefined, 'both');
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed)) return Number(trimmed);
  if (/^[+-]?inf(?:inity)?$/i.test(trimmed)) return trimmed.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?nan$/i.test(trimmed) ? Number.NaN : undefined;
}

function rounded(value: Value, args: WholeArguments): Value {
  requireDefined(value);
  if (!isNumber(value)) throw new Error(`type ${kindOf(value)} doesn't define __round__ method`);
  const places = args.integer(0, 'precision', 0);
  const method = args.optional(1, 'method') === undefined ? 'common' : args.text(1, 'method');
  const scale = 10 ** places;
  const scaled = numberOf(value) * scale;
  if (method === 'ceil') return float(Math.ceil(scaled) / scale);
  if (method === 'floor') return float(Math.floor(scaled) / scale);
  if (method !== 'common') throw new Error('method must be common, ceil or floor');
  if (!isFloat(value)) return places >= 0 ? binary('+', value, integer(0)) : integer(halfToEven(scaled) / scale);
  // Python rounds the decimal expansion itself, so that 2.675 becomes 2.67; halves go to the even digit.
  if (places > 0) return float(Number(numberOf(value).toFixed(Math.min(places, 100))));
  return float(halfToEven(scaled) / scale);
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rounded = value - floor !== 0.5 ? Math.round(value) : floor % 2 === 0 ? floor : floor + 1;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

/** Writes a line end after a text first, as Jinja does, which no other kind of value takes. */
function indented(given: Value, args: WholeArguments): string {
  requireDefined(given);
  if (!isText(given)) throw new Error(`unsupported operand type(s) for +=: '${kindOf(given)}' and 'str'`);
  const value = textOf(given);
  const width = args.optional(0, 'width');
  const indent = width !== undefined && isText(width) ? textOf(width) : ' '.repeat(Math.max(0, args.integer(0, 'width', 4)));
  const [first, blank] = [args.flag(1, 'first', false), args.flag(2, 'blank', false)];
  const all = value.split(lineEnds);
  const [head, ...rest] = all;
  const joined = blank ? all.join(`\n${indent}`) : [head, ...rest.map((line) => (line === '' ? line : indent + line))].join('\n');
  return first ? indent + joined : joined;
}

function batches(value: Value, args: WholeArguments): Value {
  const size = Math.max(1, args.integer(0, 'linecount', 1));
  const fill = args.optional(1, 'fill_with');
  const items = iterate(value);
  const made: Value[] = [];
  for (let start = 0; start < items.length; start += size) {
    const batch = [...items.slice(start, start + size)];
    while (fill !== undefined && !isNone(fill) && batch.length < size) batch.push(fill);
    made.push(list(batch));
  }
  return generator(made);
}

const escaped = (value: string): string =>
  value.replace(/[&<>'"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' })[one] ?? one);

/** Capitalizes words as Jinja's filter does, which is not `str.title`. */
const titledWords = (value: string): string =>
  value
    .split(/([-\s({[<]+)/)
    .map((word) => capitalized(word))
    .join('');

function joined(value: Value, args: WholeArguments, context: FilterContext): Value {
  const read = reader(args.optional(1, 'attribute'), context);
  const by = args.optional(0, 'd');
  return text(
    iterate(value)
      .map((item) => str(read(item)))
      .join(by === undefined ? '' : str(by)),
  );
}

function mapped(value: Value, args: WholeArguments, context: FilterContext): Value {
  const [name, ...rest] = args.positional;
  if (name === undefined) {
    if (!args.named.has('attribute')) throw new Error('map requires a filter argument');
    return generator(elementsOf(value).map(reader(args.named.get('attribute'), context, args.named.get('default'))));
  }
  const inner = Object.assign(new WholeArguments(str(name), rest), { named: args.named });
  return generator(elementsOf(value).map((item) => context.apply(str(name), item, inner)));
}

function ordered(value: Value, args: WholeArguments): Value {
  if (!isDict(value)) throw new Error(`'${kindOf(value)}' object has no attribute 'items'`);
  const by = args.optional(1, 'by') === undefined ? 'key' : args.text(1, 'by');
  if (by !== 'key' && by !== 'value') throw new Error('You can only sort by either "key" or "value"');
  const part = (pair: Value): Value => itemsOf(pair)[by === 'key' ? 0 : 1];
  const key = (pair: Value): Value => (args.flag(0, 'case_sensitive', false) ? part(pair) : lowered(part(pair)));
  return list(sorted(pairsOf(value), key, args.flag(2, 'reverse', false)));
}

function uniques(value: Value, args: WholeArguments, context: FilterContext): Value {
  const read = reader(args.optional(1, 'attribute'), context);
  const seen: Value[] = [];
  const kept = iterate(value).filter((item) => {
    const key = args.flag(0, 'case_sensitive', false) ? read(item) : lowered(read(item));
    if (seen.some((one) => equal(one, key))) return false;
    seen.push(key);
    return true;
  });
  return generator(kept);
}

function groups(value: Value, args: WholeArguments, context: FilterContext): Value {
  const read = reader(args.required(0, 'attribute'), context, args.optional(1, 'default'));
  const key = (item: Value): Value => (args.flag(2, 'case_sensitive', false) ? read(item) : lowered(read(item)));
  const made: { readonly by: Value; readonly name: Value; readonly items: Value[] }[] = [];
  for (const item of sorted(iterate(value), key, false)) {
    const last = made.at(-1);
    if (last !== undefined && equal(last.by, key(item))) last.items.push(item);
    else made.push({ by: key(item), name: read(item), items: [item] });
  }
  return list(made.map(({ name, items }) => list([name, list(items)])));
}

const defaulted = (value: Value, args: WholeArguments): Value => {
  const otherwise = args.optional(0, 'default_value') ?? text('');
  return isUndefined(value) || (args.flag(1, 'boolean', false) && !truth(value)) ? otherwise : value;
};

const filters: Readonly<Record<string, Filter>> = {
  abs: (value) => {
    requireDefined(value);
    if (!isNumber(value)) throw new Error(`bad operand type for abs(): '${kindOf(value)}'`);
    return isFloat(value) ? float(Math.abs(numberOf(value))) : binary('*', value, integer(numberOf(value) < 0 ? -1 : 1));
  },
  batch: batches,
  capitalize: (value) => text(capitalized(str(value))),
  center: (value, args) => {
    const [content, width] = [str(value), args.integer(0, 'width', 80)];
    const missing = Math.max(0, width - charactersOf(content).length);
    const left = Math.floor(missing / 2) + (missing & width & 1);
    return text(' '.repeat(left) + content + ' '.repeat(missing - left));
  },
  count: (value) => integer(lengthOf(value)),
  d: defaulted,
  default: defaulted,
  dictsort: ordered,
  e: (value) => text(escaped(str(value))),
  escape: (value) => text(escaped(str(value))),
  first: (value) => iterate(value)[0] ?? undefinedValue('No first item, sequence was empty.'),
  float: (value, args) => {
    requireDefined(value);
    const found = isNumber(value) ? numberOf(value) : isText(value) ? floatIn(textOf(value)) : undefined;
    return found === undefined ? (args.optional(0, 'default') ?? float(0)) : float(found);
  },
  format: (value, args) => text(formatted(str(value), args.positional)),
  groupby: groups,
  indent: (value, args) => text(indented(value, args)),
  int: toInteger,
  items: (value) => {
    if (isUndefined(value)) return generator([]);
    if (!isDict(value)) throw new Error('Can only get item pairs from a mapping.');
    return generator(pairsOf(value));
  },
  join: joined,
  last: (value) => {
    if (isGenerator(value)) throw new Error("'generator' object is not reversible");
    return iterate(value).at(-1) ?? undefinedValue('No last item, sequence was empty.');
  },
  length: (value) => integer(lengthOf(value)),
  list: (value) => list(iterate(value)),
  lower: (value) => text(str(value).toLowerCase()),
  map: mapped,
  max: (value, args, context) => extreme(value, args, context, -1),
  min: (value, args, context) => extreme(value, args, context, 1),
  reject: (value, args) => chosen(value, args, false, (item) => item),
  rejectattr: (value, args, context) => chosen(value, args.after(1), false, reader(args.required(0, 'attribute'), context)),
  replace: (value, args) => {
    const count = args.optional(2, 'count');
    return text(
      replaced(
        str(value),
        str(args.required(0, 'old')),
        str(args.required(1, 'new')),
        count === undefined || isNone(count) ? -1 : numberOf(count),
      ),
    );
  },
  reverse: (value) => {
    if (isText(value)) return text([...charactersOf(textOf(value))].reverse().join(''));
    return generator([...iterate(value)].reverse());
  },
  round: rounded,
  safe: (value) => (isText(value) ? value : text(str(value))),
  select: (value, args) => chosen(value, args, true, (item) => item),
  selectattr: (value, args, context) => chosen(value, args.after(1), true, reader(args.required(0, 'attribute'), context)),
  sort: (value, args, context) => {
    const read = reader(args.optional(2, 'attribute'), context);
    const key = (item: Value): Value => (args.flag(1, 'case_sensitive', false) ? read(item) : lowered(read(item)));
    return list(sorted(iterate(value), key, args.flag(0, 'reverse', false)));
  },
  string: (value) => text(str(value)),
  sum: (value, args, context) => {
    const read = reader(args.optional(0, 'attribute'), context);
    return iterate(value).reduce((total, item) => binary('+', total, read(item)), args.optional(1, 'start') ?? integer(0));
  },
  title: (value) => text(titledWords(str(value))),
  tojson: (value, args) => text(toJson(value, args)),
  trim: (value, args) => text(stripped(str(value), args.optional(0, 'chars'), 'both')),
  // Not one of Jinja's: see program.ts.
  tuple: (value) => tuple(itemsOf(value)),
  unique: uniques,
  upper: (value) => text(str(value).toUpperCase()),
  wordcount: (value) => integer(str(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
};

/**
 * Applies a filter.
 *
 * @throws Error, in Python's words, for an unknown filter or values that it does not take.
 */
export function filter(name: string, value: Value, args: WholeArguments, context: FilterContext): Value {
  if (Object.hasOwn(filters, name)) return filters[name](value, args, context);
  throw new Error(`No filter named '${name}'.`);
}
