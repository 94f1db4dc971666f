/** Python's operators on the values of a template. */
import {
  bool,
  charactersOf,
  compare,
  entriesIn,
  equal,
  float,
  integer,
  isBool,
  isDict,
  isFloat,
  isGenerator,
  isInteger,
  isList,
  isNumber,
  isText,
  isTuple,
  isUndefined,
  itemsOf,
  kindOf,
  list,
  numberOf,
  requireDefined,
  str,
  text,
  textOf,
  tuple,
} from './runtime.js';
import type { Value } from './template-values.js';

/** Most bits of an integer that `**` and `*` give. */
const MOST_BITS = 4096;

/**
 * Applies an operator to two values.
 *
 * @throws Error, in Python's words, for kinds that the operator does not take.
 */
export function binary(operator: string, left: Value, right: Value): Value {
  switch (operator) {
    case '==':
      return bool(equal(left, right));
    case '!=':
      return bool(!equal(left, right));
    case '<':
      return bool(compare(left, right, operator) < 0);
    case '<=':
      return bool(compare(left, right, operator) <= 0);
    case '>':
      return bool(compare(left, right, operator) > 0);
    case '>=':
      return bool(compare(left, right, operator) >= 0);
    case 'in':
      return bool(contains(right, left));
    case 'not in':
      return bool(!contains(right, left));
    case '~':
      return text(str(left) + str(right));
    default:
      return arithmetic(operator, left, right);
  }
}

/** Returns true if Python's `in` does. */
export function contains(container: Value, sought: Value): boolean {
  if (isText(container)) {
    requireDefined(sought);
    if (isText(sought)) return textOf(container).includes(textOf(sought));
    throw new Error(`'in <string>' requires string as left operand, not ${kindOf(sought)}`);
  }
  if (isList(container)) return itemsOf(container).some((item) => equal(item, sought));
  if (isDict(container)) {
    if (isDict(sought) || (isList(sought) && !isTuple(sought))) throw new Error(`unhashable type: '${kindOf(sought)}'`);
    return isText(sought) && entriesIn(container).has(textOf(sought));
  }
  if (isUndefined(container)) return false;
  throw new Error(`argument of type '${kindOf(container)}' is not iterable`);
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  requireDefined(left);
  if (operator === '%' && isText(left)) return text(formatted(textOf(left), isTuple(right) ? itemsOf(right) : [right]));
  requireDefined(right);
  if (isNumber(left) && isNumber(right))
    return isFloat(left) || isFloat(right) ? floats(operator, left, right) : integers(operator, left, right);
  if (operator === '+') {
    if (isText(left) && isText(right)) return text(textOf(left) + textOf(right));
    if (isList(left) && left.type === right.type && !isGenerator(left) && !isGenerator(right))
      return (isTuple(left) ? tuple : list)([...itemsOf(left), ...itemsOf(right)]);
  }
  if (operator === '*') {
    const [repeated, times] = isNumber(left) ? [right, left] : [left, right];
    if (isInteger(times) || isBool(times)) {
      const count = Math.max(0, numberOf(times));
      if (isText(repeated)) return text(textOf(repeated).repeat(count));
      if (isList(repeated)) return (isTuple(repeated) ? tuple : list)(Array.from({ length: count }, () => itemsOf(repeated)).flat());
    }
  }
  if (isText(left) && operator === '+') throw new Error(`can only concatenate str (not "${kindOf(right)}") to str`);
  throw new Error(`unsupported operand type(s) for ${operator}: '${kindOf(left)}' and '${kindOf(right)}'`);
}

function floats(operator: string, left: Value, right: Value): Value {
  const [a, b] = [numberOf(left), numberOf(right)];
  if (['/', '//', '%'].includes(operator) && b === 0) throw new Error('division by zero');
  switch (operator) {
    case '+':
      return float(a + b);
    case '-':
      return float(a - b);
    case '*':
      return float(a * b);
    case '/':
      return float(a / b);
    case '//':
      return float(Math.floor(a / b));
    case '%': {
      const rest = a % b;
      // The rest has the sign of what is divided by.
      if (rest === 0) return float(b < 0 ? -0 : 0);
      return float(rest < 0 !== b < 0 ? rest + b : rest);
    }
    case '**': {
      const power = a ** b;
      if (Number.isFinite(power) || !Number.isFinite(a) || !Number.isFinite(b)) return float(power);
      throw new Error(a === 0 ? '0.0 cannot be raised to a negative power' : 'the power is no finite real number');
    }
    default:
      throw new Error(`unknown operator ${operator}`);
  }
}

function integers(operator: string, left: Value, right: Value): Value {
  if (operator === '/') return floats(operator, left, right);
  const [a, b] = [left, right].map(({ value }) => BigInt(value as number | bigint | boolean));
  if (['//', '%'].includes(operator) && b === 0n) throw new Error('integer division or modulo by zero');
  const rest = b === 0n ? 0n : a % b;
  const borrows = rest !== 0n && rest < 0n !== b < 0n;
  switch (operator) {
    case '+':
      return integer(a + b);
    case '-':
      return integer(a - b);
    case '*':
      checkBits(bitsOf(a) + bitsOf(b), 'product');
      return integer(a * b);
    case '//':
      return integer(borrows ? a / b - 1n : a / b);
    case '%':
      return integer(borrows ? rest + b : rest);
    case '**':
      if (b < 0n) return floats(operator, left, right);
      checkBits(b > BigInt(MOST_BITS) ? Number.POSITIVE_INFINITY : bitsOf(a) * Number(b), 'power');
      return integer(a ** b);
    default:
      throw new Error(`unknown operator ${operator}`);
  }
}

/** Bits of an integer, within four. */
const bitsOf = (value: bigint): number => 4 * value.toString(16).length;

/** @throws Error for an integer beyond what a template may compute with. */
function checkBits(bits: number, kind: string): void {
  if (bits > MOST_BITS) throw new Error(`the ${kind} has too many digits`);
}

/** Applies a sign, or `not`. */
export function signed(operator: string, argument: Value): Value {
  requireDefined(argument);
  if (!isNumber(argument)) throw new Error(`bad operand type for unary ${operator}: '${kindOf(argument)}'`);
  if (isFloat(argument)) return float(operator === '-' ? -numberOf(argument) : numberOf(argument));
  const value = BigInt(argument.value as number | bigint | boolean);
  return integer(operator === '-' ? -value : value);
}

/** Fills `%s`, `%d` and `%f` in a text, as Python's `%`. */
export function formatted(pattern: string, values: readonly Value[]): string {
  let next = 0;
  const filled = pattern.replace(/%(?:\.(\d))?([sdfr%])/g, (_, digits: string | undefined, kind: string) => {
    if (kind === '%') return '%';
    const value = values.at(next);
    next += 1;
    if (value === undefined) throw new Error('not enough arguments for format string');
    if (kind === 's') return str(value);
    if (!isNumber(value)) throw new Error(`%${kind} format: a real number is required, not ${kindOf(value)}`);
    return kind === 'd' ? String(isFloat(value) ? Math.trunc(numberOf(value)) : value.value) : numberOf(value).toFixed(Number(digits ?? 6));
  });
  // Python takes a single value that has elements for one to look names up in.
  const isMapping = values.length === 1 && (isDict(values[0]) || isUndefined(values[0]) || (isList(values[0]) && !isTuple(values[0])));
  if (next < values.length && !isMapping) throw new Error('not all arguments converted during string formatting');
  return filled;
}

/** Returns an element or a slice of a value; undefined where there is none. */
export function elementOf(value: Value, index: Value): Value | undefined {
  if (!(isInteger(index) || isBool(index)) || isGenerator(value)) return undefined;
  const at = numberOf(index);
  if (isList(value)) return itemsOf(value).at(at);
  if (!isText(value)) return undefined;
  const character = charactersOf(textOf(value)).at(at);
  return character === undefined ? undefined : text(character);
}

/** Returns what Python's slice of a text or a list is. */
export function sliceOf(value: Value, bounds: readonly (Value | undefined)[]): Value {
  requireDefined(value);
  const [start, stop, step] = bounds.map((bound) => {
    if (bound === undefined || isUndefined(bound) || bound.value === null) return undefined;
    if (isInteger(bound) || isBool(bound)) return numberOf(bound);
    throw new Error('slice indices must be integers or None');
  });
  if (step === 0) throw new Error('slice step cannot be zero');
  if (isText(value)) return text(sliced(charactersOf(textOf(value)), start, stop, step).join(''));
  if (isTuple(value)) return tuple(sliced(itemsOf(value), start, stop, step));
  if (isList(value) && !isGenerator(value)) return list(sliced(itemsOf(value), start, stop, step));
  throw new Error(`'${kindOf(value)}' object is not subscriptable`);
}

function sliced<Item>(items: readonly Item[], start: number | undefined, stop: number | undefined, step = 1): readonly Item[] {
  const count = items.length;
  const [low, high] = step > 0 ? [0, count] : [-1, count - 1];
  const clip = (bound: number): number => Math.max(low, Math.min(high, bound < 0 ? bound + count : bound));
  const from = start === undefined ? (step > 0 ? 0 : count - 1) : clip(start);
  const to = stop === undefined ? (step > 0 ? count : -1) : clip(stop);
  const found: Item[] = [];
  for (let at = from; step > 0 ? at < to : at > to; at += step) found.push(items[at]);
  return found;
}

/** Returns the pairs of an object. */
export function pairsOf(value: Value): readonly Value[] {
  return [...entriesIn(value)].map(([key, inner]) => tuple([text(key), inner]));
}
