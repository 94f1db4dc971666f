/**
 * Declarations of options, and checks that the factories share. Each throws an error that names the caller, the option
 * and the remedy.
 */
import { ConfigError, ShapeError } from './errors.js';
import { nearestNames } from './nearest-names.js';

/** Number of characters of a text that a message shows. */
const longestShown = 200;

/** Member by which an object says what it is, for messages. */
export const description: unique symbol = Symbol('description');

/**
 * Describes a rejected value for a message: `undefined` as "nothing", strings in quotes, functions by name, objects by
 * type.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, longestShown)) + (value.length > longestShown ? ' …' : '');
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return `the function ${value.name || 'without a name'} (did you forget to call it?)`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null && description in value) return String(value[description]);
  if (typeof value === 'object' && value !== null) return `an object of type ${value.constructor?.name ?? 'null'}`;
  return String(value);
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
  /** The value must be an integer, as a count must be. */
  readonly integer?: true;
}

/**
 * Requires a finite number in a range.
 *
 * @throws ConfigError naming the option, the range and the value.
 */
export function checkNumber(caller: string, name: string, value: unknown, range: NumberRange = {}): asserts value is number {
  const { min, max, above, below, integer } = range;
  const number = value as number;
  const inside =
    Number.isFinite(value) &&
    (integer === undefined || Number.isInteger(value)) &&
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
  const wanted = [integer ? 'an integer' : 'a finite number', bounds.join(' and ')].filter((part) => part !== '').join(' ');
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
function checkChoice<Choice extends string>(
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

/** Whether an option may be left out: with a default, without one, or not at all. */
type Presence = 'required' | 'default' | 'optional';

/** How an option is declared: with a default, as `optional`, or with neither, which makes it required. */
interface Declared<Value> {
  readonly default?: Value;
  readonly optional?: true;
}

type PresenceOf<How> = How extends { readonly default: unknown }
  ? 'default'
  : How extends { readonly optional: true }
    ? 'optional'
    : 'required';

/** The declaration of one option. */
export interface Option<in out Value, How extends Presence> {
  readonly presence: How;
  readonly default: Value | undefined;
  /** @throws an error that names caller and option, unless the value fits. */
  check(caller: string, name: string, value: unknown): void;
  /** Never there: the type of the values, for the compiler. */
  readonly values?: (value: Value) => Value;
}

/** One declaration for each key of an interface of options: optional there means optional, or with a default, here. */
type Declarations<Options> = {
  readonly [Key in keyof Options]-?: Option<
    Exclude<Options[Key], undefined>,
    Partial<Pick<Options, Key>> extends Pick<Options, Key> ? 'default' | 'optional' : 'required'
  >;
};

type DefaultedKeys<Fields> = { [Key in keyof Fields]: Fields[Key] extends { readonly presence: 'default' } ? Key : never }[keyof Fields];

/** What to write instead of a name of another library, which stands here in lower case without underscores. */
export type OptionHints = Readonly<Record<string, string>>;

/** Options as they are used: those with a default are there. */
export type Settings<Options, Defaulted extends keyof Options> = Required<Pick<Options, Defaulted>> & Omit<Options, Defaulted>;

/** The options of a function: their names, checks and defaults. */
export interface OptionsDeclaration<Options, Defaulted extends keyof Options, Fields = Declarations<Options>> {
  /** The declarations by name, for those that extend this one. */
  readonly options: Fields;
  /** The defaults of those that have one. */
  readonly defaults: Required<Pick<Options, Defaulted>>;
  /**
   * Checks options and fills in the defaults; `undefined` counts as left out.
   *
   * @param within - what stands before the name of an option in messages.
   * @throws ConfigError for options that are not an object, an unknown key or a bad value; ShapeError for a bad size.
   */
  read<Given extends Partial<Record<keyof Options, unknown>>>(
    caller: string,
    options: Given,
    within?: string,
  ): Settings<Given, Defaulted & keyof Given>;
}

/**
 * Declares the options of a function,
 * `declareOptions<ArmijoOptions>()({ optimism: number({ default: 2, min: 1 }), … })`. The compiler requires one
 * declaration for each key of the interface, of its type, and no other. Messages list the keys in the order of the
 * declarations, which is also that of the checks.
 *
 * The second argument says what the names that other libraries have for options are here.
 */
export function declareOptions<Options extends object>() {
  return <Fields extends Declarations<Options>>(
    options: Fields & Readonly<Record<Exclude<keyof Fields, keyof Options>, never>>,
    hints: OptionHints = {},
  ): OptionsDeclaration<Options, DefaultedKeys<Fields> & keyof Options, Fields> => {
    const known = Object.keys(options);
    const entries = Object.entries<Option<never, Presence>>(options);
    const defaults = Object.fromEntries(
      entries.filter(([, option]) => option.default !== undefined).map(([key, option]) => [key, option.default]),
    );
    return {
      options,
      defaults: defaults as never,
      read(caller, given: object, within = '') {
        checkKeys(caller, given, known, hints);
        const settings: Record<string, unknown> = {};
        for (const [key, option] of entries) {
          const value = given[key as never] === undefined ? option.default : given[key as never];
          if (value === undefined && option.presence !== 'required') continue;
          option.check(caller, within + key, value);
          settings[key] = value;
        }
        return settings as never;
      },
    };
  };
}

/**
 * Rejects options that are not an object, and unknown keys.
 *
 * @throws ConfigError naming the first unknown key, the known ones, and the nearest of them.
 */
function checkKeys(caller: string, options: object, known: readonly string[], hints: OptionHints): void {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(`${caller}: expected an options object, got ${describeValue(options)}; pass { ${known.join(', ')} }`);
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const names = known.length === 0 ? 'it has no options' : `the options are ${known.join(', ')}`;
  // An array or a point in the place of the options.
  if (typeof options.constructor === 'function' && options.constructor !== Object)
    throw new ConfigError(`${caller}: expected an options object, got ${describeValue(options)}; ${names}`);
  const plain = unknown.replaceAll('_', '').toLowerCase();
  const hint = Object.hasOwn(hints, plain) ? hints[plain] : undefined;
  if (hint !== undefined) throw new ConfigError(`${caller}: unknown option '${unknown}'; ${hint}`);
  // Names of one or two letters resemble everything.
  const [nearest] =
    unknown.length < 3
      ? []
      : nearestNames(
          unknown,
          known.filter((name) => name.length > 2),
          1,
        );
  throw new ConfigError(`${caller}: unknown option '${unknown}'; ${names}${nearest === undefined ? '' : `; did you mean '${nearest}'?`}`);
}

function checkGiven(caller: string, name: string, value: unknown): void {
  if (value === undefined) throw new ConfigError(`${caller}: ${name} must be given, got nothing; pass { ${name}: … }`);
}

/** Declares an option of any type, with a check of its own. */
export function option<Value, const How extends Declared<unknown>>(
  how: How & Declared<NoInfer<Value>>,
  check: Option<Value, Presence>['check'] = checkGiven,
): Option<Value, PresenceOf<How>> {
  const presence: Presence = how.default !== undefined ? 'default' : how.optional ? 'optional' : 'required';
  return { presence: presence as PresenceOf<How>, default: how.default, check };
}

/** Declares a finite number in a range. */
export function number<const How extends Declared<number> & NumberRange>(how: How): Option<number, PresenceOf<How>> {
  return option<number, How>(how, (caller, name, value) => checkNumber(caller, name, value, how));
}

/** Declares a count: 0, 1, 2, …. */
export function count<const How extends Declared<number>>(how: How): Option<number, PresenceOf<How>> {
  return option<number, How>(how, checkCount);
}

/** Declares a positive integer, such as a dimension. */
export function size<const How extends Declared<number>>(how: How): Option<number, PresenceOf<How>> {
  return option<number, How>(how, checkPositiveInteger);
}

/** Declares a switch. */
export function flag<const How extends Declared<boolean>>(how: How): Option<boolean, PresenceOf<How>> {
  return option<boolean, How>(how, (caller, name, value) => {
    if (typeof value === 'boolean') return;
    throw new ConfigError(`${caller}: ${name} must be true or false, got ${describeValue(value)}; pass one of them`);
  });
}

/** Declares one of a fixed set of strings. */
export function choice<const Choice extends string, const How extends Declared<NoInfer<Choice>>>(
  choices: readonly Choice[],
  how: How,
): Option<Choice, PresenceOf<How>> {
  return option<Choice, How>(how, (caller, name, value) => checkChoice(caller, name, value, choices));
}
