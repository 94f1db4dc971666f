/**
 * Encodes a text that consists of parts, and says which tokens are whose. The underlying library gives tokens without
 * their places in the text; they are found here by encoding what comes before a place and, where a token spans it, by
 * the pieces of text that the tokens are.
 */
import { countBefore } from './token-places.js';
import type { TextPart } from './tokenizer.js';

/** The parts of Hugging Face's tokenizer that its own `encode` consists of. */
export interface PipelineParts {
  tokenize(text: string, options: { readonly add_special_tokens: boolean }): readonly string[];
  readonly normalizer: ((text: string) => string) | null;
  readonly pre_tokenizer: ((text: string, options: { readonly section_index: number }) => readonly string[]) | null;
  readonly post_processor: ((tokens: readonly string[], pair: null, add: boolean) => { readonly tokens: readonly string[] }) | null;
  readonly splitter_unnormalized: { split(text: string): readonly string[] };
  readonly added_tokens_map: ReadonlyMap<string, { readonly lstrip: boolean; readonly rstrip: boolean }>;
}

/** Text between two added tokens, or one of them. */
interface Section {
  readonly start: number;
  readonly end: number;
  readonly added: string | undefined;
}

/** Tokens of a piece of text. */
interface Piece {
  readonly tokens: readonly string[];
  /** What the text was encoded behind; its tokens are left out. */
  readonly lead: string;
}

/** Stands for the tokens of a text where those around it are asked for. */
const standIn = '\u0000';
/**
 * Characters that a text is encoded behind, in turn, so that it is treated as the middle of one: the first of which no
 * token takes in the text as well.
 */
const leads = ['\n', 'a', '1', '.', '語', '«', ' '] as const;

/**
 * Encodes the texts of parts as one, as {@link Tokenizer.encodeParts} says.
 *
 * @returns the tokens of each part.
 */
export function encodeParts(pipeline: PipelineParts, parts: readonly TextPart[], addSpecialTokens: boolean): readonly string[][] {
  const divider = new Divider(pipeline, parts);
  divider.run();
  const { found } = divider;
  if (addSpecialTokens && pipeline.post_processor !== null && parts.length > 0) {
    const { tokens } = pipeline.post_processor([standIn], null, true);
    const at = tokens.indexOf(standIn);
    found[0] = [...tokens.slice(0, at), ...found[0]];
    found[found.length - 1] = [...found[found.length - 1], ...tokens.slice(at + 1)];
  }
  return found;
}

class Divider {
  /** The tokens of each part. */
  readonly found: string[][];
  readonly #pipeline: PipelineParts;
  readonly #text: string;
  /** Where each part ends. */
  readonly #ends: readonly number[];
  /** Where parts begin that a model writes. */
  readonly #generated: readonly number[];

  constructor(pipeline: PipelineParts, parts: readonly TextPart[]) {
    this.#pipeline = pipeline;
    this.#text = parts.map(({ text }) => text).join('');
    this.found = parts.map(() => []);
    let place = 0;
    this.#ends = parts.map(({ text }) => {
      place += text.length;
      return place;
    });
    this.#generated = parts.flatMap(({ generated }, index) => (generated === true ? [this.#ends[index] - parts[index].text.length] : []));
  }

  run(): void {
    let from: number | undefined = 0;
    while (from !== undefined) from = this.#encodeFrom(from);
  }

  /** Encodes the text from a place to its end, or to the first place where it must be cut, which it returns. */
  #encodeFrom(from: number): number | undefined {
    for (const [index, section] of sectionsOf(this.#pipeline, this.#text, from).entries()) {
      const { start, end, added } = section;
      const goesOn = from > 0 && index === 0;
      const encode = (stop: number): Piece => this.#encode(start, stop, from > 0 ? index + 1 : index, goesOn);
      const whole = added === undefined ? encode(end) : { tokens: [added], lead: '' };
      // What a model goes on from is encoded without what it will write.
      const cut = this.#generated.find(
        (place) => place > start && place < end && (added !== undefined || !isPrefix(encode(place).tokens, whole.tokens)),
      );
      this.#assign(start, cut ?? end, cut === undefined ? whole : encode(cut), encode);
      if (cut !== undefined) return cut;
    }
    return undefined;
  }

  /** Gives the tokens of a piece of text to the parts in which they begin. */
  #assign(start: number, end: number, piece: Piece, encode: (stop: number) => Piece): void {
    let taken = 0;
    for (let part = this.#ends.findIndex((stop) => stop > start); taken < piece.tokens.length; part += 1) {
      const stop = this.#ends[part];
      const count = stop >= end ? piece.tokens.length : Math.max(taken, this.#count(start, stop, end, piece, encode));
      this.found[part].push(...piece.tokens.slice(taken, count));
      taken = count;
    }
  }

  /** Counts the tokens that begin before a place. */
  #count(start: number, stop: number, end: number, { tokens, lead }: Piece, encode: (stop: number) => Piece): number {
    const before = encode(stop).tokens;
    if (isPrefix(before, tokens)) return before.length;
    const surface = (from: number, to: number): string => surfaceOf(this.#pipeline, lead + this.#text.slice(from, to));
    return countBefore(
      tokens,
      surface(start, end).slice(surface(start, start).length),
      surface(start, stop).length - surface(start, start).length,
    );
  }

  #encode(start: number, stop: number, section: number, goesOn: boolean): Piece {
    const text = this.#text.slice(start, stop);
    if (!goesOn) return { tokens: tokensOf(this.#pipeline, text, section), lead: '' };
    // Where the beginning of a text is no other than its middle, nothing has to stand before it.
    if (surfaceOf(this.#pipeline, `a${text}`) === surfaceOf(this.#pipeline, 'a') + surfaceOf(this.#pipeline, text))
      return { tokens: tokensOf(this.#pipeline, text, section), lead: '' };
    for (const lead of leads) {
      const own = tokensOf(this.#pipeline, lead, section);
      const all = tokensOf(this.#pipeline, lead + text, section);
      if (isPrefix(own, all)) return { tokens: all.slice(own.length), lead };
    }
    return { tokens: tokensOf(this.#pipeline, text, section), lead: '' };
  }
}

/** Divides a text at its added tokens, as the library does, without the spaces that those take in. */
function sectionsOf({ splitter_unnormalized, added_tokens_map }: PipelineParts, text: string, from: number): readonly Section[] {
  let place = from;
  const sections = splitter_unnormalized.split(text.slice(from)).map((piece) => {
    const start = place;
    place += piece.length;
    return { start, end: place, added: added_tokens_map.has(piece) ? piece : undefined };
  });
  for (const [index, { added }] of sections.entries()) {
    const token = added === undefined ? undefined : added_tokens_map.get(added);
    const left = token?.lstrip === true ? sections.at(index - 1) : undefined;
    const right = token?.rstrip === true ? sections.at(index + 1) : undefined;
    if (left !== undefined && index > 0 && left.added === undefined)
      left.end = left.start + text.slice(left.start, left.end).trimEnd().length;
    if (right !== undefined && right.added === undefined) right.start = right.end - text.slice(right.start, right.end).trimStart().length;
  }
  return sections.filter(({ start, end }) => end > start);
}

/** Encodes a text without added tokens. Some tokenizers treat the one at the very beginning in another way. */
function tokensOf(pipeline: PipelineParts, text: string, section: number): readonly string[] {
  if (text === '') return [];
  const plain = { add_special_tokens: false };
  if (section === 0) return pipeline.tokenize(text, plain);
  for (const [token, { rstrip }] of pipeline.added_tokens_map) {
    if (rstrip || pipeline.splitter_unnormalized.split(token).length !== 1) continue;
    const tokens = pipeline.tokenize(token + text, plain);
    if (tokens[0] === token) return tokens.slice(1);
  }
  return pipeline.tokenize(text, plain);
}

/** Returns what the tokens of a text are pieces of: the text as the library prepares it for its model. */
function surfaceOf({ normalizer, pre_tokenizer }: PipelineParts, text: string): string {
  const normalized = normalizer === null ? text : normalizer(text);
  return pre_tokenizer === null || normalized === '' ? normalized : pre_tokenizer(normalized, { section_index: 0 }).join('');
}

function isPrefix(tokens: readonly string[], of: readonly string[]): boolean {
  return tokens.length <= of.length && tokens.every((token, index) => token === of[index]);
}
