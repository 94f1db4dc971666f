/** Where tokens begin in the text that they are pieces of. */

import { byteToken } from './mend-pipeline.js';

/**
 * Counts the tokens that begin before a place of a text.
 *
 * @param surface - the text as it was prepared for the model: normalized, spaces marked, bytes as characters.
 * @param place - index in it.
 */
export function countBefore(tokens: readonly string[], surface: string, place: number): number {
  let [at, bytes] = [0, 0];
  for (const [index, token] of tokens.entries()) {
    if (at >= place && bytes === 0) return index;
    const length = lengthAt(token, surface, at);
    if (length !== undefined) at += length;
    else if (byteToken.test(token)) {
      bytes += 1;
      const character = String.fromCodePoint(surface.codePointAt(at) ?? 0);
      if (bytes === new TextEncoder().encode(character).length) [at, bytes] = [at + character.length, 0];
    } else at = afterUnknown(tokens.slice(index + 1), surface, at);
  }
  return tokens.length;
}

/** Returns the characters that a token takes at a place; undefined if it does not stand there. */
function lengthAt(token: string, surface: string, at: number): number | undefined {
  // WordPiece marks what goes on with a word, and some BPE vocabularies what ends one.
  for (const piece of [token, token.replace(/^##/, ''), token.replace(/<\/w>$/, '')])
    if (piece !== '' && surface.startsWith(piece, at)) return piece.length;
  return undefined;
}

/** Returns where a token ends that stands for characters that the vocabulary lacks: where the next one begins. */
function afterUnknown([next]: readonly string[], surface: string, at: number): number {
  if (next === undefined) return surface.length;
  for (let end = at + 1; end < surface.length; end += 1) if (lengthAt(next, surface, end) !== undefined) return end;
  return surface.length;
}
