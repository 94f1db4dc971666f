/** Python's methods of texts, lists and objects, and its reading of attributes. */
import { WholeArguments } from './arguments.js';
import { pairsOf } from './operators.js';
import {
  bool,
  callable,
  charactersOf,
  dict,
  entriesIn,
  equal,
  integer,
  isDict,
  isList,
  isNone,
  isText,
  itemsOf,
  iterate,
  kindOf,
  list,
  none,
  str,
  text,
  textOf,
  tuple,
} from './runtime.js';
import type { Value } from './template-values.js';

/** Python's white space; JavaScript has U+FEFF besides, and lacks some control characters. */
const space = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
/** Characters that end a line in Python. */
const lineBreaks = '\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029';
const spaceRuns = new RegExp(`[${space}]+`);
const leadingSpace = new RegExp(`^[${space}]+`);
const onlySpace = new RegExp(`^[${space}]+$`);
/** What ends a line in Python's `splitlines`. */
export const lineEnds = new RegExp(`\\r\\n|[${lineBreaks}]`, 'g');

type Method<Self> = (self: Self, args: WholeArguments) => Value;

/** Removes characters, or white space, from the ends of a text. */
export function stripped(value: string, characters: Value | undefined, sides: 'both' | 'left' | 'right'): string {
  if (characters === undefined || isNone(characters)) {
    const start = sides === 'right' ? 0 : (leadingSpace.exec(value)?.[0].length ?? 0);
    let end = value.length;
    if (sides !== 'left') while (end > start && onlySpace.test(value[end - 1])) end -= 1;
    return value.slice(start, end);
  }
  if (!isText(characters)) throw new Error(`strip arg must be None or str, not ${kindOf(characters)}`);
  const removed = new Set(charactersOf(textOf(characters)));
  const all = charactersOf(value);
  let [start, end] = [0, all.length];
  if (sides !== 'right') while (start < end && removed.has(all[start])) start += 1;
  if (sides !== 'left') while (end > start && removed.has(all[end - 1])) end -= 1;
  return all.slice(start, end).join('');
}

/** Replaces a text within another, everywhere or some times. */
export function replaced(value: string, old: string, by: string, count: number): string {
  if (count < 0)
    return old === ''
      ? by +
          charactersOf(value)
            .map((one) => one + by)
            .join('')
      : value.split(old).join(by);
  const pieces = old === '' ? ['', ...charactersOf(value), ''] : value.split(old);
  if (old === '') {
    // Python puts it before each character and at the end.
    const all = charactersOf(value);
    let made = '';
    for (const [index, one] of all.entries()) made += (index < count ? by : '') + one;
    return made + (all.length < count ? by : '');
  }
  if (pieces.length - 1 <= count) return pieces.join(by);
  return [...pieces.slice(0, count), pieces.slice(count).join(old)].join(by);
}

const titled = (value: string): string =>
  value.replace(/\p{L}+/gu, (word) => {
    const [first, ...rest] = charactersOf(word);
    return first.toUpperCase() + rest.join('').toLowerCase();
  });

export function capitalized(value: string): string {
  const [first = '', ...rest] = charactersOf(value);
  return first.toUpperCase() + rest.join('').toLowerCase();
}

function split(value: string, separator: Value | undefined, most: number, fromRight: boolean): readonly string[] {
  if (separator === undefined || isNone(separator)) {
    const inner = stripped(value, undefined, fromRight ? 'right' : 'left');
    const words = inner === '' ? [] : inner.split(spaceRuns).filter((word) => word !== '');
    if (most < 0 || words.length <= most) return words;
    return fromRight ? restAtStart(inner, words, most) : restAtEnd(inner, words, most);
  }
  if (!isText(separator)) throw new Error(`must be str or None, not ${kindOf(separator)}`);
  const by = textOf(separator);
  if (by === '') throw new Error('empty separator');
  const pieces = value.split(by);
  if (most < 0 || pieces.length - 1 <= most) return pieces;
  if (fromRight) {
    const kept = pieces.length - most;
    return [pieces.slice(0, kept).join(by), ...pieces.slice(kept)];
  }
  return [...pieces.slice(0, most), pieces.slice(most).join(by)];
}

function restAtEnd(value: string, words: readonly string[], most: number): readonly string[] {
  let rest = value;
  const taken = words.slice(0, most);
  for (const word of taken) rest = stripped(rest.slice(rest.indexOf(word) + word.length), undefined, 'left');
  return rest === '' ? taken : [...taken, rest];
}

function restAtStart(value: string, words: readonly string[], most: number): readonly string[] {
  let rest = value;
  const taken = most === 0 ? [] : words.slice(-most);
  for (const word of [...taken].reverse()) rest = stripped(rest.slice(0, rest.lastIndexOf(word)), undefined, 'right');
  return rest === '' ? taken : [rest, ...taken];
}

/** Splits a text at its line ends. */
function lines(value: string, keep: boolean): readonly string[] {
  const found: string[] = [];
  let done = 0;
  for (const match of value.matchAll(lineEnds)) {
    found.push(value.slice(done, match.index + (keep ? match[0].length : 0)));
    done = match.index + match[0].length;
  }
  return done < value.length ? [...found, value.slice(done)] : found;
}

const texts = (values: readonly string[]): Value => list(values.map(text));
const count = (value: Value | undefined): number => (value === undefined || isNone(value) ? -1 : Number(value.value));

function startsOrEnds(name: 'startsWith' | 'endsWith', self: string, args: WholeArguments): Value {
  const sought = args.required(0, 'prefix');
  const from = charactersOf(self)
    .slice(args.integer(1, 'start', 0))
    .join('');
  const all = isText(sought) ? [sought] : isList(sought) ? itemsOf(sought) : [];
  if (all.length === 0 && !isList(sought))
    throw new Error(`${name.toLowerCase()} first arg must be str or a tuple of str, not ${kindOf(sought)}`);
  return bool(all.some((one) => from[name](textOf(one))));
}

const isAll = (value: string, pattern: RegExp): Value => bool(value !== '' && pattern.test(value));

function cased(self: string, to: 'toLowerCase' | 'toUpperCase', other: 'toLowerCase' | 'toUpperCase'): Value {
  return bool(self === self[to]() && self !== self[other]());
}

function find(self: string, args: WholeArguments, last: boolean): number {
  const sought = args.text(0, 'sub');
  const at = last
    ? self.lastIndexOf(sought)
    : self.indexOf(
        sought,
        self.length -
          charactersOf(self)
            .slice(args.integer(1, 'start', 0))
            .join('').length,
      );
  return at < 0 ? -1 : charactersOf(self.slice(0, at)).length;
}

const required = (at: number): Value => {
  if (at < 0) throw new Error('substring not found');
  return integer(at);
};

function cut(self: string, args: WholeArguments, last: boolean): Value {
  const by = args.text(0, 'sep');
  if (by === '') throw new Error('empty separator');
  const at = last ? self.lastIndexOf(by) : self.indexOf(by);
  const parts = at < 0 ? (last ? ['', '', self] : [self, '', '']) : [self.slice(0, at), by, self.slice(at + by.length)];
  return tuple(parts.map(text));
}

function padded(self: string, args: WholeArguments, side: 'start' | 'end' | 'both'): Value {
  const fill = args.has(1, 'fillchar') ? args.text(1, 'fillchar') : ' ';
  const missing = args.integer(0, 'width', 0) - charactersOf(self).length;
  if (missing <= 0) return text(self);
  if (side === 'start') return text(fill.repeat(missing) + self);
  if (side === 'end') return text(self + fill.repeat(missing));
  const width = args.integer(0, 'width', 0);
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return text(fill.repeat(left) + self + fill.repeat(missing - left));
}

const textMethods: Readonly<Record<string, Method<string>>> = {
  upper: (self) => text(self.toUpperCase()),
  lower: (self) => text(self.toLowerCase()),
  casefold: (self) => text(self.toLowerCase()),
  swapcase: (self) =>
    text(
      charactersOf(self)
        .map((one) => (one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase()))
        .join(''),
    ),
  title: (self) => text(titled(self)),
  capitalize: (self) => text(capitalized(self)),
  strip: (self, args) => text(stripped(self, args.optional(0, 'chars'), 'both')),
  lstrip: (self, args) => text(stripped(self, args.optional(0, 'chars'), 'left')),
  rstrip: (self, args) => text(stripped(self, args.optional(0, 'chars'), 'right')),
  startswith: (self, args) => startsOrEnds('startsWith', self, args),
  endswith: (self, args) => startsOrEnds('endsWith', self, args),
  split: (self, args) => texts(split(self, args.optional(0, 'sep'), count(args.optional(1, 'maxsplit')), false)),
  rsplit: (self, args) => texts(split(self, args.optional(0, 'sep'), count(args.optional(1, 'maxsplit')), true)),
  splitlines: (self, args) => texts(lines(self, args.flag(0, 'keepends', false))),
  replace: (self, args) => text(replaced(self, args.text(0, 'old'), args.text(1, 'new'), count(args.optional(2, 'count')))),
  join: (self, args) => {
    const items = iterate(args.required(0, 'iterable'));
    const wrong = items.findIndex((item) => !isText(item));
    if (wrong >= 0) throw new Error(`sequence item ${wrong}: expected str instance, ${kindOf(items[wrong])} found`);
    return text(items.map(textOf).join(self));
  },
  find: (self, args) => integer(find(self, args, false)),
  rfind: (self, args) => integer(find(self, args, true)),
  index: (self, args) => required(find(self, args, false)),
  rindex: (self, args) => required(find(self, args, true)),
  count: (self, args) => {
    const sought = args.text(0, 'sub');
    return integer(sought === '' ? charactersOf(self).length + 1 : self.split(sought).length - 1);
  },
  partition: (self, args) => cut(self, args, false),
  rpartition: (self, args) => cut(self, args, true),
  removeprefix: (self, args) => text(self.startsWith(args.text(0, 'prefix')) ? self.slice(args.text(0, 'prefix').length) : self),
  removesuffix: (self, args) => {
    const suffix = args.text(0, 'suffix');
    return text(suffix !== '' && self.endsWith(suffix) ? self.slice(0, -suffix.length) : self);
  },
  ljust: (self, args) => padded(self, args, 'end'),
  rjust: (self, args) => padded(self, args, 'start'),
  center: (self, args) => padded(self, args, 'both'),
  zfill: (self, args) => {
    const sign = /^[+-]/.exec(self)?.[0] ?? '';
    return text(sign + self.slice(sign.length).padStart(args.integer(0, 'width', 0) - sign.length, '0'));
  },
  isspace: (self) => bool(onlySpace.test(self)),
  isdigit: (self) => isAll(self, /^[\p{Nd}\u00B2\u00B3\u00B9\u2070-\u2079\u2080-\u2089]+$/u),
  isdecimal: (self) => isAll(self, /^\p{Nd}+$/u),
  isnumeric: (self) => isAll(self, /^\p{N}+$/u),
  isalpha: (self) => isAll(self, /^\p{L}+$/u),
  isalnum: (self) => isAll(self, /^[\p{L}\p{N}]+$/u),
  isupper: (self) => cased(self, 'toUpperCase', 'toLowerCase'),
  islower: (self) => cased(self, 'toLowerCase', 'toUpperCase'),
  format: (self, args) => text(filled(self, args)),
};

/** Fills `{}`, `{0}` and `{name}` in a text. */
function filled(pattern: string, args: WholeArguments): string {
  let next = 0;
  return pattern.replace(/\{\{|\}\}|\{(\w*)\}|\{[^{}]*\}?|\}/g, (all, name: string | undefined) => {
    if (all === '{{' || all === '}}') return all[0];
    if (name === undefined) throw new Error(`'${all}' in a text to format is not supported; only {}, {0} and {name} are`);
    const value = name === '' ? args.positional[next++] : /^\d+$/.test(name) ? args.positional[Number(name)] : args.named.get(name);
    if (value === undefined) throw new Error(`nothing to put in place of ${all}`);
    return str(value);
  });
}

const listMethods: Readonly<Record<string, Method<Value>>> = {
  index: (self, args) => {
    const at = itemsOf(self).findIndex((item) => equal(item, args.required(0, 'value')));
    if (at < 0) throw new Error('the value is not in list');
    return integer(at);
  },
  count: (self, args) => integer(itemsOf(self).filter((item) => equal(item, args.required(0, 'value'))).length),
  copy: (self) => list(itemsOf(self)),
};

const dictMethods: Readonly<Record<string, Method<Value>>> = {
  get: (self, args) => {
    const key = args.required(0, 'key');
    return (isText(key) ? entriesIn(self).get(textOf(key)) : undefined) ?? args.optional(1, 'default') ?? none;
  },
  items: (self) => list(pairsOf(self)),
  keys: (self) => list(iterate(self)),
  values: (self) => list([...entriesIn(self).values()]),
  copy: (self) => dict(entriesIn(self)),
};

/** Methods that change a value: the environment of chat templates forbids them. */
const changing = new Set(['append', 'extend', 'insert', 'pop', 'remove', 'clear', 'sort', 'reverse', 'update', 'popitem', 'setdefault']);

/** Returns a method of a value; undefined if it has none of the name. */
export function methodOf(value: Value, name: string): Value | undefined {
  const own = (methods: Readonly<Record<string, Method<never>>>, self: unknown): Value | undefined => {
    if (!Object.hasOwn(methods, name)) return undefined;
    return callable((args) => methods[name](self as never, new WholeArguments(name, args)));
  };
  if (isText(value)) return own(textMethods, textOf(value));
  if ((isList(value) || isDict(value)) && changing.has(name)) {
    return callable(() => {
      throw new Error(`access to attribute '${name}' of '${kindOf(value)}' object is unsafe`);
    });
  }
  if (isList(value)) return own(listMethods, value);
  return isDict(value) ? own(dictMethods, value) : undefined;
}
