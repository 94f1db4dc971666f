import { ConfigError, DomainError, FormatError, NotImplementedError } from '../../core/errors.js';
import { declareOptions, describeValue, flag, option } from '../../core/options.js';
import type { Files } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { isJsonObject, type JsonObject, readJson } from '../../io/parse-json.js';
import { findAnswerFrame } from './answer-frame.js';
import { type ChatTemplate, readChatTemplate } from './chat-template.js';
import { checkDefinition } from './check-definition.js';
import { openDecodeStream } from './decode-stream.js';
import { templateSource } from './known-templates.js';
import { byteToken } from './mend-pipeline.js';
import { buildPipeline, type Pipeline } from './pipeline.js';
import { isTokenId, readEndIds, readSpecialTokens } from './special-tokens.js';
import type { AnswerFrame, ChatMessage, ChatTemplateOptions, DecodeOptions, EncodeOptions, SpecialTokens, Tokenizer } from './tokenizer.js';

const caller = 'loadTokenizer';

/** Options of {@link loadTokenizer}. */
export interface LoadTokenizerOptions {
  /** Where the directory lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /**
   * The time that chat templates are told, which several write into every conversation. Default: that of the clock at
   * each rendering.
   */
  readonly now?: Date;
  /**
   * Chat template that takes the place of the directory's: the source of a Jinja program, or one of the names in
   * {@link chatTemplates}, such as `'chatml'`. Default: that of the directory.
   */
  readonly chatTemplate?: string;
}

const loadTokenizerOptions = declareOptions<LoadTokenizerOptions>()({
  files: filesOption,
  now: option({ optional: true }, (caller, name, now) => {
    if (now instanceof Date && !Number.isNaN(now.getTime())) return;
    throw new ConfigError(`${caller}: ${name} must be a valid Date, got ${describeValue(now)}; pass, say, new Date()`);
  }),
  chatTemplate: option({ optional: true }, (caller, name, given) => void templateSource(caller, name, given)),
});
const encodeOptions = declareOptions<EncodeOptions>()({ addSpecialTokens: flag({ default: true }) });
const decodeOptions = declareOptions<DecodeOptions>()({ skipSpecialTokens: flag({ default: false }) });
const chatTemplateOptions = declareOptions<ChatTemplateOptions>()({
  addGenerationPrompt: flag({ default: false }),
  variables: option({ default: {} }),
});

/** Defaults of encoding, decoding and chat templates. */
export const tokenizerDefaults: Required<EncodeOptions & DecodeOptions & ChatTemplateOptions> = {
  ...encodeOptions.defaults,
  ...decodeOptions.defaults,
  ...chatTemplateOptions.defaults,
};

/**
 * Loads the tokenizer of a checkpoint: tokenizer.json and, if present, tokenizer_config.json, special_tokens_map.json,
 * chat_template.jinja and the `eos_token_id` of generation_config.json and config.json.
 *
 * @param directory - the checkpoint.
 * @param options - see {@link LoadTokenizerOptions}.
 * @returns the tokenizer; it holds no resources.
 * @throws FormatError, naming the file, if one is missing or malformed; NotImplementedError for a tokenizer that would
 * give other tokens here than in transformers.
 * @see https://github.com/huggingface/tokenizers.js, which does the encoding.
 */
export async function loadTokenizer(directory: string, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  const { files, now, chatTemplate } = loadTokenizerOptions.read(caller, options);
  const inDirectory = (name: string): string => files.join(directory, name);
  const definition = await readObject(files, inDirectory('tokenizer.json'));
  const config = (await readObjectIfThere(files, inDirectory('tokenizer_config.json'))) ?? {};
  const specialMap = (await readObjectIfThere(files, inDirectory('special_tokens_map.json'))) ?? {};
  checkDefinition(caller, inDirectory('tokenizer.json'), definition);
  checkSupported(inDirectory('tokenizer.json'), definition, config);
  const pipeline = buildPipeline(caller, inDirectory('tokenizer.json'), definition, config);
  const specials = readSpecialTokens(caller, `the tokenizer of ${directory}`, { ...specialMap, ...config }, (token) =>
    pipeline.token_to_id(token),
  );
  const endIds = readEndIds(
    caller,
    new Map([
      [inDirectory('generation_config.json'), await readObjectIfThere(files, inDirectory('generation_config.json'))],
      [inDirectory('config.json'), await readObjectIfThere(files, inDirectory('config.json'))],
    ]),
  );
  const given = chatTemplate === undefined ? undefined : templateSource(caller, 'chatTemplate', chatTemplate);
  const template = await readChatTemplate(caller, directory, config, { files, now, given });
  return tokenizerOf(directory, pipeline, specials, endIds ?? (specials.eos === undefined ? [] : [specials.eos.id]), template);
}

async function readObject(files: Files, file: string): Promise<JsonObject> {
  const value = await readJson(caller, file, files);
  if (!isJsonObject(value)) throw new FormatError(`${caller}: ${file} must be a JSON object, got ${describeValue(value)}; fetch it again`);
  return value;
}

async function readObjectIfThere(files: Files, file: string): Promise<JsonObject | undefined> {
  return (await files.describe(file)) === undefined ? undefined : readObject(files, file);
}

/** Refuses what the underlying library would silently ignore. */
function checkSupported(file: string, definition: JsonObject, config: JsonObject): void {
  const added = Array.isArray(definition.added_tokens) ? definition.added_tokens : [];
  const singleWord: unknown = added.find((token) => isJsonObject(token) && token.single_word === true);
  if (isJsonObject(singleWord)) {
    throw new NotImplementedError(
      `${caller}: ${file}: the added token ${describeValue(singleWord.content)} is one that matches whole words only (single_word); use a tokenizer without`,
    );
  }
  // transformers 5 does no such clean-up for BPE, whatever the file says, since it damages the text.
  if (config.clean_up_tokenization_spaces === true && isJsonObject(definition.model) && definition.model.type !== 'BPE') {
    throw new NotImplementedError(
      `${caller}: ${file}: clean_up_tokenization_spaces is for BPE tokenizers only here, got ${describeValue(definition.model.type)}; set it to false`,
    );
  }
}

function tokenizerOf(
  directory: string,
  pipeline: Pipeline,
  specials: SpecialTokens,
  endIds: readonly number[],
  template: ChatTemplate | undefined,
): Tokenizer {
  const vocabularySize = [...pipeline.get_vocab().values()].reduce((largest, id) => Math.max(largest, id), -1) + 1;
  const decoder = (options: DecodeOptions) => {
    const { skipSpecialTokens } = decodeOptions.read('decode', options);
    return (ids: readonly number[]): string => {
      const known = ids.filter((id) => isInVocabulary(pipeline, id));
      // The pipeline refuses an empty list.
      if (known.length === 0) return '';
      return pipeline.decode(known, { skip_special_tokens: skipSpecialTokens, clean_up_tokenization_spaces: false });
    };
  };
  const applyChatTemplate = (messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string => {
    const { addGenerationPrompt, variables } = chatTemplateOptions.read('applyChatTemplate', options);
    if (template === undefined) {
      throw new ConfigError(
        `applyChatTemplate: ${directory === '' ? 'the model' : directory} has no chat template; write one into chat_template.jinja in its folder, or give one by chatTemplate of loadTokenizer (--chat-template), such as chatml`,
      );
    }
    const texts = Object.entries(specials).map(([role, { text }]) => [`${role}_token`, text] as const);
    // transformers gives all templates tools and documents, None where there are none.
    const none = { tools: null, documents: null };
    return template({ ...Object.fromEntries(texts), ...none, messages, add_generation_prompt: addGenerationPrompt, ...variables });
  };
  let frame: AnswerFrame | undefined;
  return {
    vocabularySize,
    specials,
    endIds,
    hasChatTemplate: template !== undefined,
    encode(text, options = {}) {
      const { addSpecialTokens } = encodeOptions.read('encode', options);
      return encodeText(pipeline, text, addSpecialTokens);
    },
    encodeParts(parts, options = {}) {
      const { addSpecialTokens } = encodeOptions.read('encodeParts', options);
      for (const { text } of parts) checkText('encodeParts', text);
      checkText('encodeParts', parts.map(({ text }) => text).join(''));
      const all = pipeline.parts(parts, addSpecialTokens);
      return all.map((ids, part) => known('encodeParts', parts[part].text, ids));
    },
    decode: (ids, options = {}) => decoder(options)([...ids]),
    decodeStream(options = {}) {
      const { skipSpecialTokens } = decodeOptions.read('decodeStream', options);
      return openDecodeStream(decoder(options), (id) => {
        const token = isInVocabulary(pipeline, id) ? pipeline.id_to_token(id) : undefined;
        if (token === undefined || (skipSpecialTokens && pipeline.special_tokens.includes(token))) return 'skipped';
        return byteToken.test(token) ? 'byte' : 'text';
      });
    },
    tokenId: (token) => pipeline.token_to_id(token),
    applyChatTemplate,
    answerFrame() {
      frame ??= findAnswerFrame({
        render: (messages, addGenerationPrompt) => applyChatTemplate(messages, { addGenerationPrompt }),
        encode: (text) => encodeText(pipeline, text, false),
        addedToken: (id) => {
          const token = pipeline.id_to_token(id);
          return token !== undefined && pipeline.isAdded(token) ? token : undefined;
        },
      });
      return frame;
    },
  };
}

function encodeText(pipeline: Pipeline, text: string, addSpecialTokens: boolean): number[] {
  checkText('encode', text);
  return known('encode', text, pipeline.encode(text, { add_special_tokens: addSpecialTokens }).ids);
}

function checkText(name: string, text: unknown): void {
  if (typeof text !== 'string') throw new DomainError(`${name}: expected a string, got ${describeValue(text)}; pass the text itself`);
  if (/\p{Surrogate}/u.test(text)) {
    throw new DomainError(`${name}: expected well-formed Unicode, got a text with half of a surrogate pair; do not cut characters in two`);
  }
}

/** @throws DomainError if the vocabulary lacks a token. */
function known(name: string, text: string, ids: readonly (number | undefined)[]): number[] {
  return ids.map((id, position) => {
    if (id !== undefined) return id;
    throw new DomainError(
      `${name}: token ${position} of ${describeValue(text.slice(0, 100))} is not in the vocabulary; this tokenizer has no unk_token`,
    );
  });
}

function isInVocabulary(pipeline: Pipeline, id: number): boolean {
  if (!isTokenId(id))
    throw new DomainError(`decode: expected token ids, integers ≥ 0, got ${describeValue(id)}; pass what encode or a model gave`);
  return pipeline.id_to_token(id) !== undefined;
}
