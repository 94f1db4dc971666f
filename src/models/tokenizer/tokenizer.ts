/** Text to token ids and back, as a model's directory prescribes it. */

/** A token with a role, such as the one that ends a text. */
export interface SpecialToken {
  /** Its number in the vocabulary. */
  readonly id: number;
  /** Its text, such as `<|endoftext|>`. */
  readonly text: string;
}

/** The tokens with a role. A role that the directory gives to none is absent. */
export interface SpecialTokens {
  /** Begins a text. */
  readonly bos?: SpecialToken;
  /** Ends a text: what a model is trained to end with. */
  readonly eos?: SpecialToken;
  /** Fills rows of a batch up to one length. */
  readonly pad?: SpecialToken;
  /** Stands for what the vocabulary lacks. */
  readonly unk?: SpecialToken;
}

/** One turn of a conversation; templates may look at further properties, such as `tool_calls`. */
export interface ChatMessage {
  /** Who speaks: `system`, `user`, `assistant`, `tool`, or what else the template knows. */
  readonly role: string;
  /** What is said; for some templates a list of parts. */
  readonly content: unknown;
  readonly [property: string]: unknown;
}

/** Options of {@link Tokenizer.encode}. */
export interface EncodeOptions {
  /** Whether to add the tokens that the model's training put around a text, such as the one that begins it. */
  readonly addSpecialTokens?: boolean;
}

/** Options of {@link Tokenizer.decode} and {@link Tokenizer.decodeStream}. */
export interface DecodeOptions {
  /** Whether to leave out special tokens. */
  readonly skipSpecialTokens?: boolean;
}

/** Options of {@link Tokenizer.applyChatTemplate}. */
export interface ChatTemplateOptions {
  /** Whether to end with the beginning of an answer, for the model to go on from. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables for the template, such as `tools` or `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** Options of the three, unless told otherwise. */
export const tokenizerDefaults: Required<EncodeOptions & DecodeOptions & ChatTemplateOptions> = {
  addSpecialTokens: true,
  skipSpecialTokens: false,
  addGenerationPrompt: false,
  variables: {},
};

/** Decodes tokens as they come, for showing text while it is generated. */
export interface DecodeStream {
  /** Takes the next token; returns the text that is certain by now: never a part of a character. It may be empty. */
  push(id: number): string;
  /**
   * Returns the rest: what was held back because a character was not complete. All pieces together are what `decode`
   * gives for all tokens.
   */
  end(): string;
}

/** A model's tokenizer. */
export interface Tokenizer {
  /** One more than the largest token id; a model may have more rows than that in its embedding. */
  readonly vocabularySize: number;
  /** The tokens with a role. */
  readonly specials: SpecialTokens;
  /**
   * The tokens at which generation stops: `eos_token_id` of generation_config.json or, failing that, of config.json, or
   * else the tokenizer's `eos_token`.
   */
  readonly endIds: readonly number[];
  /** Whether the directory has a chat template. */
  readonly hasChatTemplate: boolean;
  /**
   * Encodes a text. Special tokens written out in it become those tokens.
   *
   * @throws DomainError if the text is not well-formed Unicode, or holds what the vocabulary cannot express.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /**
   * Decodes tokens. Ids that the vocabulary lacks, to which a padded embedding can lead, are passed over, as
   * transformers does.
   *
   * @throws DomainError if an id is not an integer ≥ 0.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Begins decoding token by token. */
  decodeStream(options?: DecodeOptions): DecodeStream;
  /** The id of a token given by its text in the vocabulary; undefined if there is none. */
  tokenId(token: string): number | undefined;
  /**
   * Writes a conversation as the model's training had it. Encode the result with `addSpecialTokens: false`: the
   * template has put them in.
   *
   * @throws ConfigError if the directory has no chat template; DomainError, with the template's own message, if it
   * refuses the conversation.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): string;
}
