import type { DecodeStream } from './tokenizer.js';

/**
 * Character that decoders put in place of bytes that are no character, or not yet one: once for the first bytes of a
 * character, however many.
 */
const replacement = '\uFFFD';

/**
 * Decodes token by token: the tokens since the last complete character together with those of the piece before it,
 * since a decoder may treat the first token of a text differently from the same token inside it. A replacement
 * character at the end is held back until the next token shows whether it becomes another. Cost of a push: one decoding
 * of a few tokens, however long the text.
 *
 * @param decode - decodes a list of tokens.
 */
export function openDecodeStream(decode: (ids: readonly number[]) => string): DecodeStream {
  /** Last tokens whose text was returned. */
  let context: number[] = [];
  /** Tokens after them. */
  let recent: number[] = [];
  /** Length of the text of both that was returned. */
  let given = 0;
  const take = (text: string, certain: string): string => {
    const piece = certain.slice(given);
    given = certain.length;
    // Tokens without text, such as skipped special ones, are no context: the earlier one stays.
    if (text === certain && recent.length > 0 && piece !== '') {
      context = recent;
      given = decode(context).length;
    }
    if (text === certain) recent = [];
    return piece;
  };
  return {
    push(id) {
      recent.push(id);
      const text = decode([...context, ...recent]);
      return take(text, text.endsWith(replacement) ? text.slice(0, -1) : text);
    },
    end() {
      const text = decode([...context, ...recent]);
      return take(text, text);
    },
  };
}
