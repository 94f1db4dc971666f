/**
 * The values of `@huggingface/jinja` 0.5.11, whose classes it does not export, and Python's ideas of them: what is
 * true, what is equal, how a value is written. The library's own differ from Python's (`'' == false`, `{{ none }}`
 * writes nothing, `{{ true }}` writes `true`), and chat templates are written for Python.
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { pythonFloat, WholeFloat } from '../../../io/exact-numbers.js';
import type { Value } from './template-values.js';

/** A scope of variables. */
export interface Scope {
  set(name: string, value: unknown): Value;
  setVariable(name: string, value: Value): Value;
  lookupVariable(name: string): Value;
}

/** A function of a template: by position first, then at most one value of arguments by name. */
export type TemplateFunction = (args: readonly Value[], scope: Scope) => Value;

type Make<Content> = new (value?: Content) => Value;

export const LibraryScope = Environment as unknown as new (parent?: Scope) => Scope;

const scope = new LibraryScope();
let samples = 0;
const classOf = <Content>(sample: unknown): Make<Content> => {
  samples += 1;
  return scope.set(`sample ${samples}`, sample).constructor as Make<Content>;
};
const [TextClass, IntegerClass, FloatClass] = [classOf<string>(''), classOf<number | bigint>(1), classOf<number>(0.5)];
const [BooleanClass, NoneClass, UndefinedClass] = [classOf<boolean>(true), classOf<null>(null), classOf<undefined>(undefined)];
const [ListClass, DictClass] = [classOf<readonly Value[]>([]), classOf<ReadonlyMap<string, Value>>({})];
const FunctionClass = classOf<TemplateFunction>(() => null);

/** Returns the class of the values that an expression has, for kinds that have no counterpart in JavaScript. */
function classOfExpression<Content>(expression: string, argument?: Value): Make<Content> {
  const within = new LibraryScope();
  let found: Value | undefined;
  const take = new FunctionClass((args) => {
    found = args.at(-1);
    return new TextClass('');
  });
  within.setVariable('take', take);
  if (argument !== undefined) within.setVariable('argument', argument);
  new (Interpreter as unknown as new (scope: Scope) => { run(program: unknown): Value })(within).run(parse(tokenize(expression)));
  return (found as unknown as Value).constructor as Make<Content>;
}

const TupleClass = classOfExpression<readonly Value[]>('{{ take((1, 2)) }}');
const KeywordsClass = classOfExpression<ReadonlyMap<string, Value>>('{{ take(a=1) }}');

export const text = (value: string): Value => new TextClass(value);
export const bool = (value: boolean): Value => new BooleanClass(value);
export const list = (values: readonly Value[]): Value => new ListClass(values);
export const tuple = (values: readonly Value[]): Value => new TupleClass(values);
export const dict = (entries: Iterable<readonly [string, Value]>): Value => new DictClass(new Map(entries));
export const callable = (value: TemplateFunction): Value => new FunctionClass(value);
export const keywords = (entries: ReadonlyMap<string, Value>): Value => new KeywordsClass(entries);
export const none: Value = new NoneClass(null);
export const float = (value: number): Value => new FloatClass(value);

/** An undefined value, with the name that errors give it. */
export function undefinedValue(name = 'the value'): Value {
  return Object.assign(new UndefinedClass(), { missing: name });
}

/** An integer: a number if JavaScript has it exactly, and a bigint otherwise. */
export function integer(value: number | bigint): Value {
  if (typeof value === 'number') return new IntegerClass(value === 0 ? 0 : value);
  const plain = Number(value);
  return new IntegerClass(Number.isSafeInteger(plain) ? plain : value);
}

/**
 * A list that stands for one of Python's generators, which filters such as `selectattr` give: it is true even if
 * nothing is in it, and has no length.
 */
export function generator(values: readonly Value[]): Value {
  return Object.assign(list(values), { isGenerator: true, __bool__: () => bool(true) });
}

export const isGenerator = (value: Value): boolean => 'isGenerator' in value;

/** Converts a variable of a template. */
export function toValue(input: unknown): Value {
  if (typeof input === 'string') return text(input);
  if (typeof input === 'number') return Number.isInteger(input) ? integer(input) : float(input);
  if (typeof input === 'bigint') return integer(input);
  if (typeof input === 'boolean') return bool(input);
  if (input === undefined) return undefinedValue();
  if (input === null) return none;
  if (input instanceof WholeFloat) return float(input.value);
  if (Array.isArray(input)) return list(input.map(toValue));
  if (typeof input === 'object') return dict(Object.entries(input).map(([key, inner]) => [key, toValue(inner)] as const));
  throw new Error(`a variable of a template must be JSON, got a ${typeof input}`);
}

export const isText = (value: Value): boolean => value.type === 'StringValue';
export const isUndefined = (value: Value): boolean => value.type === 'UndefinedValue';
export const isNone = (value: Value): boolean => value.type === 'NullValue';
export const isList = (value: Value): boolean => value.type === 'ArrayValue' || value.type === 'TupleValue';
export const isTuple = (value: Value): boolean => value.type === 'TupleValue';
export const isDict = (value: Value): boolean => value.type === 'ObjectValue' || value.type === 'KeywordArgumentsValue';
export const isInteger = (value: Value): boolean => value.type === 'IntegerValue';
export const isFloat = (value: Value): boolean => value.type === 'FloatValue';
export const isBool = (value: Value): boolean => value.type === 'BooleanValue';
export const isCallable = (value: Value): boolean => value.type === 'FunctionValue';
/** True for what Python computes with: truth values are 0 and 1. */
export const isNumber = (value: Value): boolean => isInteger(value) || isFloat(value) || isBool(value);

export const textOf = (value: Value): string => value.value as string;
export const itemsOf = (value: Value): readonly Value[] => value.value as readonly Value[];
export const entriesIn = (value: Value): ReadonlyMap<string, Value> => value.value as ReadonlyMap<string, Value>;
export const numberOf = (value: Value): number => Number(value.value);

/** The characters of a text, as Python counts them. */
export const charactersOf = (value: string): readonly string[] => Array.from(value);

/** Returns Python's truth of a value. */
export function truth(value: Value): boolean {
  if (isList(value)) return isGenerator(value) || itemsOf(value).length > 0;
  if (isDict(value)) return entriesIn(value).size > 0;
  if (isFloat(value)) return numberOf(value) !== 0;
  return Boolean(value.value);
}

const pythonKinds: Readonly<Record<string, string>> = {
  StringValue: 'str',
  IntegerValue: 'int',
  FloatValue: 'float',
  BooleanValue: 'bool',
  NullValue: 'NoneType',
  ArrayValue: 'list',
  TupleValue: 'tuple',
  ObjectValue: 'dict',
  KeywordArgumentsValue: 'dict',
  FunctionValue: 'function',
  NamespaceValue: 'Namespace',
};

/** Returns Python's name for the kind of a value, for messages. */
export const kindOf = (value: Value): string => pythonKinds[value.type] ?? 'Undefined';

/** @throws Error, as Python, if a value is undefined. */
export function requireDefined(value: Value): void {
  if (isUndefined(value)) throw new Error(`${String((value as { missing?: string }).missing ?? 'the value')} is undefined`);
}

/** Returns the elements that Python's `for` goes through. */
export function iterate(value: Value): readonly Value[] {
  if (isList(value)) return itemsOf(value);
  if (isText(value)) return charactersOf(textOf(value)).map(text);
  if (isDict(value)) return [...entriesIn(value).keys()].map(text);
  if (isUndefined(value)) return [];
  throw new Error(`'${kindOf(value)}' object is not iterable`);
}

/** Returns Python's `str` of a value. */
export function str(value: Value): string {
  return isText(value) ? textOf(value) : isUndefined(value) ? '' : repr(value);
}

/** Returns Python's `repr` of a value. */
export function repr(value: Value): string {
  if (isText(value)) return quoted(textOf(value));
  if (isBool(value)) return value.value === true ? 'True' : 'False';
  if (isNone(value)) return 'None';
  if (isUndefined(value)) return 'Undefined';
  if (isFloat(value)) return pythonFloat(numberOf(value));
  if (isGenerator(value)) return '<generator object>';
  if (isTuple(value)) return `(${itemsOf(value).map(repr).join(', ')}${itemsOf(value).length === 1 ? ',' : ''})`;
  if (isList(value)) return `[${itemsOf(value).map(repr).join(', ')}]`;
  if (isDict(value)) return `{${[...entriesIn(value)].map(([key, inner]) => `${quoted(key)}: ${repr(inner)}`).join(', ')}}`;
  if (isInteger(value)) return String(value.value);
  if (value.type === 'NamespaceValue')
    return `<Namespace {${[...entriesIn(value)].map(([key, inner]) => `${quoted(key)}: ${repr(inner)}`).join(', ')}}>`;
  return `<${kindOf(value)}>`;
}

const escapesOf: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

function quoted(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const inner = value.replace(/[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => {
    const known = escapesOf[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return quote + (quote === "'" ? inner.replaceAll("'", "\\'") : inner) + quote;
}

/** Returns true if Python's `==` does. */
export function equal(left: Value, right: Value): boolean {
  if (isNumber(left) && isNumber(right)) return sameNumber(left.value, right.value);
  if (isDict(left) && isDict(right)) {
    const [one, other] = [entriesIn(left), entriesIn(right)];
    return one.size === other.size && [...one].every(([key, inner]) => other.has(key) && equal(inner, other.get(key) as Value));
  }
  if (left.type !== right.type) return false;
  if (isList(left)) {
    const [one, other] = [itemsOf(left), itemsOf(right)];
    return one.length === other.length && one.every((inner, index) => equal(inner, other[index]));
  }
  return left.value === right.value;
}

/** Compares numbers of JavaScript's two kinds, and truth values, by their values. */
function sameNumber(left: unknown, right: unknown): boolean {
  const plain = (value: unknown): unknown => (typeof value === 'boolean' ? Number(value) : value);
  const [one, other] = [plain(left), plain(right)];
  // A bigint and a number are compared exactly.
  return (one as number) <= (other as number) && (one as number) >= (other as number);
}

/**
 * Compares two values as Python orders them.
 *
 * @returns less than 0, 0 or more than 0; NaN for numbers of which one is none.
 * @throws Error for kinds that have no order.
 */
export function compare(left: Value, right: Value, operator = '<'): number {
  requireDefined(left);
  requireDefined(right);
  if (isNumber(left) && isNumber(right)) {
    if (sameNumber(left.value, right.value)) return 0;
    if (Number.isNaN(numberOf(left)) || Number.isNaN(numberOf(right))) return Number.NaN;
    return (left.value as number) < (right.value as number) ? -1 : 1;
  }
  if (isText(left) && isText(right)) return compareTexts(textOf(left), textOf(right));
  if (isList(left) && left.type === right.type) {
    const [one, other] = [itemsOf(left), itemsOf(right)];
    for (const [index, inner] of one.entries()) {
      if (index >= other.length) return 1;
      if (!equal(inner, other[index])) return compare(inner, other[index], operator);
    }
    return one.length - other.length;
  }
  throw new Error(`'${operator}' not supported between instances of '${kindOf(left)}' and '${kindOf(right)}'`);
}

/** Compares by code points; JavaScript compares halves of surrogate pairs. */
function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  const [one, other] = [charactersOf(left), charactersOf(right)];
  for (const [index, character] of one.entries()) {
    if (index >= other.length) return 1;
    if (character !== other[index]) return (character.codePointAt(0) ?? 0) - (other[index].codePointAt(0) ?? 0);
  }
  return -1;
}
