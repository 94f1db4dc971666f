/** Python's `json.dumps`, as the filter `tojson` of chat templates calls it. */
import { pythonFloat } from '../../../io/exact-numbers.js';
import type { WholeArguments } from './arguments.js';
import {
  entriesIn,
  isBool,
  isDict,
  isFloat,
  isGenerator,
  isInteger,
  isList,
  isNone,
  isText,
  itemsOf,
  kindOf,
  numberOf,
  textOf,
} from './runtime.js';
import type { Value } from './template-values.js';

/** What `ensure_ascii` escapes, after the control characters that all JSON escapes. */
const notPrintableAscii = /[^ -~]/g;

interface Style {
  readonly asciiOnly: boolean;
  readonly indent: string | undefined;
  readonly separators: readonly [string, string];
  readonly sortKeys: boolean;
}

/** Writes a value as JSON. @throws Error for values that JSON has not. */
export function toJson(value: Value, args: WholeArguments): string {
  const given = args.optional(1, 'indent');
  // An indentation of 0 puts every element on a line of its own.
  const indent =
    given === undefined || isNone(given)
      ? undefined
      : isText(given)
        ? textOf(given)
        : ' '.repeat(Math.max(0, args.integer(1, 'indent', 0)));
  const separators = args.pair(2, 'separators') ?? [indent === undefined ? ', ' : ',', ': '];
  return written(
    value,
    { asciiOnly: args.flag(0, 'ensure_ascii', false), indent, separators, sortKeys: args.flag(3, 'sort_keys', false) },
    0,
  );
}

function written(value: Value, style: Style, depth: number): string {
  if (isText(value)) return quoted(textOf(value), style);
  if (isNone(value)) return 'null';
  if (isBool(value)) return String(value.value);
  if (isInteger(value)) return String(value.value);
  if (isFloat(value)) return floatOf(numberOf(value));
  if (isList(value) && !isGenerator(value)) {
    return bracketed(
      '[]',
      itemsOf(value).map((item) => written(item, style, depth + 1)),
      style,
      depth,
    );
  }
  if (isDict(value)) {
    const entries = [...entriesIn(value)];
    if (style.sortKeys) entries.sort(([one], [other]) => (one < other ? -1 : Number(one > other)));
    const members = entries.map(([key, inner]) => quoted(key, style) + style.separators[1] + written(inner, style, depth + 1));
    return bracketed('{}', members, style, depth);
  }
  throw new Error(`Object of type ${kindOf(value)} is not JSON serializable`);
}

function bracketed([open, close]: string, members: readonly string[], { indent, separators }: Style, depth: number): string {
  if (members.length === 0) return open + close;
  if (indent === undefined) return open + members.join(separators[0]) + close;
  const line = `\n${indent.repeat(depth + 1)}`;
  return `${open}${line}${members.join(separators[0] + line)}\n${indent.repeat(depth)}${close}`;
}

function quoted(value: string, { asciiOnly }: Style): string {
  const json = JSON.stringify(value);
  if (!asciiOnly) return json;
  return json.replace(notPrintableAscii, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function floatOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return pythonFloat(value);
}
