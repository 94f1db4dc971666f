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
 * @param kindOf - tells tokens that are left out of all texts, and bytes: what a run of bytes is, is known at its end
 * only.
 */
export function openDecodeStream(
  decode: (ids: readonly number[]) => string,
  kindOf: (id: number) => 'skipped' | 'byte' | 'text',
): DecodeStream {
  /** Last tokens whose text was returned. */
  let context: number[] = [];
  /** Tokens after them. */
  let recent: number[] = [];
  /** Length of the text of both that was returned. */
  let given = 0;
  const take = (text: string, certain: string): string => {
    const piece = certain.slice(given);
    given = certain.length;
    // Tokens without text of their own, such as a mark of a space at the beginning, stay with those that follow.
    if (text === certain && piece !== '') {
      context = recent;
      given = decode(context).length;
      recent = [];
    }
    return piece;
  };
  return {
    push(id) {
      const kind = kindOf(id);
      if (kind === 'skipped') return '';
      recent.push(id);
      // What comes before a run of bytes was given before it.
      if (kind === 'byte') return '';
      const text = decode([...context, ...recent]);
      return take(text, text.endsWith(replacement) ? text.slice(0, -1) : text);
    },
    end() {
      const text = decode([...context, ...recent]);
      return take(text, text);
    },
  };
}
