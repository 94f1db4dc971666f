/** Checks shared by the factories. Each throws an error that names the caller, the option and the remedy. */
import { ConfigError, ShapeError } from './errors.js';

/** Number of characters of a text that a message shows. */
const longestShown = 200;

/**
 * Describes a rejected value for a message: `undefined` as "nothing", strings in quotes, functions by name, objects by
 * type.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, longestShown)) + (value.length > longestShown ? ' …' : '');
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return `the function ${value.name || 'without a name'} (did you forget to call it?)`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object of type ${value.constructor?.name ?? 'null'}`;
  return String(value);
}

/**
 * Rejects options that are not an object, and unknown keys.
 *
 * @throws ConfigError naming the first unknown key and listing the known ones.
 */
export function checkKeys(caller: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(`${caller}: expected an options object, got ${describeValue(options)}; pass { ${known.join(', ')} }`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new ConfigError(
        `${caller}: unknown option '${key}'; ${known.length === 0 ? 'it has no options' : `the options are ${known.join(', ')}`}`,
      );
    }
  }
}

/**
 * Requires a scalar argument to be a number; NaN passes. This is for callers in JavaScript, whom the types do not
 * check, and for a forgotten `await`.
 *
 * @throws ConfigError otherwise.
 */
export function checkScalar(caller: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') {
    throw new ConfigError(`${caller}: ${name} must be a number, got ${describeValue(value)}; await it if it is a promise`);
  }
}

/**
 * Requires a positive integer, such as a dimension.
 *
 * @throws ShapeError otherwise.
 */
export function checkPositiveInteger(caller: string, name: string, value: unknown): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < 1) {
    throw new ShapeError(`${caller}: ${name} must be a positive integer, got ${describeValue(value)}; pass ${name} ≥ 1`);
  }
}

/** The bounds that {@link checkNumber} enforces. A side without a bound is open. */
export interface NumberRange {
  /** Smallest value allowed. */
  readonly min?: number;
  /** Largest value allowed. */
  readonly max?: number;
  /** The value must lie strictly above this. */
  readonly above?: number;
  /** The value must lie strictly below this. */
  readonly below?: number;
}

/**
 * Requires a finite number in a range.
 *
 * @throws ConfigError naming the option, the range and the value.
 */
export function checkNumber(caller: string, name: string, value: unknown, range: NumberRange = {}): asserts value is number {
  const { min, max, above, below } = range;
  const number = value as number;
  const inside =
    Number.isFinite(value) &&
    (min === undefined || number >= min) &&
    (max === undefined || number <= max) &&
    (above === undefined || number > above) &&
    (below === undefined || number < below);
  if (inside) return;
  const bounds = [
    min === undefined ? '' : `at least ${min}`,
    above === undefined ? '' : `above ${above}`,
    max === undefined ? '' : `at most ${max}`,
    below === undefined ? '' : `below ${below}`,
  ].filter((bound) => bound !== '');
  const wanted = bounds.length === 0 ? 'a finite number' : `a finite number ${bounds.join(' and ')}`;
  throw new ConfigError(`${caller}: ${name} must be ${wanted}, got ${describeValue(value)}; pass such a number`);
}

/**
 * Requires a count: 0, 1, 2, …
 *
 * @throws ConfigError naming the option and its value.
 */
export function checkCount(caller: string, name: string, value: unknown): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return;
  throw new ConfigError(`${caller}: ${name} must be a count, an integer of at least 0, got ${describeValue(value)}; pass such a number`);
}

/**
 * Requires one of a fixed set of strings.
 *
 * @throws ConfigError listing the choices.
 */
export function checkChoice<Choice extends string>(
  caller: string,
  name: string,
  value: unknown,
  choices: readonly Choice[],
): asserts value is Choice {
  if (!choices.includes(value as Choice)) {
    throw new ConfigError(
      `${caller}: ${name} must be one of ${choices.map((c) => `'${c}'`).join(', ')}, got ${describeValue(value)}; pass one of them`,
    );
  }
}
