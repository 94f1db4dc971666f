/** Reading a model's `config.json` key by key, so that none passes unnoticed. */
import { ConfigError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';

/**
 * Keys of any architecture without effect on the forward pass: bookkeeping, training of other programs, and what
 * transformers' own interface returns.
 */
const WITHOUT_EFFECT: readonly string[] = [
  '_attn_implementation',
  '_attn_implementation_autoset',
  '_name_or_path',
  'architectures',
  'attention_dropout',
  'bos_token_id',
  'chunk_size_feed_forward',
  'dtype',
  'gradient_checkpointing',
  'id2label',
  'initializer_range',
  'label2id',
  'model_type',
  'output_attentions',
  'output_hidden_states',
  'pad_token_id',
  'problem_type',
  'return_dict',
  'return_dict_in_generate',
  'task_specific_params',
  'tokenizer_class',
  'torch_dtype',
  'torchscript',
  'transformers_version',
  'unsloth_fixed',
  'unsloth_version',
  'use_cache',
];

/** Bounds that the tensors of a checkpoint set to its config. */
export interface CheckpointBounds {
  /** Number of tensors: the config may have no more blocks than that. */
  readonly tensors: number;
  /** Longest axis of any tensor: no size in the config may exceed it. */
  readonly longestAxis: number;
}

/** A config file, or an object in it. Remembers which keys were asked for. */
export class ConfigReader {
  readonly #caller: string;
  readonly #where: string;
  readonly #json: JsonObject;
  readonly #known: Set<string>;
  readonly #bounds: CheckpointBounds | undefined;

  /**
   * @param caller - the public function that errors name.
   * @param where - the file, and the place in it, for messages.
   * @param options - keys without effect, and the bounds that the checkpoint sets.
   */
  constructor(
    caller: string,
    where: string,
    json: JsonObject,
    { withoutEffect = WITHOUT_EFFECT, bounds }: { readonly withoutEffect?: readonly string[]; readonly bounds?: CheckpointBounds } = {},
  ) {
    this.#caller = caller;
    this.#where = where;
    this.#json = json;
    this.#known = new Set(withoutEffect);
    this.#bounds = bounds;
  }

  /** Returns true if a key has a value other than null. */
  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** Returns true if a key is there and null, which is not the same as missing if there is a default. */
  isNull(key: string): boolean {
    return this.#json[key] === null;
  }

  /** Reads a positive integer; the default if the key is missing or null. */
  integer(key: string, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
    return this.fail(key, 'a positive integer', value);
  }

  /**
   * Reads a size that an axis of a tensor has, or divides.
   *
   * @throws FormatError if it is above all axes in the checkpoint, so that nothing of that size is made before the
   * shapes are compared.
   */
  size(key: string, fallback?: number): number {
    return this.#bounded(key, this.integer(key, fallback), this.#bounds?.longestAxis, 'the longest axis of a tensor of the checkpoint');
  }

  /** Reads a number of blocks. @throws FormatError if it is above the number of tensors. */
  blocks(key: string, fallback?: number): number {
    return this.#bounded(key, this.integer(key, fallback), this.#bounds?.tensors, 'the number of tensors of the checkpoint');
  }

  #bounded(key: string, value: number, most: number | undefined, meaning: string): number {
    if (most === undefined || value <= most) return value;
    throw new FormatError(
      `${this.#caller}: expected '${key}' of ${this.#where} to be at most ${most}, ${meaning}, got ${value}; fetch both from one place`,
    );
  }

  /** Reads a positive number. */
  positive(key: string, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (Number.isFinite(value) && (value as number) > 0) return value as number;
    return this.fail(key, 'a positive number', value);
  }

  /** Reads a truth value. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.#value(key) ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false', value);
  }

  /** Reads one of the values that are supported. */
  choice<Choice extends string>(key: string, supported: readonly Choice[], fallback: Choice): Choice {
    const value = this.#value(key) ?? fallback;
    const found = supported.find((each) => each === value);
    return found ?? this.fail(key, `one of ${supported.map((each) => `'${each}'`).join(', ')}`, value);
  }

  /** Reads a list of strings, or `undefined`. */
  strings(key: string): readonly string[] | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    const valid = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
    return valid ? (value as string[]) : this.fail(key, 'a list of strings', value);
  }

  /** Reads a list of numbers, or `undefined`. */
  numbers(key: string): readonly number[] | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    const valid = Array.isArray(value) && value.every((entry) => Number.isFinite(entry));
    return valid ? (value as number[]) : this.fail(key, 'a list of numbers', value);
  }

  /** Reads one token or a list of tokens; empty if the key is missing. */
  tokens(key: string): readonly number[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const valid = list.every((token) => Number.isSafeInteger(token) && (token as number) >= 0);
    return valid ? (list as number[]) : this.fail(key, 'a token or a list of tokens', value);
  }

  /** Returns a reader for an object in this one, or `undefined`. */
  section(key: string): ConfigReader | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.fail(key, 'an object', value);
    return new ConfigReader(this.#caller, `${this.#where}, ${key}`, value, { withoutEffect: [] });
  }

  /** Returns a reader for the config of a model in this one, which has the same keys without effect and bounds. */
  model(key: string): ConfigReader {
    const value = this.#value(key);
    if (!isJsonObject(value)) return this.fail(key, 'an object', value);
    return new ConfigReader(this.#caller, `${this.#where}, ${key}`, value, this.#bounds === undefined ? {} : { bounds: this.#bounds });
  }

  /** Accepts keys that do not change the result. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#known.add(key);
  }

  /** Requires a key, if present, to have the one value that is supported. */
  only(key: string, supported: boolean | number | string): void {
    const value = this.#value(key) ?? supported;
    if (value !== supported) this.fail(key, shown(supported), value);
  }

  /**
   * Refuses keys that nobody asked for, unless their value says that the feature is off: null, false, or an empty
   * string, list or object.
   *
   * @throws ConfigError naming the first.
   */
  finish(): void {
    for (const [key, value] of Object.entries(this.#json)) {
      if (this.#known.has(key) || isOff(value)) continue;
      throw new ConfigError(
        `${this.#caller}: the key '${key}' = ${shown(value)} of ${this.#where} is not supported, since what it changes is not known; remove it only if it has no effect`,
      );
    }
  }

  /** @throws ConfigError naming a key, what was expected and what it is. */
  fail(key: string, expected: string, value: unknown = this.#json[key]): never {
    throw new ConfigError(
      `${this.#caller}: expected '${key}' of ${this.#where} to be ${expected}, got ${shown(value)}; such models are not supported`,
    );
  }

  #value(key: string): unknown {
    this.#known.add(key);
    return this.#json[key] ?? undefined;
  }
}

function isOff(value: unknown): boolean {
  if (value === null || value === false || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Describes a value of the config as it is written there. */
function shown(value: unknown): string {
  // What is nested may be nested deeper than the stack is.
  const isFlat = typeof value === 'object' && Object.values(value ?? {}).every((entry) => typeof entry !== 'object' || entry === null);
  const text = isFlat ? JSON.stringify(value) : describeValue(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)} …` : text;
}

/** Number of characters of a value that a message shows. */
const longestShown = 210;
