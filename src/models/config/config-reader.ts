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

/** What the tensors of a checkpoint allow its config to claim. */
export interface CheckpointBounds {
  /** How many tensors there are: no more blocks than that. */
  readonly tensors: number;
  /** The longest axis of any of them: no size in the config is above it. */
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
   * @param caller - the public function on whose behalf this happens.
   * @param where - the file, and the place in it, for messages.
   * @param options - keys without effect, and what the checkpoint allows to be claimed.
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

  /** Whether a key is there with a value other than null. */
  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** Whether a key is there and null, which is not the same as missing where there is a default. */
  isNull(key: string): boolean {
    return this.#json[key] === null;
  }

  /** A positive integer, the default where the key is missing or null. */
  integer(key: string, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
    return this.fail(key, 'a positive integer', value);
  }

  /**
   * A size that an axis of a tensor has, or divides.
   *
   * @throws FormatError if it is above all axes in the checkpoint, so that nothing of that size is made before shapes
   * are compared.
   */
  size(key: string, fallback?: number): number {
    return this.#bounded(key, this.integer(key, fallback), this.#bounds?.longestAxis, 'the longest axis of a tensor of the checkpoint');
  }

  /** A number of blocks. @throws FormatError if it is above the number of tensors. */
  blocks(key: string): number {
    return this.#bounded(key, this.integer(key), this.#bounds?.tensors, 'the number of tensors of the checkpoint');
  }

  #bounded(key: string, value: number, most: number | undefined, meaning: string): number {
    if (most === undefined || value <= most) return value;
    throw new FormatError(
      `${this.#caller}: expected '${key}' of ${this.#where} to be at most ${most}, ${meaning}, got ${value}; fetch both from one place`,
    );
  }

  /** A positive number. */
  positive(key: string, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (Number.isFinite(value) && (value as number) > 0) return value as number;
    return this.fail(key, 'a positive number', value);
  }

  /** A truth value. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.#value(key) ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false', value);
  }

  /** One of the values that are supported. */
  choice<Choice extends string>(key: string, supported: readonly Choice[], fallback: Choice): Choice {
    const value = this.#value(key) ?? fallback;
    const found = supported.find((each) => each === value);
    return found ?? this.fail(key, `one of ${supported.map((each) => `'${each}'`).join(', ')}`, value);
  }

  /** A list of strings, or `undefined`. */
  strings(key: string): readonly string[] | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    const valid = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
    return valid ? (value as string[]) : this.fail(key, 'a list of strings', value);
  }

  /** One token or a list of tokens; empty where the key is missing. */
  tokens(key: string): readonly number[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const valid = list.every((token) => Number.isSafeInteger(token) && (token as number) >= 0);
    return valid ? (list as number[]) : this.fail(key, 'a token or a list of tokens', value);
  }

  /** A reader for an object in this one, or `undefined`. */
  section(key: string): ConfigReader | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.fail(key, 'an object', value);
    return new ConfigReader(this.#caller, `${this.#where}, ${key}`, value, { withoutEffect: [] });
  }

  /** Keys that do not change the result. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#known.add(key);
  }

  /** Requires a key, where it is there, to have the one value that is supported. */
  only(key: string, supported: boolean | number | string): void {
    const value = this.#value(key) ?? supported;
    if (value !== supported) this.fail(key, describeValue(supported), value);
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
        `${this.#caller}: the key '${key}' = ${describeValue(value)} of ${this.#where} is not supported, since what it changes is not known; remove it only if it has no effect`,
      );
    }
  }

  /** @throws ConfigError naming a key, what it may be and what it is. */
  fail(key: string, expected: string, value: unknown = this.#json[key]): never {
    throw new ConfigError(
      `${this.#caller}: expected '${key}' of ${this.#where} to be ${expected}, got ${describeValue(value)}; such models are not supported`,
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
