/** The tests of Jinja 3.1 (`is defined`, `is string`), as Python has them. */
import { binary, contains } from './operators.js';
import {
  equal,
  isBool,
  isCallable,
  isDict,
  isFloat,
  isGenerator,
  isInteger,
  isList,
  isNone,
  isNumber,
  isText,
  isUndefined,
  kindOf,
  requireDefined,
  str,
  truth,
} from './runtime.js';
import type { Value } from './template-values.js';

type Test = (value: Value, other: () => Value) => boolean;

const compares =
  (operator: string): Test =>
  (value, other) =>
    truth(binary(operator, value, other()));

function remainder(value: Value, by: number): unknown {
  requireDefined(value);
  if (!isNumber(value)) throw new Error(`unsupported operand type(s) for %: '${kindOf(value)}' and 'int'`);
  return isInteger(value) ? Number(BigInt(value.value as number) % BigInt(by)) : Number(value.value) % by;
}

function isCased(value: Value, to: 'toLowerCase' | 'toUpperCase'): boolean {
  const written = str(value);
  const other = to === 'toLowerCase' ? 'toUpperCase' : 'toLowerCase';
  return written === written[to]() && written !== written[other]();
}

const equals: Test = (value, other) => equal(value, other());
const isSequence = (value: Value): boolean =>
  isText(value) || (isList(value) && !isGenerator(value)) || isDict(value) || isUndefined(value);

const tests: Readonly<Record<string, Test>> = {
  boolean: isBool,
  // Python's undefined value has a method to be called by, which fails.
  callable: (value) => isCallable(value) || isUndefined(value),
  defined: (value) => !isUndefined(value),
  divisibleby: (value, other) => !truth(binary('%', value, other())),
  eq: equals,
  equalto: equals,
  '==': equals,
  escaped: () => false,
  even: (value) => remainder(value, 2) === 0,
  odd: (value) => Math.abs(Number(remainder(value, 2))) === 1,
  false: (value) => value.value === false,
  true: (value) => value.value === true,
  float: isFloat,
  integer: isInteger,
  ge: compares('>='),
  '>=': compares('>='),
  gt: compares('>'),
  '>': compares('>'),
  greaterthan: compares('>'),
  le: compares('<='),
  '<=': compares('<='),
  lt: compares('<'),
  '<': compares('<'),
  lessthan: compares('<'),
  ne: compares('!='),
  '!=': compares('!='),
  in: (value, other) => contains(other(), value),
  iterable: (value) => isText(value) || isList(value) || isDict(value) || isUndefined(value),
  lower: (value) => isCased(value, 'toLowerCase'),
  upper: (value) => isCased(value, 'toUpperCase'),
  mapping: isDict,
  none: isNone,
  number: isNumber,
  sameas: (value, other) => value === other() || (value.type === other().type && value.value === other().value && !isList(value)),
  sequence: isSequence,
  string: isText,
  undefined: isUndefined,
};

/**
 * Applies a test.
 *
 * @throws Error, in Python's words, for an unknown test.
 */
export function test(name: string, value: Value, args: readonly Value[]): boolean {
  if (!Object.hasOwn(tests, name)) throw new Error(`No test named '${name}'.`);
  return tests[name](value, () => {
    if (args.length === 0) throw new Error(`the test '${name}' needs an argument`);
    return args[0];
  });
}
