/** Text to token ids and back, as a model's directory defines it. */

/** A token with a role, such as the one that ends a text. */
export interface SpecialToken {
  /** Its number in the vocabulary. */
  readonly id: number;
  /** Its text, such as `<|endoftext|>`. */
  readonly text: string;
}

/** The tokens with a role. A role that the directory gives to no token is absent. */
export interface SpecialTokens {
  /** Token that begins a text. */
  readonly bos?: SpecialToken;
  /** Token that ends a text, with which a model is trained to end. */
  readonly eos?: SpecialToken;
  /** Token that fills rows of a batch up to one length. */
  readonly pad?: SpecialToken;
  /** Token that stands for what the vocabulary lacks. */
  readonly unk?: SpecialToken;
}

/** One turn of a conversation; templates may look at further properties, such as `tool_calls`. */
export interface ChatMessage {
  /** Speaker: `system`, `user`, `assistant`, `tool`, or another that the template knows. */
  readonly role: string;
  /** Text of the turn; for some templates a list of parts. */
  readonly content: unknown;
  readonly [property: string]: unknown;
}

/** A part of a text: see {@link Tokenizer.encodeParts}. */
export interface TextPart {
  /** The text of the part. */
  readonly text: string;
  /** If true, a model writes this part, going on from the text before it. Default: false. */
  readonly generated?: boolean;
}

/** Options of {@link Tokenizer.encode} and {@link Tokenizer.encodeParts}. */
export interface EncodeOptions {
  /** If true, adds the tokens that training put around a text, such as the one that begins it. Default: true. */
  readonly addSpecialTokens?: boolean;
}

/** Options of {@link Tokenizer.decode} and {@link Tokenizer.decodeStream}. */
export interface DecodeOptions {
  /** If true, leaves out special tokens. Default: false. */
  readonly skipSpecialTokens?: boolean;
}

/** Options of {@link Tokenizer.applyChatTemplate}. */
export interface ChatTemplateOptions {
  /** If true, ends with the beginning of an answer, for the model to go on from. Default: false. */
  readonly addGenerationPrompt?: boolean;
  /** Other variables for the template, such as `tools` or `enable_thinking`. Default: none. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** What a chat template writes around the answers of an assistant. */
export interface AnswerFrame {
  /**
   * The token that ends an answer, such as `<|im_end|>`; empty if the template writes no special token behind one.
   */
  readonly endIds: readonly number[];
  /** White space between the request for an answer and its text, which the model writes. */
  readonly before: string;
  /** White space between the text of an answer and its end. */
  readonly after: string;
}

/** Decodes tokens as they come, for showing text while it is generated. */
export interface DecodeStream {
  /**
   * Takes the next token; returns the text that is certain by now, never a part of a character. It may be empty, as
   * where tokens are single bytes: those come out with the next token that is not one.
   */
  push(id: number): string;
  /**
   * Returns the rest, held back because a character was not complete. All pieces together are what `decode` gives for
   * all tokens.
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
  /** True if the directory has a chat template. */
  readonly hasChatTemplate: boolean;
  /**
   * Encodes a text. Special tokens written out in it become those tokens.
   *
   * @throws DomainError if the text is not well-formed Unicode, or holds what the vocabulary cannot express.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /**
   * Encodes parts that follow one another as the one text that they make, and returns the tokens of each part.
   *
   * A token belongs to the part in which it begins. All tokens together are those of the whole text, with one
   * exception: where a token would span the beginning of a part that is `generated`, or the text before that part has
   * other tokens by itself, the text is cut there, and the part goes on as in the middle of a text. So a model that
   * writes the part has the same tokens before it in training as when it is asked for the part.
   *
   * @param parts - texts in their order; empty ones have no tokens. Tokens that are added around the text go to the
   * first part and the last.
   * @throws DomainError as {@link Tokenizer.encode} does.
   */
  encodeParts(parts: readonly TextPart[], options?: EncodeOptions): number[][];
  /**
   * Decodes tokens. Ids that the vocabulary lacks, to which a padded embedding can lead, are skipped, as in
   * transformers.
   *
   * @throws DomainError if an id is not an integer ≥ 0.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Begins decoding token by token. */
  decodeStream(options?: DecodeOptions): DecodeStream;
  /** Returns the id of a token given by its text in the vocabulary; undefined if there is none. */
  tokenId(token: string): number | undefined;
  /**
   * Writes a conversation in the form of the model's training. Encode the result with `addSpecialTokens: false`: the
   * template has added them.
   *
   * @throws ConfigError if the directory has no chat template; DomainError, with the template's own message, if it
   * refuses the conversation.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): string;
  /**
   * Returns what the chat template writes around the answers of an assistant, found by writing one.
   *
   * @throws ConfigError if the directory has no chat template.
   */
  answerFrame(): AnswerFrame;
}
