/** Hugging Face's tokenizer as it is used here: mended, and with errors that name its file. */
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { FormatError } from '../../core/errors.js';
import type { JsonObject } from '../../io/parse-json.js';
import { encodeParts, type PipelineParts } from './encode-parts.js';
import { mendPipeline } from './mend-pipeline.js';
import type { TextPart } from './tokenizer.js';

/** The part of Hugging Face's tokenizer in use; TypeScript's rules for Node cannot resolve its declarations. */
export interface Pipeline {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly (number | undefined)[] };
  decode(
    ids: readonly number[],
    options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  readonly special_tokens: readonly string[];
  /** True for a token that was added to those of the model: the special ones, and some words. */
  isAdded(token: string): boolean;
  parts(parts: readonly TextPart[], addSpecialTokens: boolean): readonly (readonly (number | undefined)[])[];
  get_vocab(): ReadonlyMap<string, number>;
}

/** The pipeline with what its own `encode` consists of. */
interface WholePipeline extends Omit<Pipeline, 'parts'>, PipelineParts {
  readonly decoder: unknown;
  readonly model: { readonly tokens_to_ids: ReadonlyMap<string, number>; readonly unk_token_id?: number };
  readonly added_tokens_map: ReadonlyMap<string, { readonly id: number; readonly lstrip: boolean; readonly rstrip: boolean }>;
}

/**
 * Builds the pipeline of a definition.
 *
 * @throws FormatError, naming the file, if the library does not take it.
 */
export function buildPipeline(caller: string, file: string, definition: JsonObject, config: JsonObject): Pipeline {
  try {
    const pipeline = new HuggingFaceTokenizer(definition, config) as unknown as WholePipeline;
    mendPipeline(pipeline);
    return guarded(file, pipeline);
  } catch (cause) {
    throw new FormatError(
      `${caller}: ${file} must hold a tokenizer of Hugging Face's format, got: ${JSON.stringify((cause as Error).message)}; fetch it again`,
      {
        cause,
      },
    );
  }
}

/** Wraps the pipeline, so that what it throws by itself becomes an error that names its file. */
function guarded(file: string, pipeline: WholePipeline): Pipeline {
  const guard = <Result>(name: string, run: () => Result): Result => {
    try {
      return run();
    } catch (cause) {
      const problem = cause instanceof RangeError ? 'the text is too long for it' : (cause as Error).message;
      throw new FormatError(`${name}: the tokenizer of ${file} failed: ${problem}; check the file, or give shorter texts`, { cause });
    }
  };
  return {
    encode: (text, options) => guard('encode', () => pipeline.encode(text, options)),
    parts: (parts, addSpecialTokens) =>
      guard('encodeParts', () => {
        const { added_tokens_map, model } = pipeline;
        // As the library's own `encode` looks them up.
        const idOf = (token: string): number | undefined =>
          added_tokens_map.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id;
        return encodeParts(pipeline, parts, addSpecialTokens).map((tokens) => tokens.map(idOf));
      }),
    decode: (ids, options) => guard('decode', () => pipeline.decode(ids, options)),
    token_to_id: (token) => pipeline.token_to_id(token),
    id_to_token: (id) => pipeline.id_to_token(id),
    special_tokens: pipeline.special_tokens,
    isAdded: (token) => pipeline.added_tokens_map.has(token),
    get_vocab: () => pipeline.get_vocab(),
  };
}
