/** Reading a model's `config.json` key by key, so that none passes unnoticed. */
import { ConfigError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import { changesForward, isNeutral, presumedFlags } from './forward-keys.js';

/**
 * Keys of any architecture without effect on the forward pass, which no notice is given of: bookkeeping, training and
 * exporting of other programs, classification, how texts are generated, and what transformers' own interface returns.
 */
const WITHOUT_EFFECT: readonly string[] = `
  _attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash _name_or_path _num_labels
  architectures attention_dropout attn_implementation attn_pdrop bos_token_id
  chunk_size_feed_forward classifier_dropout dropout dtype embd_pdrop embedding_dropout finetuning_task 
  gradient_checkpointing hidden_dropout hidden_dropout_prob id2label initializer_range is_decoder is_llama_config
  label2id max_sequence_length mlp_dropout model_max_length model_type name_or_path num_labels output_attentions
  output_hidden_states output_past output_scores pad_token_id pretraining_tp problem_type resid_pdrop residual_dropout return_dict
  return_dict_in_generate sep_token_id cls_token_id unk_token_id eod_token_id summary_activation summary_first_dropout
  summary_last_dropout summary_proj_to_labels summary_type summary_use_proj task_specific_params tf_legacy_loss
  tokenizer_class torch_dtype torchscript transformers.js_config transformers_version unsloth_fixed unsloth_version
  use_bfloat16 use_cache use_return_dict z_loss_coefficient
  bad_words_ids begin_suppress_tokens decoder_start_token_id diversity_penalty do_sample early_stopping
  encoder_no_repeat_ngram_size exponential_decay_length_penalty forced_bos_token_id forced_eos_token_id length_penalty
  max_length max_new_tokens min_length no_repeat_ngram_size num_beam_groups num_beams num_return_sequences prefix
  remove_invalid_values repetition_penalty suppress_tokens temperature top_k top_p typical_p
`
  .trim()
  .split(/\s+/);

/** Receives a line of text about a config that is read all the same. */
export type ConfigNotice = (line: string) => void;

/** Bounds that the tensors of a checkpoint set to its config. */
export interface CheckpointBounds {
  /** Number of tensors: the config may have no more blocks than that. */
  readonly tensors: number;
  /** Longest axis of any tensor: no size in the config may exceed it. */
  readonly longestAxis: number;
}

/** Options of {@link ConfigReader}. */
export interface ConfigReaderOptions {
  /** True for an object that is not the config of a model: each of its keys counts. Default: false. */
  readonly inSection?: boolean;
  /** The bounds that the checkpoint sets. Default: none. */
  readonly bounds?: CheckpointBounds;
  /** Receives what is to be said of keys that are passed over. Default: nothing is called. */
  readonly onNotice?: ConfigNotice;
}

/** A config file, or an object in it. Remembers which keys were asked for. */
export class ConfigReader {
  readonly #caller: string;
  readonly #where: string;
  readonly #json: JsonObject;
  readonly #known: Set<string>;
  readonly #options: ConfigReaderOptions;

  /**
   * @param caller - the public function that errors name.
   * @param where - the file, and the place in it, for messages.
   */
  constructor(caller: string, where: string, json: JsonObject, options: ConfigReaderOptions = {}) {
    this.#caller = caller;
    this.#where = where;
    this.#json = json;
    this.#known = new Set(options.inSection ? [] : WITHOUT_EFFECT);
    this.#options = options;
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

  /** Reads a number of things, which may be none. */
  count(key: string, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    return this.fail(key, 'an integer that is not negative', value);
  }

  /**
   * Reads a size that an axis of a tensor has, or divides.
   *
   * @throws FormatError if it is above all axes in the checkpoint, so that nothing of that size is made before the
   * shapes are compared.
   */
  size(key: string, fallback?: number): number {
    return this.#bounded(
      key,
      this.integer(key, fallback),
      this.#options.bounds?.longestAxis,
      'the longest axis of a tensor of the checkpoint',
    );
  }

  /** Reads a number of blocks. @throws FormatError if it is above the number of tensors. */
  blocks(key: string, fallback?: number): number {
    return this.#bounded(key, this.integer(key, fallback), this.#options.bounds?.tensors, 'the number of tensors of the checkpoint');
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
    return new ConfigReader(this.#caller, `${this.#where}, ${key}`, value, { ...this.#options, inSection: true });
  }

  /** Returns a reader for the config of a model in this one, which has the same keys without effect and bounds. */
  model(key: string): ConfigReader {
    const value = this.#value(key);
    if (!isJsonObject(value)) return this.fail(key, 'an object', value);
    return new ConfigReader(this.#caller, `${this.#where}, ${key}`, value, this.#options);
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
   * Ends the reading. A key that nobody asked for, and whose value does not say that the feature is off (null, false,
   * or an empty string, list or object), is refused if it changes the forward pass of some architecture; of all others
   * a notice is given, since exporters write keys of their own.
   *
   * @throws ConfigError naming the first that is refused.
   */
  finish(): void {
    const passedOver: string[] = [];
    for (const [key, value] of Object.entries(this.#json)) {
      if (this.#known.has(key)) continue;
      if (Object.hasOwn(presumedFlags, key)) {
        this.only(key, presumedFlags[key]);
        continue;
      }
      if (isOff(value) || isNeutral(key, value)) continue;
      if (this.#options.inSection || changesForward(key)) {
        const reason = this.#options.inSection
          ? 'since each key of this section counts, and what this one changes is not known'
          : 'since it changes what a model computes, and this architecture has nothing like it here';
        throw new ConfigError(
          `${this.#caller}: the key '${key}' = ${shown(value)} of ${this.#where} is not supported, ${reason}; remove it only if it has no effect`,
        );
      }
      passedOver.push(`'${key}' = ${shown(value)}`);
    }
    if (passedOver.length === 0) return;
    const listed = passedOver.slice(0, mostListed).join(', ');
    const more = passedOver.length > mostListed ? ` and ${passedOver.length - mostListed} more` : '';
    const code = 'auto_map' in this.#json ? "; the code of its authors that 'auto_map' names is not run" : '';
    this.#options.onNotice?.(
      `${this.#caller}: ${this.#where} has keys that the library does not know, and passes over: ${listed}${more}${code}`,
    );
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

/** Number of keys that a notice lists. */
const mostListed = 20;

/** Number of characters of a value that a message shows. */
const longestShown = 210;
