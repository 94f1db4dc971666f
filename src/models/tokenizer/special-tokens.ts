/** Roles of tokens, as the files of a checkpoint define them. */
import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import type { SpecialTokens } from './tokenizer.js';

const roles = ['bos', 'eos', 'pad', 'unk'] as const;

/**
 * Reads `bos_token`, `eos_token`, `pad_token` and `unk_token`: texts, or objects with a `content`.
 *
 * @param where - the file, for messages.
 * @param tokenId - the vocabulary.
 * @throws FormatError if one of them is not a token of the vocabulary.
 */
export function readSpecialTokens(
  caller: string,
  where: string,
  config: JsonObject,
  tokenId: (token: string) => number | undefined,
): SpecialTokens {
  const found = roles.flatMap((role) => {
    const value = config[`${role}_token`];
    if (value === undefined || value === null) return [];
    const text = isJsonObject(value) ? value.content : value;
    const id = typeof text === 'string' ? tokenId(text) : undefined;
    if (typeof text !== 'string' || id === undefined) {
      throw new FormatError(
        `${caller}: ${where}: ${role}_token must be a token of the vocabulary, got ${describeValue(text)}; check the file`,
      );
    }
    return [[role, { id, text }] as const];
  });
  return Object.fromEntries(found);
}

/**
 * Reads the tokens that end a text: `eos_token_id` of the first of the given configurations that has one.
 *
 * @param configurations - parsed files by name, in order of precedence; undefined for missing ones.
 * @throws FormatError if it is neither a token id nor a list of them.
 */
export function readEndIds(caller: string, configurations: ReadonlyMap<string, JsonObject | undefined>): readonly number[] | undefined {
  for (const [file, config] of configurations) {
    const value = config?.eos_token_id;
    if (value === undefined || value === null) continue;
    const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (!ids.every(isTokenId)) {
      throw new FormatError(
        `${caller}: ${file}: eos_token_id must be a token id or a list of them, got ${describeValue(value)}; check the file`,
      );
    }
    return ids;
  }
  return undefined;
}

/** Returns true if a value can be a token id. */
export function isTokenId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
