/** Generation as text: pieces as they come, and texts that end it. Used by the commands that generate. */
import { ConfigError, DomainError } from '../core/errors.js';
import { declareOptions, describeValue, flag, option } from '../core/options.js';
import type { CausalLM, GenerateOptions } from './causal-lm.js';
import { courseOptions } from './generate.js';
import type { AnswerFrame, Tokenizer } from './tokenizer/tokenizer.js';

/** Options of {@link generateText}. */
export interface GenerateTextOptions extends Omit<GenerateOptions, 'stopTokens'> {
  /** Texts at which generation ends; the text ends before the first of them. Default: none. */
  readonly stop?: readonly string[];
  /**
   * If true, the prompt gets the tokens that training put around a text. False for what a chat template has written,
   * which has them. Default: true.
   */
  readonly addSpecialTokens?: boolean;
  /**
   * If true, the text is the answer of an assistant to a prompt that a chat template has written: it also ends at the
   * token with which the template ends an answer (`<|im_end|>`, `<|eot_id|>`, …), and is without the white space that
   * the template writes around one. Default: false.
   */
  readonly endOfTurn?: boolean;
}

/** What ended a text: an end token or a stop text, or the largest number of tokens. */
export interface GeneratedText {
  /** Number of tokens generated, those of a stop text and the end token included. */
  readonly tokens: number;
  /** `'stop'`: the model or a stop text ended it; `'length'`: there was no room for more tokens. */
  readonly finish: 'stop' | 'length';
}

const textOptions = declareOptions<GenerateTextOptions>()({
  ...courseOptions,
  stop: option({ optional: true }),
  addSpecialTokens: flag({ default: true }),
  endOfTurn: flag({ default: false }),
});

/**
 * Continues a prompt. Special tokens are left out of the text, and so is the stop text that ends it; a piece is given
 * once no stop text can begin in it.
 *
 * @param prompt - the text to continue.
 * @param options - those of `CausalLM.generate` but for its `stopTokens`, which are the tokenizer's `endIds`, with
 * `endOfTurn` also those of its `answerFrame`.
 * @returns the pieces of the text in order, as they become certain; none is empty. Its return value tells what ended
 * it.
 * @throws ConfigError for bad options, or an end of the turn without a chat template; DomainError for a prompt that
 * cannot be encoded, has no tokens or leaves no room.
 *
 * @example
 * ```ts
 * import { type CausalLM, generateText, type Tokenizer } from 'bures/models';
 *
 * export async function answer(model: CausalLM, tokenizer: Tokenizer, question: string): Promise<string> {
 *   let text = '';
 *   for await (const piece of generateText(model, tokenizer, question, { maxNewTokens: 100, stop: ['\n'] })) text += piece;
 *   return text;
 * }
 * ```
 */
export async function* generateText(
  model: CausalLM,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerateTextOptions = {},
): AsyncGenerator<string, GeneratedText, undefined> {
  const { stop = [], addSpecialTokens, endOfTurn } = textOptions.read('generateText', options);
  const { stop: _, addSpecialTokens: __, endOfTurn: ___, ...course } = options;
  checkStops(stop);
  const frame: AnswerFrame = endOfTurn ? tokenizer.answerFrame() : { endIds: [], before: '', after: '' };
  const stopTokens = [...new Set([...tokenizer.endIds, ...frame.endIds])];
  const stream = tokenizer.decodeStream({ skipSpecialTokens: true });
  let [held, tokens, ended, begun] = ['', 0, false, frame.before === ''];
  const plain = tokenizer.encode(prompt, { addSpecialTokens: false });
  const ids = addSpecialTokens ? tokenizer.encode(prompt) : plain;
  if (prompt !== '' && plain.length === 0) {
    throw new DomainError(
      `generateText: expected a prompt with a token at least, but the tokenizer knows none of the characters of ${describeValue(prompt.slice(0, 100))}, and leaves them out; write the prompt in characters of the model`,
    );
  }
  for await (const id of model.generate(ids, { ...course, stopTokens })) {
    tokens++;
    ended = stopTokens.includes(id);
    // An end token need not be a special one, which is left out anyway.
    if (!ended) held += stream.push(id);
    if (!begun) {
      if (frame.before.startsWith(held) && held.length < frame.before.length) continue;
      begun = true;
      if (held.startsWith(frame.before)) held = held.slice(frame.before.length);
    }
    const end = firstOf(held, stop);
    if (end !== undefined) {
      if (end > 0) yield held.slice(0, end);
      return { tokens, finish: 'stop' };
    }
    const certain = held.length - Math.max(possibleStart(held, stop), possibleEnd(held, frame.after));
    if (certain > 0) yield held.slice(0, certain);
    held = held.slice(certain);
  }
  held += stream.end();
  const end = firstOf(held, stop);
  let rest = held.slice(0, end);
  if (ended && end === undefined && frame.after !== '' && rest.endsWith(frame.after)) rest = rest.slice(0, -frame.after.length);
  if (rest !== '') yield rest;
  return { tokens, finish: ended || end !== undefined ? 'stop' : 'length' };
}

function checkStops(stop: unknown): asserts stop is readonly string[] {
  const bad = Array.isArray(stop) ? stop.find((one) => typeof one !== 'string' || one === '') : stop;
  if (!Array.isArray(stop) || bad !== undefined)
    throw new ConfigError(
      `generateText: expected texts for stop, none of them empty, got ${describeValue(bad)}; pass a list such as ['\\n']`,
    );
}

/** Returns where the first of some texts begins; `undefined` if none is there. */
function firstOf(text: string, stops: readonly string[]): number | undefined {
  const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  return places.length === 0 ? undefined : Math.min(...places);
}

/** Returns the length of the longest end of a text with which a stop text begins. */
function possibleStart(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--)
      if (stop.startsWith(text.slice(-length))) longest = length;
  }
  return longest;
}

/**
 * Returns the length of the longest end of a text that begins what a template may write before the end of an answer.
 */
function possibleEnd(text: string, after: string): number {
  for (let length = Math.min(after.length, text.length); length > 0; length--) if (text.endsWith(after.slice(0, length))) return length;
  return 0;
}
